"""Every number on a card, computed from the dataset. What is not known is None or missing, never 0.

The raw rows are read once, scalar columns only; of the other splits only the ids are read, and only where
labels can be held against them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import polars as pl

from ..builder.dataset import LocalDataset
from ..builder.manifest import RAW
from ..builder.schema import JsonObject, Judgement, Label
from ..builder.world.questions import DATASET as DEMO_WORLD
from ..filters.estimates import Estimates
from .label_facts import AnnotatorFacts, annotators, audits, by_annotator
from .overlap_facts import OverlapFacts, overlap_facts

CATEGORIES = (
    "dataset",
    "teacher",
    "teacher_revision",
    "prompt_id",
    "policy",
    "grammar",
    "temperature",
    "top_p",
    "retriever",
    "corpus",
    "stop_reason",
    "first_action",
    "hops",
    "scorer",
    "builder_version",
)
"""Columns of which the card counts the values."""

MEASURES = (
    "f1",
    "em",
    "cover_match",
    "n_turns",
    "n_searches",
    "n_failed_searches",
    "n_memory_cues",
    "answer_in_evidence",
    "evidence_recall",
    "prompt_tokens",
    "completion_tokens",
    "latency_s",
)
"""Columns of which the card gives mean and sum; true counts as 1."""

_MANY_SEARCHES = 6
_F1_EDGES = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows have this value; the value is None for rows where it is unknown."""

    value: str | int | float | None
    rows: int


@dataclass(frozen=True, slots=True)
class Measure:
    """A column over the `known` rows in which it is not null. Mean and sum are None without any."""

    known: int
    mean: float | None
    total: float | None


@dataclass(frozen=True, slots=True)
class SplitFacts:
    """A split, its share of the raw rows, and what each annotator's labels say of it."""

    name: str
    rows: int
    share: float
    recipe: JsonObject | None
    audits: dict[str, Estimates]


@dataclass(frozen=True, slots=True)
class JudgeFacts:
    """One judge's verdicts, by model. `unread` replies could not be read as a verdict."""

    judge: str
    model: str
    right: int
    wrong: int
    unread: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card says in numbers.

    `counts` come in falling order with unknown values last, `f1` and `searches` by rising value. `overlap` is
    None where nobody compared the questions. `questions_licence` is what their source states (`unknown`
    where it states none), None where nothing was recorded.
    """

    rows: int
    questions: int
    counts: dict[str, tuple[Count, ...]]
    measures: dict[str, Measure]
    f1: tuple[Count, ...]
    searches: tuple[Count, ...]
    created: tuple[datetime, datetime]
    splits: tuple[SplitFacts, ...]
    judges: tuple[JudgeFacts, ...]
    annotators: tuple[AnnotatorFacts, ...]
    overlap: OverlapFacts | None
    questions_licence: str | None = None

    @property
    def simulated(self) -> bool:
        """Whether rows stem from the demo world, whose teacher is a program."""
        return DEMO_WORLD in self.values("dataset")

    def values(self, column: str) -> tuple[str | int | float, ...]:
        """The known values of a column, the most frequent first."""
        return tuple(count.value for count in self.counts[column] if count.value is not None)

    def unknown(self, column: str) -> int:
        """Rows in which a counted or measured column is null."""
        if column in self.measures:
            return self.rows - self.measures[column].known
        return sum(count.rows for count in self.counts[column] if count.value is None)


def compute_facts(dataset: LocalDataset) -> Facts:
    """All facts of a dataset.

    Raises:
        DataError: a file is missing or cannot be read.
    """
    columns = ["question_id", "created_at", *dict.fromkeys((*CATEGORIES, *MEASURES))]
    frame = cast("pl.DataFrame", pl.from_arrow(dataset.table(RAW, columns)))
    labels = by_annotator(dataset.labels())
    created = frame["created_at"]
    return Facts(
        rows=frame.height,
        questions=frame["question_id"].n_unique(),
        counts={name: _counts(frame[name]) for name in CATEGORIES},
        measures={name: _measure(frame[name]) for name in MEASURES},
        f1=_f1_distribution(frame["f1"].drop_nulls()),
        searches=_search_distribution(frame["n_searches"]),
        created=(cast("datetime", created.min()), cast("datetime", created.max())),
        splits=_splits(dataset, labels),
        judges=_judges(dataset.judgements()),
        annotators=annotators(labels, frame.height),
        overlap=overlap_facts(dataset),
        questions_licence=dataset.manifest.config.get("questions-licence"),
    )


def _counts(values: pl.Series) -> tuple[Count, ...]:
    counts = [Count(value, rows) for value, rows in values.value_counts().iter_rows()]
    return tuple(sorted(counts, key=lambda count: (count.value is None, -count.rows, str(count.value))))


def _measure(values: pl.Series) -> Measure:
    known = values.drop_nulls()
    if known.is_empty():
        return Measure(0, None, None)
    return Measure(len(known), cast("float", known.cast(pl.Float64).mean()), float(known.sum()))


def _f1_distribution(f1: pl.Series) -> tuple[Count, ...]:
    """Rows by F1, from 0 to 1, which stand on their own; empty without scores."""
    rows: Counter[str] = Counter()
    for value, count in f1.value_counts().iter_rows():
        rows[_f1_range(value)] += count
    inner = [_f1_range(edge - 0.01) for edge in _F1_EDGES]
    return tuple(Count(name, rows[name]) for name in ("0", *inner, "1")) if rows else ()


def _search_distribution(searches: pl.Series) -> tuple[Count, ...]:
    """Rows by number of searches, from 0 to the largest; `_MANY_SEARCHES` and more in one."""
    rows = Counter(searches.clip(0, _MANY_SEARCHES).to_list())
    names = {_MANY_SEARCHES: f"{_MANY_SEARCHES} or more"}
    return tuple(Count(names.get(number, number), rows[number]) for number in range(max(rows) + 1))


def _f1_range(value: float) -> str:
    if value in (0, 1):
        return f"{value:.0f}"
    low, high = next((edge - 0.25, edge) for edge in _F1_EDGES if value <= edge)
    return f"over {low:g}, {'below' if high == 1 else 'up to'} {high:g}"


def _splits(dataset: LocalDataset, labels: dict[str, list[Label]]) -> tuple[SplitFacts, ...]:
    raw = dataset.manifest.split(RAW).rows
    return tuple(
        SplitFacts(
            split.name,
            split.rows,
            split.rows / raw,
            split.recipe,
            _audits(dataset, split.name, labels) if split.name != RAW else {},
        )
        for split in dataset.manifest.splits
    )


def _audits(dataset: LocalDataset, split: str, labels: dict[str, list[Label]]) -> dict[str, Estimates]:
    kept = frozenset(dataset.ids(split)) if labels else frozenset[str]()
    return audits(labels, kept, dataset.manifest.split(RAW).rows)


def _judges(judgements: Iterable[Judgement]) -> tuple[JudgeFacts, ...]:
    verdicts = Counter((entry.judge, entry.model, entry.verdict) for entry in judgements)
    judges = sorted({(judge, model) for judge, model, _ in verdicts})
    return tuple(
        JudgeFacts(*judge, verdicts[*judge, True], verdicts[*judge, False], verdicts[*judge, None])
        for judge in judges
    )
