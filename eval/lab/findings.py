"""What the exams of the seeds found, as numbers: means by student, mode and measure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from ...builder.schema import Row
from ..cells import Mode
from ..evaluation import EvaluationOptions
from ..failures import with_failures
from ..gathering import gather, measurements
from ..question_facts import KnownQuestions, read_facts
from ..results import AdaptivePoint, Failure
from ..results_json import PROBE, read_probe
from ..sources import DatasetRows, find_datasets
from .places import Places
from .plan import STUDENTS

MADE_UP = "made_up"
"""Rows with a hallucination, alone or with bad retrieval."""
MEASURES = ("f1", "em", "searches", "never_searches", MADE_UP)

Key = tuple[str, Mode, str]
"""Student, mode, measure."""


@dataclass(frozen=True, slots=True)
class SeedFindings:
    """Means of a seed. `adaptive` is the change of F1 by student and percent of the questions that are
    answered closed book."""

    seed: int
    means: Mapping[Key, float]
    adaptive: Mapping[tuple[str, float], float]

    def has(self, model: str) -> bool:
        """Whether the student was examined."""
        return (model, Mode.LIVE, "f1") in self.means

    def mean(self, model: str, mode: Mode, measure: str) -> float:
        """A mean over the exam's questions.

        Raises:
            KeyError: that was not measured.
        """
        return self.means[model, mode, measure]


@dataclass(frozen=True, slots=True)
class OneModel:
    """The rows of a dataset without the revision of their model: seeds of a student count as its samples."""

    inner: DatasetRows

    def frame(self) -> pl.DataFrame:
        """The numbers of all rows."""
        return self.inner.frame().with_columns(teacher_revision=pl.lit(None, pl.String))

    def rows(self, ids: Collection[str]) -> Iterator[Row]:
        """The rows with these ids."""
        return self.inner.rows(ids)

    def known(self) -> KnownQuestions:
        """What is known of the questions."""
        return self.inner.known()


def exam_rows(places: Places, seed: int) -> list[OneModel]:
    """The datasets of a seed's exams."""
    return [OneModel(one) for one in find_datasets([str(places.exams(seed))])]


def findings(places: Places, seed: int, options: EvaluationOptions) -> SeedFindings:
    """The means of a seed.

    Raises:
        DataError: a dataset or a probe cannot be read.
    """
    found = gather(exam_rows(places, seed), read_facts(()), options.wrong)
    means: dict[Key, float] = {}
    for one in measurements(found.frame) if found else []:
        flagged = with_failures(one, found.causes, options.wrong) if found else one
        frame = flagged.frame.with_columns(
            (pl.col(Failure.HALLUCINATION) + pl.col(Failure.BOTH)).alias(MADE_UP)
        )
        for measure in MEASURES:
            value = frame[measure].mean()
            if isinstance(value, float):
                means[one.cell.model, one.cell.mode, measure] = value
    adaptive = {
        (model, point.percent): point.change.value or 0.0
        for model in STUDENTS
        for point in _curve(places, model, seed)
    }
    return SeedFindings(seed, means, adaptive)


def _curve(places: Places, model: str, seed: int) -> tuple[AdaptivePoint, ...]:
    file = places.probe(model, seed) / PROBE
    return read_probe(file).probe.curve if file.is_file() else ()
