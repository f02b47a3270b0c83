"""The published figures with ours beside them, each called what it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from ...filters.report.plot import Plot, Words, draw_plot
from ...filters.report.table import Cell as Shown
from ...filters.report.table import Column, Group, Row, Table
from ..cells import Mode
from ..results import Evaluation, Failures, NoiseCurve, Summary
from . import forms
from .failed import CLASSES
from .key import Key
from .labels import MODES, PUBLISHED, Labels, named_as_it_is
from .measured import POINTS, f1_of, mark_of, ordered
from .plot_dots import Dots, Line, Mark, Panel
from .published import Benchmark, Figure, published
from .section import Section

_OURS = "measured here"
_SHARE = 0.1
"""The share of failing searches that figures were published for."""


class Beside(StrEnum):
    """When the published figures are shown."""

    AUTO = "auto"
    """Where a benchmark that has some was measured."""
    ALWAYS = "always"
    NEVER = "never"


def beside_published(evaluation: Evaluation, labels: Labels, beside: Beside) -> Section | None:
    """The published figures of the measured benchmarks, of all with `ALWAYS`; None where there are none."""
    names = [one.cell.benchmark for one in evaluation.summaries]
    found = published().measured(names)
    if beside is Beside.NEVER or (beside is Beside.AUTO and not found):
        return None
    shown = published().benchmarks if beside is Beside.ALWAYS else found
    note = f"{published().note} Published in {published().source}."
    tables = (_table(evaluation, labels, shown),)
    plots = _plot(evaluation, labels, shown)
    return Section("published", "Beside the published figures", (note,), plots, tables, measured=False)


def _table(evaluation: Evaluation, labels: Labels, shown: Sequence[Benchmark]) -> Table:
    return Table(
        name="published",
        title="Published and measured",
        columns=(
            Column("who", numeric=False),
            Column("where from", numeric=False),
            Column("value", numeric=False),
        ),
        groups=tuple(_groups(evaluation, labels, shown)),
        notes=("Ours: live rows with 95% intervals.",),
        divided_by="measure",
    )


def _groups(evaluation: Evaluation, labels: Labels, shown: Sequence[Benchmark]) -> Iterator[Group]:
    live = ordered(one for one in evaluation.summaries if one.cell.mode is Mode.LIVE)
    for benchmark in shown:
        ours = [_f1(one, labels) for one in _on(live, benchmark)]
        yield Group(f"{benchmark.title}: String-F1", (*_theirs("f1", benchmark.key), *ours))
    searches = (_searches(one, labels) for one in live)
    yield Group("Searches per question", (*_theirs("searches"), *searches))
    seconds = (_seconds(one, labels) for one in live)
    yield Group("Seconds per question (ours: median)", (*_theirs("latency"), *seconds))
    lost = _lost(evaluation.noise, labels)
    yield Group("F1 lost with 10% of the searches failing", (*_theirs("noise"), *lost))
    wrong = [_wrong(one, labels) for one in evaluation.failures if one.cell.mode is Mode.LIVE and one.scored]
    yield Group("Wrong rows by cause", (*_theirs("failures"), *wrong))


def _on(live: Iterable[Summary], benchmark: Benchmark) -> list[Summary]:
    return [one for one in live if benchmark.holds(one.cell.benchmark)]


def _theirs(measure: str, benchmark: str | None = None) -> list[Row]:
    return [
        (Shown(figure.method), Shown(PUBLISHED.name), Shown(figure.text))
        for figure in published().of(measure, benchmark)
    ]


def _ours(model: str, benchmark: str, value: Shown, labels: Labels) -> Row:
    return (Shown(labels.model(model)), Shown(_OURS, named_as_it_is(benchmark)), value)


def _f1(one: Summary, labels: Labels) -> Row:
    value = forms.estimate_cell(one.quality.get("f1"), forms.points)
    return _ours(one.cell.model, one.cell.benchmark, value, labels)


def _searches(one: Summary, labels: Labels) -> Row:
    value = forms.estimate_cell(one.behaviour.get("searches"), forms.decimal)
    return _ours(one.cell.model, one.cell.benchmark, value, labels)


def _seconds(one: Summary, labels: Labels) -> Row:
    total = one.latency.get("total")
    known = total is not None and total.p50 is not None
    value = Shown(forms.seconds(total.p50 if total else None), "" if known else "not recorded")
    return _ours(one.cell.model, one.cell.benchmark, value, labels)


def _lost(curves: Iterable[NoiseCurve], labels: Labels) -> Iterator[Row]:
    for curve in curves:
        for point in curve.points:
            if curve.kind == "drop" and abs(point.share - _SHARE) < 1e-9 and point.loss is not None:
                value = forms.estimate_cell(point.loss, forms.points)
                yield _ours(curve.model, curve.benchmark, value, labels)


def _wrong(one: Failures, labels: Labels) -> Row:
    counts = ", ".join(f"{one.counts.get(failure, 0):,} {series.name}" for failure, series in CLASSES.items())
    value = Shown(f"of {one.wrong:,} wrong: {counts}")
    return _ours(one.cell.model, one.cell.benchmark, value, labels)


def _plot(evaluation: Evaluation, labels: Labels, shown: Sequence[Benchmark]) -> tuple[Plot, ...]:
    live = ordered(one for one in evaluation.summaries if one.cell.mode is Mode.LIVE and f1_of(one) >= 0)
    panels = [_panel(benchmark, _on(live, benchmark), labels) for benchmark in shown]
    said = [
        f"{benchmark.title}, published: {figure.method} {figure.text}"
        for benchmark in shown
        for figure in published().of("f1", benchmark.key)
    ]
    words = Words(
        "published",
        "String-F1 beside the published figures",
        f"Grey crosses: published in {published().source}, on other models, data and retrieval. Ours: live "
        "rows with 95% intervals.",
        f"{'; '.join(said)}. Ours stand in the leaderboard.",
    )
    key = Key((PUBLISHED, MODES[Mode.LIVE]))
    return (draw_plot(words, Dots(panels, key).draw),)


def _panel(benchmark: Benchmark, ours: Sequence[Summary], labels: Labels) -> Panel:
    theirs = (_line(figure) for figure in published().of("f1", benchmark.key))
    own = (
        Line(
            (f"{labels.model(one.cell.model)}, {named_as_it_is(one.cell.benchmark)}",),
            (mark_of(one.cell, one.quality["f1"]),),
        )
        for one in ours
    )
    return Panel(f"{benchmark.title}: F1", (*theirs, *own), POINTS)


def _line(figure: Figure) -> Line:
    value = None if figure.value is None else figure.value / 100
    return Line((f"published: {figure.method}",), (Mark(PUBLISHED, value),))
