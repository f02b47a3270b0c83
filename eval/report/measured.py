"""What tables and plots of measurements have in common: a row per model and mode, grouped by benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...filters.report.table import Cell as Shown
from ...filters.report.table import Column, Group, Row, Table
from ..cells import Cell, Mode
from ..results import Estimate, Summary
from . import forms
from .labels import MODES, Labels, by_benchmark
from .plot_dots import Mark, Scale

MODEL = Column("model", numeric=False, code=True)

POINTS = Scale(forms.tick, least=0.0, most=1.0)
"""An axis from 0 to 100 points, or the part of it that is needed."""

MOST = 12
"""Panels that a plot shows at most; the tables have all."""


def ordered(summaries: Iterable[Summary]) -> list[Summary]:
    """Live first, then the other modes; within a mode the best F1 first and what is unscored last."""
    return sorted(summaries, key=lambda one: (*rank_of(one.cell), -f1_of(one), one.cell))


def rank_of(cell: Cell) -> tuple[int, str, str]:
    """Live before the other modes, then by noise and search engine."""
    return list(MODES).index(cell.mode), cell.noise, cell.retriever


def f1_of(summary: Summary) -> float:
    """The F1 of a measurement, −1 where it is not known."""
    f1 = summary.quality.get("f1")
    return -1.0 if f1 is None or f1.value is None else f1.value


def mode_column(cells: Iterable[Cell]) -> Column:
    """The column of the mode; where all are live, narrow tables go without."""
    return Column("mode", numeric=False, narrow=any(cell.mode is not Mode.LIVE for cell in cells))


def names(labels: Labels, cell: Cell) -> tuple[Shown, Shown]:
    """The first two cells of a row: the model and the mode."""
    return Shown(labels.model(cell.model)), Shown(labels.mode(cell))


def mark_of(cell: Cell, estimate: Estimate) -> Mark:
    """An estimate as a mark of its mode."""
    return Mark(MODES[cell.mode], estimate.value, estimate.low, estimate.high)


def known(measures: Mapping[str, Estimate]) -> list[str]:
    """The measures that have a value."""
    return [name for name, estimate in measures.items() if estimate.value is not None]


def searching(found: Sequence[Summary]) -> list[Summary]:
    """What could search at all, without the noisy ones."""
    return [one for one in found if one.cell.mode is Mode.LIVE]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a table of measurements is called, its columns after model and mode, and the note below it."""

    name: str
    title: str
    columns: Sequence[Column]
    note: str


def measured_table(
    shape: Shape, found: Sequence[Summary], cells: Callable[[Summary], Sequence[Shown]], labels: Labels
) -> Table:
    """A row per measurement, grouped by benchmark; `cells` gives what stands after model and mode."""

    def rows(benchmark: str) -> tuple[Row, ...]:
        own = ordered(one for one in found if one.cell.benchmark == benchmark)
        return tuple((*names(labels, one.cell), *cells(one)) for one in own)

    return Table(
        name=shape.name,
        title=shape.title,
        columns=(MODEL, mode_column(one.cell for one in found), *shape.columns),
        groups=tuple(
            Group(labels.benchmark(name), rows(name)) for name in by_benchmark(one.cell for one in found)
        ),
        notes=(shape.note,),
        divided_by="benchmark",
    )
