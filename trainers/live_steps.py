"""The live rollouts of a training step: which ones, under which seeds, and what is kept and told of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from statistics import fmean

from ..builder.chat.scripted import ScriptedChat
from ..builder.collect_job import CollectJob, origin_of
from ..builder.identity import derived_seed
from ..builder.rows import Origin, Sample, build_row
from ..builder.schema import Question, Row, StopReason
from .live import Ask, LiveRollout, LiveRollouts, Writer


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a step's batch: a question, which of its samples, the line's number over all processes."""

    question: Question
    sample: int
    line: int


def asks_of(places: Sequence[Place], seed: int, step: int) -> list[Ask]:
    """The rollouts of a step. Each has a seed of its own, which training seed, step and line decide."""
    return [
        Ask(place.question, Sample(place.sample, derived_seed(seed, "rollout", step, place.line)))
        for place in places
    ]


def writer_at(student: Writer, step: int) -> Writer:
    """The student after `step` updates."""
    return replace(student, revision=f"{student.revision or 'unknown'}@step{step}")


def live_origin(rollouts: LiveRollouts, questions: Iterable[Question], student: Writer, seed: int) -> Origin:
    """What the rows of a training run have in common but for the student's revision."""
    named = ScriptedChat((), student.name, student.revision)  # only asked for its names
    return origin_of(CollectJob(tuple(questions), rollouts.agent(named), Path(), seed=seed))


def rows_of(
    made: Sequence[LiveRollout], asks: Sequence[Ask], origin: Origin, created_at: datetime
) -> list[Row]:
    """The scored row of each rollout."""
    return [
        build_row(rollout.trajectory, origin, ask.sample, created_at)
        for rollout, ask in zip(made, asks, strict=True)
    ]


def told(rows: Sequence[Row]) -> dict[str, float]:
    """What is logged of a step's rollouts; what nothing can be said of is left out.

    `f1`: mean over the rows that have one. `answered`, `token_limit`: shares of the rollouts that ended
    so; `failed`: that infrastructure broke. `searches`: mean number. `failed_searches`: share of the searches
    that failed, refusals of malformed calls among them.
    """
    ends = Counter(row.outcome.stop_reason for row in rows)
    scored = [row.scores.f1 for row in rows if row.scores.f1 is not None]
    searches = sum(row.search_use.n_searches for row in rows)
    failed = sum(row.search_use.n_failed_searches for row in rows)
    found = {
        "f1": fmean(scored) if scored else None,
        "answered": _share(ends[StopReason.ANSWERED], len(rows)),
        "searches": _share(searches, len(rows)),
        "failed_searches": _share(failed, searches),
        "token_limit": _share(ends[StopReason.TOKEN_LIMIT], len(rows)),
        "failed": _share(ends[StopReason.INFRASTRUCTURE], len(rows)),
    }
    return {name: value for name, value in found.items() if value is not None}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
