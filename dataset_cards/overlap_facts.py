"""What `trajset decontaminate` found, from its columns and from the step that it left in the manifest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast

import polars as pl
from pydantic import TypeAdapter, ValidationError

from ..builder.dataset import LocalDataset
from ..builder.manifest import RAW, Manifest

COMMAND = "decontaminate"


@dataclass(frozen=True, slots=True)
class SetFacts:
    """An evaluation set, and the questions of the dataset that overlap with it."""

    name: str
    source: str
    hash: str
    questions: int
    exact: int
    ngram: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """The last run of the command: its rules, the sets that it compared with, and when (UTC)."""

    against: tuple[SetFacts, ...]
    ngram: int
    threshold: float
    near: float
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OverlapFacts:
    """Questions that repeat others, and rows whose question overlaps with an evaluation set.

    `repeats` counts the questions that another one stands for. `contaminated` maps each split to its rows
    that overlap; None where no set was compared with. `last` is None where the manifest does not know how the
    columns were made.
    """

    questions: int
    repeats: int
    contaminated: dict[str, int] | None
    contaminated_questions: int
    last: Comparison | None


def overlap_facts(dataset: LocalDataset) -> OverlapFacts | None:
    """What the columns say; None where nobody compared the questions.

    Raises:
        DataError: a file is missing or cannot be read.
    """
    columns = ["question_id", "duplicate_group", "contaminated"]
    frame = cast("pl.DataFrame", pl.from_arrow(dataset.table(RAW, columns)))
    if frame["duplicate_group"].count() + frame["contaminated"].count() == 0:
        return None
    compared = frame["contaminated"].count() > 0
    return OverlapFacts(
        questions=frame["question_id"].n_unique(),
        repeats=_questions(frame, pl.col("duplicate_group") != pl.col("question_id")),
        contaminated={name: _contaminated(dataset, name) for name in dataset.splits} if compared else None,
        contaminated_questions=_questions(frame, pl.col("contaminated")),
        last=_last_comparison(dataset.manifest),
    )


def _questions(frame: pl.DataFrame, test: pl.Expr) -> int:
    return frame.filter(test)["question_id"].n_unique()


def _contaminated(dataset: LocalDataset, split: str) -> int:
    frame = cast("pl.DataFrame", pl.from_arrow(dataset.table(split, ["contaminated"])))
    return frame.filter("contaminated").height


def _last_comparison(manifest: Manifest) -> Comparison | None:
    """The last step of the command; a manifest of other hands may hold one that says something else."""
    step = next((step for step in reversed(manifest.steps) if step.command == COMMAND), None)
    if step is None:
        return None
    try:
        return _COMPARISON.validate_python(step.config | {"created_at": step.created_at})
    except ValidationError:
        return None


_COMPARISON = TypeAdapter(Comparison)
