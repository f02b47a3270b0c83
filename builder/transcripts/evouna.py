"""EVOUNA (Wang et al. 2023, QA-Eval): open questions, answers of several systems, a person's verdict on each.

A record becomes one row for each system, which answered without a search. `judge_SYSTEM` is the verdict on
`answer_SYSTEM`. Questions that the annotators found improper are left out and counted, as the source marks
them for: in what stays, every answer has its verdict. `golden_answer` lists the accepted answers between
slashes, as TriviaQA's aliases; an alias that holds a slash of its own (`UN/LOCODE:NLHAG`) falls apart, which
nothing in the source can undo.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..prompts import Turn
from ..schema import Conversation, JsonObject, Message, Outcome, StopReason
from .fields import text_field
from .reading import Reading, UnreadableError, model_message

ANNOTATOR = "human"
"""Who gave the verdicts; the source does not name them."""

_ANSWER, _VERDICT = "answer_", "judge_"


def looks_evouna(data: JsonObject) -> bool:
    """Whether a record has accepted answers, and an answer with a verdict."""
    return "golden_answer" in data and bool(_systems(data))


def _systems(data: JsonObject) -> list[str]:
    names = [name.removeprefix(_ANSWER) for name in data if name.startswith(_ANSWER)]
    return [name for name in names if f"{_VERDICT}{name}" in data]


def improper(data: JsonObject) -> str | None:
    """Why the authors leave the question out, None where they do not."""
    return "the question is marked improper" if data.get("improper") is True else None


def spread_evouna(data: JsonObject) -> Sequence[tuple[str, JsonObject]]:
    """One record for each system, under its name; a record without any as it is, without a name."""
    shared = {"question": data.get("question"), "golden_answers": _golds(data.get("golden_answer"))}
    found = [(name, data[_ANSWER + name], data[_VERDICT + name]) for name in _systems(data)]
    spread = [
        (name, shared | {"system": name, "said": said, "verdict": verdict}) for name, said, verdict in found
    ]
    return spread or [("", data)]


def _golds(value: object) -> list[str]:
    return [part.strip() for part in value.split("/") if part.strip()] if isinstance(value, str) else []


def parse_evouna(data: JsonObject) -> Reading:
    """A record of `spread_evouna` -> a reading of one question and one answer, with the verdict.

    Raises:
        UnreadableError: no question, no system, or an answer that is no text.
    """
    question, said, system = text_field(data, ("question",)), data.get("said"), data.get("system")
    if question is None or not isinstance(said, str) or not isinstance(system, str):
        raise UnreadableError("no question with the answer of a system (answer_SYSTEM, judge_SYSTEM)")
    verdict = data.get("verdict")
    # Where a system was not asked, the source holds the word None and no verdict.
    answer = said.strip() if isinstance(verdict, bool) or said != "None" else ""
    turn = model_message(Turn(answer=answer) if answer else Turn(text=said), "tools")
    return Reading(
        question,
        Conversation((Message("user", question), turn), (), "tools"),
        Outcome(answer, StopReason.ANSWERED) if answer else Outcome(None, StopReason.ABANDONED),
        teacher=system,
        correct=verdict if isinstance(verdict, bool) else None,
    )
