"""Why an answer is wrong: bad retrieval, hallucination, both, or neither (reasoning), by a written rule.

Wrong is a scored row whose F1 is at most 0.65, the bar of the recipe `f1_only`, or whatever
`FailureRule.measure` and `above` say: EM, or a judge's verdict.

Bad retrieval: the model searched, and one of these holds:
    R1  the title of a supporting passage is in no search result (where the titles are known)
    R2  no gold answer stands in what was read (where a gold answer is not yes or no)
Hallucination: one of these holds:
    H1  an answer without any search
    H2  the answer does not stand in what was read or in the question (yes, no and giving up claim nothing)
    H3  the model says that it speaks from memory (`scoring.memory_cues`)
    H4  a name, number or date in a query stands neither in the question nor in what was read before it
    H5  the same of a statement in the model's reasoning
Both, or neither: REASONING, which is also where a row goes that gave no answer although nothing was missing.

Closed book, nothing was searched: R1 and R2 do not apply, H1 makes every answer a hallucination. With gold
evidence the passages that were handed over are what was read, R1 and R2 do not apply. "Stands in" is by words
(`claims`), not by meaning: see docs/metrics.md for how often the rule errs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..builder.prompts import Turn, parse_turn
from ..builder.schema import Row
from ..builder.scoring import CLOSED_ANSWERS, answer_in_evidence, memory_cues, normalise, observations
from .cells import Mode, cell_of
from .claims import Claim, Texts, claims, words
from .frame import frame_of_rows
from .results import Failure

NO_ANSWER = frozenset(
    (
        "",
        "unknown",
        "not found",
        "none",
        "n/a",
        "i do not know",
        "i dont know",
        "no answer",
        "no information",
        "not enough information",
        "insufficient information",
        "cannot be determined",
        "unable to determine",
        "not available",
        "not specified",
        "not mentioned",
        "not provided",
    )
)
"""Answers, normalised, that claim nothing."""


@dataclass(frozen=True, slots=True)
class FailureRule:
    """What counts as wrong: `measure` (a column of `frame`) at most `above`."""

    measure: str = "f1"
    above: float = 0.65


def is_wrong(row: Row, rule: FailureRule) -> bool:
    """Whether a row is scored and wrong."""
    value = frame_of_rows([row])[rule.measure][0]
    return value is not None and value <= rule.above


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a row is wrong, and what of the rule spoke, in words."""

    failure: Failure
    why: str


def cause_of(row: Row, titles: Sequence[str] | None = None) -> Cause:
    """Why a wrong row is wrong; `titles` are its supporting titles where the row does not say."""
    mode = cell_of(row).mode
    searches = row.search_use.n_searches > 0 and mode in (Mode.LIVE, Mode.NOISY)
    missed = _bad_retrieval(row, row.question.supporting_titles or titles) if searches else None
    made_up = _hallucination(row, mode)
    failure = _CLASSES[missed is not None, made_up is not None]
    return Cause(failure, "; ".join(filter(None, (missed, made_up))) or _nothing(row))


_CLASSES: Mapping[tuple[bool, bool], Failure] = {
    (True, False): Failure.BAD_RETRIEVAL,
    (False, True): Failure.HALLUCINATION,
    (True, True): Failure.BOTH,
    (False, False): Failure.REASONING,
}


def _nothing(row: Row) -> str:
    if row.outcome.answer is None:
        return f"nothing was missing or made up, but no answer came ({row.outcome.stop_reason})"
    return "all was there and nothing was made up"


def _bad_retrieval(row: Row, titles: Sequence[str] | None) -> str | None:
    found = {title for search in row.search_use.searches for title in search["titles"]}
    missing = [title for title in titles or () if title not in found]
    if missing:
        return f"never retrieved: {', '.join(missing)}"
    read = observations(row.conversation.messages)
    if answer_in_evidence(read, row.question.gold_answers) is False:
        return "no gold answer in what was read"
    return None


def _hallucination(row: Row, mode: Mode) -> str | None:
    given, read = Texts(_given(row)), Texts()
    answer = row.outcome.answer
    claimed = answer is not None and normalise(answer) not in NO_ANSWER
    if claimed and row.search_use.n_searches == 0 and mode is not Mode.GOLD_EVIDENCE:
        return "answered without a search"
    if cues := memory_cues(_said(row)):
        return f"says that it speaks from memory: {cues[0]}"
    for message in row.conversation.messages:
        if message.is_observation:
            read.add(message.content)
        elif message.is_model:
            turn = parse_turn(message, row.conversation.grammar)
            if unfounded := _unfounded(turn, (given, read)):
                return unfounded
    if claimed and answer is not None and not _stands(answer, (given, read)):
        return f"the answer does not stand in what was read: {answer}"
    return None


def _given(row: Row) -> list[str]:
    """What the model was told: the question, and in gold evidence its passages."""
    told = [m.content for m in row.conversation.messages if m.role == "user" and not m.is_observation]
    return [row.question.question, *told]


def _said(row: Row) -> list[str]:
    return [
        text
        for message in row.conversation.messages
        if message.is_model
        for text in (message.reasoning_content, message.content)
        if text
    ]


def _unfounded(turn: Turn, known: Iterable[Texts]) -> str | None:
    """The first claim of a turn that stands nowhere."""
    known = tuple(known)
    for query in (call.query or "" for call in turn.calls):
        if claim := _first_unknown(query, known):
            return f"searched for what stood nowhere: {claim}"
    for text in (turn.reasoning or "", turn.text):
        if claim := _first_unknown(text, known):
            return f"said what stood nowhere: {claim}"
    return None


def _first_unknown(text: str, known: Sequence[Texts]) -> str | None:
    return next((claim.text for claim in claims(text) if not _known(claim, known)), None)


def _known(claim: Claim, known: Sequence[Texts]) -> bool:
    if claim.together:
        return any(texts.has(claim.text) for texts in known)
    return all(any(word in texts for texts in known) for word in claim.words)


_PARTS = re.compile(r",\s|;|&|\band\b|\bor\b")


def _stands(answer: str, known: Sequence[Texts]) -> bool:
    """Whether an answer stands in the texts: as a whole, part by part where it is a list, or all that it
    claims where it is a sentence."""
    if normalise(answer) in CLOSED_ANSWERS:
        return True
    if all(any(texts.has(part) for texts in known) for part in _PARTS.split(answer)):
        return True
    found = claims(f"it is {answer}")
    claimed = sum(len(claim.words) for claim in found)
    return 0 < claimed < len(words(answer)) and all(_known(claim, known) for claim in found)
