"""Why an answer is wrong: bad retrieval, hallucination, both, or neither (reasoning), by a written rule.

Wrong is a scored row whose F1 is at most 0.65, the bar of the recipe `f1_only`, or whatever `WrongRows` says:
no exact match, or a judge's verdict.

Bad retrieval: the model searched, and one of these holds:
    R1  the title of a supporting passage is in no search result (where the titles are known)
    R2  no gold answer stands in what was read (yes and no, and what the question names itself, tell nothing)
    R3  no search brought anything
Hallucination: one of these holds:
    H1  an answer without any search
    H2  the answer does not stand in what was read or in the question (yes, no and giving up claim nothing)
    H3  the model says that it speaks from memory (`scoring.memory_cues`), or that it guesses
    H4  a name, number or date in a query stands neither in the question nor in what was read before it
    H5  the same of a statement in the model's reasoning
    H6  retrieval was bad, and the names, numbers and dates of a statement stand in no passage together
Both, or neither: REASONING, where also a row without an answer goes in which nothing was missing or made up.

Closed book nothing is searched: retrieval is not to blame, and H1 makes every answer a hallucination. With
gold evidence the passages handed over are what was read; retrieval is not to blame. A model that may search
and never does is taken like one with closed book. "Stands in" is by words (`claims`), not by meaning: how
often the rule errs is told in docs/metrics.md and measured by benchmarks/failure_rules.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ..builder.schema import Row
from ..builder.scoring import answer_in_evidence, observations
from ..builder.sealed import canary_of, unseal
from .bootstrap import DEFAULT, Draws
from .cells import Mode, cell_of
from .claims import Texts
from .frame import Measurement, frame_of_rows
from .grounding import claims_an_answer, groundless
from .metrics import estimates
from .results import Failure, FailureExample, Failures

WRONG = "wrong"
"""The key of `Failures.shares` for all wrong rows."""


@dataclass(frozen=True, slots=True)
class WrongRows:
    """What counts as wrong: `measure`, a column of `frame`, at most `bar`. A truth is 1 or 0 there."""

    measure: str = "f1"
    bar: float = 0.65

    def among(self, frame: pl.DataFrame) -> pl.Series:
        """Whether each row of a frame is wrong; null where it is not scored."""
        return frame.select((pl.col(self.measure) <= self.bar).alias(WRONG))[WRONG]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a row is wrong, and what of the rule spoke, in words."""

    failure: Failure
    why: str


_CLASSES: Mapping[tuple[bool, bool], Failure] = {
    (True, False): Failure.BAD_RETRIEVAL,
    (False, True): Failure.HALLUCINATION,
    (True, True): Failure.BOTH,
    (False, False): Failure.REASONING,
}


def is_wrong(row: Row, wrong: WrongRows) -> bool:
    """Whether a row is scored and wrong."""
    return bool(wrong.among(frame_of_rows([row]))[0])


def cause_of(row: Row, titles: Sequence[str] | None = None) -> Cause:
    """Why a wrong row is wrong; `titles` are its supporting titles where the row does not say."""
    mode = cell_of(row).mode
    searched = row.search_use.n_searches > 0 and mode in (Mode.LIVE, Mode.NOISY)
    missed = _bad_retrieval(row, row.question.supporting_titles or titles) if searched else None
    if claims_an_answer(row) and not searched and mode is not Mode.GOLD_EVIDENCE:
        made_up = "answered without a search"
    else:
        made_up = groundless(row, strict=missed is not None)
    why = "; ".join(filter(None, (missed, made_up)))
    return Cause(_CLASSES[missed is not None, made_up is not None], why or _nothing(row))


def _nothing(row: Row) -> str:
    ending = "" if row.outcome.answer is not None else f"; no answer ({row.outcome.stop_reason})"
    return f"nothing was missing or made up{ending}"


def _bad_retrieval(row: Row, titles: Sequence[str] | None) -> str | None:
    searches = row.search_use.searches
    found = {title for search in searches for title in search["titles"]}
    missing = [title for title in titles or () if title not in found]
    if missing:
        return f"never retrieved: {', '.join(missing)}"
    if not _brought_anything(row):
        return "no search brought anything"
    asked = Texts([row.question.question])
    golds = [gold for gold in row.question.gold_answers if not asked.has(gold)]
    if answer_in_evidence(observations(row.conversation.messages), golds) is False:
        return "no gold answer in what was read"
    return None


def _brought_anything(row: Row) -> bool:
    """Whether a search did not fail and found something; of an imported one only the failure is known."""
    imported = row.provenance.retriever is None
    return any(
        search["error"] is None and (imported or search["titles"]) for search in row.search_use.searches
    )


WITHHELD = "withheld: the benchmark has a canary"
"""What an example says in place of texts that may not lie on disk in clear."""


def explained(
    rows: Iterable[Row], titles: Mapping[str, Sequence[str]] | None = None
) -> dict[str, FailureExample]:
    """The cause of each wrong row, by row id. `titles` are supporting titles by question id.

    A sealed row is opened in memory alone; of its example nothing but the class is told.
    """
    return {row.id: _explained(row, (titles or {}).get(row.question.question_id)) for row in rows}


def _explained(row: Row, titles: Sequence[str] | None) -> FailureExample:
    cause, asked = cause_of(unseal(row), titles), row.question
    if canary_of(row) is not None:
        return FailureExample(row.id, WITHHELD, (), WITHHELD, cause.failure, WITHHELD)
    return FailureExample(
        row.id, asked.question, asked.gold_answers, row.outcome.answer, cause.failure, cause.why
    )


def with_failures(
    measurement: Measurement, causes: Mapping[str, FailureExample], wrong: WrongRows
) -> Measurement:
    """The measurement with a column `wrong` and one for each `Failure`, 1 or 0, null where a row is unscored.

    Raises:
        ValueError: a wrong row has no cause.
    """
    frame = measurement.frame
    flags = wrong.among(frame)
    lost = [row for row, flag in zip(frame["id"], flags, strict=True) if flag and row not in causes]
    if lost:
        raise ValueError(f"the wrong row {lost[0]} has no cause")
    failures = pl.Series(
        [str(causes[row].failure) if flag else "" for row, flag in zip(frame["id"], flags, strict=True)]
    )
    columns = [
        pl.select(pl.when(flags.is_not_null()).then((failures == str(kind)).cast(pl.Float64)).alias(kind))[
            kind
        ]
        for kind in Failure
    ]
    return Measurement(measurement.cell, frame.with_columns(flags.cast(pl.Float64), *columns))


def failures_of(
    measurement: Measurement, causes: Mapping[str, FailureExample], examples: int = 3, draws: Draws = DEFAULT
) -> Failures:
    """The wrong rows of a measurement (`with_failures`), counted, with some examples of each class."""
    frame = measurement.frame
    wrong = frame.filter(pl.col(WRONG) == 1)["id"]
    counts = Counter(causes[row].failure for row in wrong)
    shown = [
        causes[row]
        for kind in Failure
        for row in [it for it in wrong.sort() if causes[it].failure is kind][:examples]
    ]
    return Failures(
        cell=measurement.cell,
        scored=frame[WRONG].count(),
        wrong=len(wrong),
        counts={kind: counts[kind] for kind in Failure},
        shares=estimates(frame, (WRONG, *map(str, Failure)), draws),
        examples=tuple(shown),
    )
