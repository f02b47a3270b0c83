"""F1 and searches by the number of hops and by the type of the question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...filters.report import forms as text
from ...filters.report.plot import Plot, Words, draw_plot
from ...filters.report.table import Cell as Shown
from ...filters.report.table import Column, Group, Row, Table
from ..cells import Mode
from ..results import Evaluation, Slice, Summary
from . import forms
from .key import Key
from .labels import Labels, by_benchmark
from .measured import MODEL, MOST, POINTS, mode_column, names, ordered
from .plot_dots import Dots, Line, Mark, Panel
from .section import Section

_TITLES = {"hops": "By hops", "type": "By type of question"}


def slices(evaluation: Evaluation, labels: Labels) -> Section | None:
    """A table for each way in which questions are told apart; None without one."""
    kinds = list(
        dict.fromkeys(kind for one in evaluation.summaries for kind in one.slices if one.slices[kind])
    )
    if not kinds:
        return None
    tables = tuple(_table(evaluation.summaries, kind, labels) for kind in kinds)
    plots = tuple(plot for kind in kinds for plot in _plot(evaluation.summaries, kind, labels))
    return Section("slices", "By hops and type of question", plots=plots, tables=tables)


def _values(parts: Mapping[str, Slice]) -> list[str]:
    """Numbers in their order, then words, then what is unknown."""
    return sorted(parts, key=lambda value: (value == "unknown", not value.isdecimal(), value.zfill(8)))


def _table(summaries: Sequence[Summary], kind: str, labels: Labels) -> Table:
    found = [one for one in summaries if one.slices.get(kind)]
    benchmarks = by_benchmark(one.cell for one in found)
    own = Column(kind, numeric=False)
    return Table(
        name=f"by-{kind}",
        title=_TITLES.get(kind, f"By {kind}"),
        columns=(
            MODEL,
            mode_column(one.cell for one in found),
            own,
            Column("F1"),
            Column("EM"),
            Column("searches"),
            Column("questions"),
        ),
        groups=tuple(
            Group(
                labels.benchmark(benchmark),
                tuple(
                    row
                    for one in ordered(one for one in found if one.cell.benchmark == benchmark)
                    for row in _rows(one, kind, labels)
                ),
            )
            for benchmark in benchmarks
        ),
        notes=("F1 and EM in points of 100, each with its 95% interval.",),
        divided_by="benchmark",
    )


def _rows(summary: Summary, kind: str, labels: Labels) -> Iterator[Row]:
    parts = summary.slices[kind]
    for value in _values(parts):
        part = parts[value]
        yield (
            *names(labels, summary.cell),
            Shown(value),
            forms.estimate_cell(part.f1, forms.points),
            forms.estimate_cell(part.em, forms.points),
            forms.estimate_cell(part.searches, forms.decimal),
            Shown(text.count(part.f1.questions)),
        )


def _plot(summaries: Sequence[Summary], kind: str, labels: Labels) -> tuple[Plot, ...]:
    shown = [one for one in summaries if one.cell.mode is Mode.LIVE and one.slices.get(kind)]
    benchmarks = by_benchmark(one.cell for one in shown)[:MOST]
    panels = [
        _panel([one for one in shown if one.cell.benchmark == name], kind, labels) for name in benchmarks
    ]
    if not panels:
        return ()
    said = [
        f"{text.clean(one.cell.model)} on {text.clean(one.cell.benchmark)}, {kind} {text.clean(value)}: "
        f"{forms.said(one.slices[kind][value].f1, forms.points)}"
        for one in shown
        for value in _values(one.slices[kind])
    ]
    words = Words(
        f"by_{kind}",
        f"F1 {_TITLES.get(kind, f'By {kind}').lower()}",
        "Live rows; lines are 95% intervals.",
        f"{'; '.join(said)}.",
    )
    key = Key([labels.series(model) for model in dict.fromkeys(one.cell.model for one in shown)])
    return (draw_plot(words, Dots(panels, key).draw),)


def _panel(found: Sequence[Summary], kind: str, labels: Labels) -> Panel:
    every = _values({value: part for one in found for value, part in one.slices[kind].items()})
    lines = tuple(
        Line(
            (value if value == "unknown" or kind != "hops" else f"{value} hops",),
            tuple(
                Mark(labels.series(one.cell.model), f1.value, f1.low, f1.high)
                for one in ordered(found)
                if value in one.slices[kind]
                for f1 in (one.slices[kind][value].f1,)
            ),
        )
        for value in every
    )
    return Panel(f"{labels.benchmark(found[0].cell.benchmark)}: F1", lines, POINTS)
