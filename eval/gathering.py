"""All rows of an evaluation: their numbers in one frame, why wrong ones are wrong, and the measurements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ..builder.errors import ConfigError, unknown
from ..builder.event_loop import run_in_loop
from .cells import Cell, Made
from .failure_judge import FailureJudge, JudgedFailures
from .failures import WrongRows, explained
from .frame import MADE, SCORES, Measurement, judges_in
from .question_facts import KnownQuestions
from .results import FailureExample
from .sources import RowSource

_REVISION = 8
"""Characters of a revision that tell it from others, mostly."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The numbers of all rows (`frame`), each row once, and the cause of each wrong row by its id.

    `unread` of the causes are the rule's, because a judge's reply could not be read.
    """

    frame: pl.DataFrame
    causes: Mapping[str, FailureExample]
    unread: int


def gather(
    sources: Iterable[RowSource], given: KnownQuestions, wrong: WrongRows, judge: FailureJudge | None = None
) -> Gathered | None:
    """What several sources hold; None where that is nothing. A row that stands in several counts once.

    `given` is known of the questions; it goes before what a source says beside its rows. With a `judge` it
    says why rows are wrong, in place of the rule.

    Raises:
        ConfigError: no such measure to tell wrong rows by.
        DataError: a file cannot be read.
        ChatServerError: the judge's server refuses for good.
    """
    frames: list[pl.DataFrame] = []
    causes: dict[str, FailureExample] = {}
    unread = 0
    for source in sources:
        known = source.known().and_then(given)
        frame = known.told(source.frame())
        ids = set(_wrong_ids(frame, wrong)) - causes.keys()
        rows, titles = source.rows(ids), known.titles(frame)
        found = (
            run_in_loop(judge.causes(rows, titles)) if judge else JudgedFailures(explained(rows, titles), 0)
        )
        causes |= found.causes
        unread += found.unread
        frames.append(frame)
    if not sum(frame.height for frame in frames):
        return None
    frame = pl.concat(frames, how="diagonal").unique("id", keep="first", maintain_order=True)
    return Gathered(frame, causes, unread)


def _wrong_ids(frame: pl.DataFrame, wrong: WrongRows) -> list[str]:
    measures = (*SCORES, *judges_in(frame))
    if wrong.measure not in measures:
        raise ConfigError(str(unknown("measure of wrong rows", wrong.measure, measures)))
    return frame.filter(wrong.among(frame).fill_null(value=False))["id"].to_list()


def measurements(frame: pl.DataFrame) -> list[Measurement]:
    """The frame by cell, in the order of the cells, models under `model_labels`."""
    labels = model_labels(frame.select("teacher", "teacher_revision").unique().rows())
    parts: defaultdict[Cell, list[pl.DataFrame]] = defaultdict(list)
    for part in frame.partition_by(MADE, maintain_order=True):
        made = Made(*part.select(MADE).row(0))
        cell = made.cell_named(labels[made.teacher, made.teacher_revision])
        parts[cell].append(part)
    return [Measurement(cell, pl.concat(parts[cell])) for cell in sorted(parts)]


Name = tuple[str | None, str | None]
"""A model's name and revision, as rows say them."""


def model_labels(names: Sequence[Name]) -> dict[Name, str]:
    """What models are called: by name, and where one has several revisions by as much of them as it takes."""
    revisions: defaultdict[str | None, list[str | None]] = defaultdict(list)
    for name, revision in names:
        revisions[name].append(revision)
    return {
        (name, revision): _label(name or "unknown", revision, several)
        for name, several in revisions.items()
        for revision in several
    }


def _label(name: str, revision: str | None, several: Sequence[str | None]) -> str:
    if len(several) == 1 or not revision:
        return name
    others = [other for other in several if other and other != revision]
    length = _REVISION
    while any(other.startswith(revision[:length]) for other in others) and length < len(revision):
        length += 1
    return f"{name}@{revision[:length]}"
