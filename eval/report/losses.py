"""Where F1 is lost: what memory leaves open, split into searching, retrieval and reasoning."""

from __future__ import annotations

from collections.abc import Sequence

from ...filters.report import forms as text
from ...filters.report.figure import Colour, Series
from ...filters.report.plot import Plot, Words, draw_plot
from ...filters.report.table import Cell as Shown
from ...filters.report.table import Column, Group, Row, Table
from ..cells import Cell
from ..results import Estimate, Evaluation, LossSplit
from . import forms
from .key import Key
from .labels import Labels
from .measured import MODEL, MOST
from .plot_stacks import Bar, Panel, Part, Stacks
from .section import Section

_PARTS = {
    "closed_book": Series("closed book: memory has it", Colour.SLATE, "s", "-"),
    "memory": Series("memory lacks it, searching makes it good", Colour.OCHRE, "s", "-"),
    "retrieval": Series("lost in retrieval", Colour.BLUE, "s", "-"),
    "reasoning": Series("lost in reasoning", Colour.GREEN, "s", "-"),
}
_NOTE = (
    "F1 in points of 100 with 95% intervals, on the questions that all three modes scored. Memory: live − "
    "closed book. Retrieval: gold evidence − live. Reasoning: 100 − gold evidence. The three add up to 100 − "
    "closed book. A negative part: the mode with less to rest on did better."
)


def loss_splits(evaluation: Evaluation, labels: Labels) -> Section | None:
    """A bar per model and benchmark; None unless closed book, live and gold evidence were all run."""
    found = [one for one in evaluation.losses if one.reasoning.value is not None]
    if not found:
        return None
    tables = (_table(found, labels),)
    return Section("losses", "Memory, retrieval and reasoning", plots=_plot(found, labels), tables=tables)


def _benchmarks(found: Sequence[LossSplit]) -> list[str]:
    return list(dict.fromkeys(one.benchmark for one in found))


def _table(found: Sequence[LossSplit], labels: Labels) -> Table:
    headings = ("closed book", "live", "gold evidence", "memory", "retrieval", "reasoning", "questions")
    return Table(
        name="losses",
        title="Where F1 is lost",
        columns=(MODEL, *map(Column, headings)),
        groups=tuple(
            Group(
                labels.benchmark(benchmark),
                tuple(_row(one, labels) for one in found if one.benchmark == benchmark),
            )
            for benchmark in _benchmarks(found)
        ),
        notes=(_NOTE,),
        divided_by="benchmark",
    )


def _row(one: LossSplit, labels: Labels) -> Row:
    modes = (one.closed_book, one.live, one.gold_evidence)
    parts = (one.memory, one.retrieval, one.reasoning)
    return (
        Shown(_name(one, labels)),
        *(forms.estimate_cell(estimate, forms.points) for estimate in (*modes, *parts)),
        Shown(text.count(one.live.questions)),
    )


def _name(one: LossSplit, labels: Labels) -> str:
    return ", ".join(labels.searcher(Cell(one.benchmark, one.model, retriever=one.retriever)))


def _estimates(one: LossSplit) -> dict[str, Estimate]:
    every = (one.closed_book, one.memory, one.retrieval, one.reasoning)
    return dict(zip(_PARTS, every, strict=True))


def _plot(found: Sequence[LossSplit], labels: Labels) -> tuple[Plot, ...]:
    panels = [
        Panel(
            f"{labels.benchmark(benchmark)}: F1",
            tuple(_bar(one, labels) for one in found if one.benchmark == benchmark),
        )
        for benchmark in _benchmarks(found)[:MOST]
    ]
    said = [
        f"{text.clean(one.model)} on {text.clean(one.benchmark)}: "
        + ", ".join(
            f"{name.replace('_', ' ')} {forms.points(part.value)}" for name, part in _estimates(one).items()
        )
        for one in found
    ]
    caption = "The parts of a bar add up to 100; a negative part stands left of 0."
    words = Words("losses", "Where F1 is lost", caption, f"In points of 100. {'; '.join(said)}.")
    key = Key(tuple(_PARTS.values()), filled=True)
    return (draw_plot(words, Stacks(panels, key, forms.tick).draw),)


def _bar(one: LossSplit, labels: Labels) -> Bar:
    parts = tuple(
        Part(_PARTS[name], estimate.value or 0.0, forms.points(estimate.value))
        for name, estimate in _estimates(one).items()
    )
    return Bar(_name(one, labels), parts)
