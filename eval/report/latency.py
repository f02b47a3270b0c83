"""How long a question takes, model and retrieval apart, and what F1 that time buys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...filters.report import forms as text
from ...filters.report.figure import Colour, Series
from ...filters.report.plot import Plot, Words, draw_plot
from ...filters.report.table import Cell as Shown
from ...filters.report.table import Column
from ..results import Evaluation, Quantiles, Summary
from . import forms
from .key import Key
from .labels import Labels, by_benchmark
from .measured import MOST, Shape, f1_of, measured_table, ordered, searching
from .plot_dots import Dots, Line, Mark, Panel, Scale
from .plot_latency import Latencies
from .plot_latency import Panel as LatencyPanel
from .plot_latency import Point as LatencyPoint
from .section import Section

_PARTS = {
    "total": Series("total", Colour.INK, "o", "-"),
    "model": Series("model", Colour.BLUE, "s", "--"),
    "retrieval": Series("retrieval", Colour.GREEN, "D", "-."),
}
_SECONDS = Scale(lambda value: f"{value:g} s", step=0.05, from_zero=True)


def latency(evaluation: Evaluation, labels: Labels) -> Section | None:
    """Seconds per question, model and retrieval apart; None where no row was timed."""
    found = [one for one in evaluation.summaries if any(_timed(part) for part in one.latency.values())]
    if not found:
        return None
    columns = [Column(f"{part} {ends}") for part in _PARTS for ends in ("p50", "p95")]

    def cells(one: Summary) -> list[Shown]:
        return [
            *(_seconds(one.latency.get(part), end) for part in _PARTS for end in ("p50", "p95")),
            Shown(text.count(max(part.rows for part in one.latency.values()))),
        ]

    note = (
        "Seconds per question: median and 95th percentile over rows. Model: waiting for it; "
        "retrieval: waiting for the search engine. They tell about the machine, its load and its cache as "
        "well."
    )
    shape = Shape("latency", "Latency", [*columns, Column("rows", narrow=False)], note)
    table = measured_table(shape, found, cells, labels)
    plots = (*_against_f1(found, labels), *_parts_plot(found, labels))
    return Section("latency", "Latency against F1", plots=plots, tables=(table,))


def _timed(part: Quantiles) -> bool:
    return part.p50 is not None


def _seconds(part: Quantiles | None, end: str) -> Shown:
    value = None if part is None else part.p50 if end == "p50" else part.p95
    return Shown(forms.bare_seconds(value), "" if value is not None else "not recorded")


def _against_f1(found: Sequence[Summary], labels: Labels) -> tuple[Plot, ...]:
    shown = [one for one in searching(found) if _is_drawn(one)]
    if not shown:
        return ()
    benchmarks = by_benchmark(one.cell for one in shown)[:MOST]
    panels = [
        LatencyPanel(
            labels.benchmark(benchmark),
            tuple(
                LatencyPoint(labels.series(one.cell.model), one.latency["total"], one.quality["f1"])
                for one in shown
                if one.cell.benchmark == benchmark
            ),
        )
        for benchmark in benchmarks
    ]
    said = [
        f"{text.clean(one.cell.model)} on {text.clean(one.cell.benchmark)}: "
        f"{forms.seconds(one.latency['total'].p50)}, F1 {forms.said(one.quality['f1'], forms.points)}"
        for one in shown
    ]
    words = Words(
        "latency",
        "Seconds per question against F1",
        "Live rows: the median, dotted to the 95th percentile; upright lines are 95% intervals of F1.",
        f"{'; '.join(said)}.",
    )
    key = Key([labels.series(model) for model in dict.fromkeys(one.cell.model for one in shown)])
    return (draw_plot(words, Latencies(panels, key).draw),)


def _is_drawn(summary: Summary) -> bool:
    total = summary.latency.get("total")
    return total is not None and _timed(total) and f1_of(summary) >= 0


def _parts_plot(found: Sequence[Summary], labels: Labels) -> tuple[Plot, ...]:
    shown = searching(found)
    if not shown:
        return ()
    benchmarks = by_benchmark(one.cell for one in shown)[:MOST]
    panels = [
        Panel(
            f"{labels.benchmark(benchmark)}: seconds",
            tuple(
                Line(labels.searcher(one.cell), _part_marks(one.latency))
                for one in ordered(shown)
                if one.cell.benchmark == benchmark
            ),
            _SECONDS,
        )
        for benchmark in benchmarks
    ]
    said = [
        f"{text.clean(one.cell.model)} on {text.clean(one.cell.benchmark)}: "
        + ", ".join(f"{name} {forms.seconds(part.p50)}" for name, part in one.latency.items())
        for one in shown
    ]
    caption = "Live rows: the median, with a line to the 95th percentile."
    words = Words("latency_parts", "Model and retrieval apart", caption, f"{'; '.join(said)}.")
    return (draw_plot(words, Dots(panels, Key(tuple(_PARTS.values()))).draw),)


def _part_marks(latency: Mapping[str, Quantiles]) -> tuple[Mark, ...]:
    return tuple(
        Mark(series, latency[name].p50, latency[name].p50, latency[name].p95)
        for name, series in _PARTS.items()
        if name in latency
    )
