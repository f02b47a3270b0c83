"""Where sources keep what: the closed lists of field names, in the order in which they are tried.

A field counts when it is there and not blank. Names are tried from left to right; the first wins.
"""

from __future__ import annotations

from typing import Any, cast

from ..schema import JsonObject, Outcome, StopReason

QUESTION = ("question", "Question", "query", "problem")
"""The question."""
GOLD = (
    *("gold_answers", "golden_answers", "gold_answer", "answers", "answer", "Answer"),
    *("ground_truth", "gt", "target", "label", "reward_model"),
)
"""Accepted answers: a text, a list of texts, or an object that holds one of `GOLD_INSIDE`. FireAct's `gt` is
normalised already (lower case, no articles); `--gold` brings the original spelling."""
GOLD_INSIDE = ("ground_truth", "target", "aliases", "value")
PREDICTION = ("pred_ans", "Pred_Answer", "pred", "prediction", "predicted_answer")
"""The answer as the source read it out of the transcript: a check, never the answer itself."""
DATASET = ("dataset", "data_source", "dataset_name")
"""Name of the question set."""
SOURCE_ID = ("question_id", "qid", "id", "_id", "uid")
"""The question's own id. Numbers are positions in some file, not ids, and are passed over."""
TEACHER = ("teacher", "model", "model_name")
"""Who wrote the transcript."""
STOP = ("stop_reason_final", "stop_reason", "finish_reason")
"""Why the source stopped; read only where there is no answer."""
VERDICT = {"gpt4o_output": "gpt-4o", "gpt4o_judge": "gpt-4o", "gpt4o_verdict": "gpt-4o"}
"""A judge's verdict, and the judge's model. `reward`, `em` and `correct` of FireAct and KnowAgent are exact
match computed by rule, which trajset computes itself: they are no judgement."""

_STOPS = {
    **dict.fromkeys(("length", "max_tokens", "max_length", "token_limit"), StopReason.TOKEN_LIMIT),
    **dict.fromkeys(("max_turns", "max_steps", "turn_limit", "many_retrieve"), StopReason.TURN_LIMIT),
    **dict.fromkeys(("timeout", "time_limit"), StopReason.TIME_LIMIT),
}


def text_field(data: JsonObject, names: tuple[str, ...]) -> str | None:
    """The first of the named fields that holds text, stripped."""
    for name in names:
        value = data.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return None


def gold_answers(data: JsonObject, names: tuple[str, ...] = GOLD) -> tuple[str, ...]:
    """The accepted answers, empty where the source has none."""
    for name in names:
        found = _answers(data.get(name))
        if found:
            return tuple(dict.fromkeys(found))
    return ()


def _answers(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value.strip()] if value.strip() else []
    if isinstance(value, list):
        return [answer for item in cast("list[Any]", value) for answer in _answers(item)]
    if isinstance(value, dict):
        return list(gold_answers(cast("JsonObject", value), GOLD_INSIDE))
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return [str(value)] if is_number else []


def source_id(data: JsonObject) -> str | None:
    """The question's id in the source, where it has one that is more than a number."""
    found = text_field(data, SOURCE_ID)
    return found if found and not found.isdecimal() else None


def outcome_of(answer: str | None, data: JsonObject) -> Outcome:
    """How the transcript ended.

    Without an answer in the transcript the stop reason is what the source says (length, turns, time), else
    `ABANDONED`. An answer that stands only in a side field is not the transcript's: it is told in `error`.
    """
    if answer is not None:
        return Outcome(answer, StopReason.ANSWERED)
    said = (text_field(data, STOP) or "").lower()
    aside = text_field(data, PREDICTION)
    error = f"AnswerOutsideTranscript: the source records {aside!r}, the transcript has no answer"
    return Outcome(None, _STOPS.get(said, StopReason.ABANDONED), error if aside else None)
