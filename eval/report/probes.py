"""The confidence probe: whether it knows when memory suffices, and what searching less would cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...filters.report import forms as text
from ...filters.report.figure import Colour, Series
from ...filters.report.plot import Plot, Words, draw_plot
from ...filters.report.table import Cell as Shown
from ...filters.report.table import Column, Group, Row, Table
from ..results import Evaluation, Probe
from . import forms
from .key import Key
from .labels import Labels
from .measured import MODEL, MOST
from .plot_curves import Curve, Curves, Panel, Point
from .plot_histogram import Histograms
from .plot_histogram import Panel as HistogramPanel
from .section import Section

_BEST = Series("confidence is the share right", Colour.MUTED, "_", ":")
_PROBES = (
    "The probe reads a hidden state at the end of the query and says how likely the model answers it right "
    "closed book. Right: questions answered right closed book. ECE: expected calibration error, in [0, 1]. "
    "AUROC: 0.5 is chance."
)
_ADAPTIVE = (
    "A simulation on questions answered both ways: the most confident ones are answered closed book, the "
    "others live. F1 in points of 100; change: against searching for all of them, on the same questions. "
    "Each with its 95% interval."
)


def probes(evaluation: Evaluation, labels: Labels) -> Section | None:
    """Calibration, histogram and the simulation of adaptive search; None without a probe."""
    found = evaluation.probes
    if not found:
        return None
    tables = (_table(found, labels), *_adaptive_table(found, labels), _bins_table(found, labels))
    plots = (*_adaptive(found, labels), *_reliability(found, labels), *_histograms(found, labels))
    return Section("probe", "Confidence probe and adaptive search", (_PROBES,), plots, tables)


def _name(one: Probe, labels: Labels) -> str:
    benchmark = labels.benchmark(one.benchmark)
    called = one.simulated and benchmark == one.benchmark
    return f"{benchmark} (simulated)" if called else benchmark


def _names(found: Sequence[Probe], labels: Labels) -> dict[str, list[Probe]]:
    groups: dict[str, list[Probe]] = {}
    for one in found:
        groups.setdefault(_name(one, labels), []).append(one)
    return groups


def _table(found: Sequence[Probe], labels: Labels) -> Table:
    headings = ("layer", "components", "questions", "right", "ECE", "AUROC")
    return Table(
        name="probes",
        title="Probes",
        columns=(MODEL, *map(Column, headings)),
        groups=tuple(
            Group(name, tuple(_row(one, labels) for one in own))
            for name, own in _names(found, labels).items()
        ),
        divided_by="benchmark",
    )


def _row(one: Probe, labels: Labels) -> Row:
    auroc = Shown(f"{one.auroc:.3f}") if one.auroc is not None else Shown(text.UNKNOWN, "one class only")
    right = text.percent(one.right / one.questions) if one.questions else ""
    return (
        Shown(labels.model(one.model)),
        Shown(f"{one.layer} of {one.layers}"),
        Shown(text.count(one.components)),
        Shown(text.count(one.questions)),
        Shown(text.count(one.right), right),
        Shown(f"{one.ece:.3f}"),
        auroc,
    )


def _adaptive_table(found: Sequence[Probe], labels: Labels) -> Iterator[Table]:
    groups = tuple(
        Group(name, tuple(row for one in own for row in _adaptive_rows(one, labels)))
        for name, own in _names([one for one in found if one.curve], labels).items()
    )
    if groups:
        headings = ("closed book", "F1", "change", "searches", "questions")
        columns = (MODEL, *map(Column, headings))
        yield Table("adaptive", "Adaptive search", columns, groups, (_ADAPTIVE,), "benchmark")


def _adaptive_rows(one: Probe, labels: Labels) -> Iterator[Row]:
    for point in one.curve:
        yield (
            Shown(labels.model(one.model)),
            Shown(f"{text.plain(point.percent)}%"),
            forms.estimate_cell(point.f1, forms.points),
            forms.estimate_cell(point.change, forms.signed_points),
            forms.estimate_cell(point.searches, forms.decimal),
            Shown(text.count(point.f1.questions)),
        )


def _bins_table(found: Sequence[Probe], labels: Labels) -> Table:
    headings = ("from", "to", "mean confidence", "share right", "questions")
    return Table(
        name="reliability",
        title="Reliability by bin",
        columns=(MODEL, *map(Column, headings)),
        groups=tuple(
            Group(name, tuple(row for one in own for row in _bin_rows(one, labels)))
            for name, own in _names(found, labels).items()
        ),
        divided_by="benchmark",
    )


def _bin_rows(one: Probe, labels: Labels) -> Iterator[Row]:
    for entry in one.bins:
        known = (entry.confidence, entry.accuracy)
        yield (
            Shown(labels.model(one.model)),
            Shown(f"{entry.low:.2f}"),
            Shown(f"{entry.high:.2f}"),
            *(Shown(text.percent(share), "" if share is not None else "no question") for share in known),
            Shown(text.count(entry.questions)),
        )


def _adaptive(found: Sequence[Probe], labels: Labels) -> Iterator[Plot]:
    curves = _names([one for one in found if one.curve], labels)
    if not curves:
        return
    panels = [_adaptive_panel(name, own, labels) for name, own in list(curves.items())[:MOST]]
    said = [
        f"{text.clean(one.model)} on {text.clean(name)}: "
        + ", ".join(
            f"{text.plain(point.percent)}% {forms.said(point.f1, forms.points)}" for point in one.curve
        )
        for name, own in curves.items()
        for one in own
    ]
    words = Words(
        "adaptive",
        "F1 when the most confident questions are not searched for",
        "A simulation from rows of both modes; upright lines are 95% intervals; places are not to scale.",
        f"F1 by share closed book. {'; '.join(said)}.",
    )
    yield draw_plot(words, Curves(panels, _key(found, labels)).draw)


def _key(found: Sequence[Probe], labels: Labels, *more: Series) -> Key:
    return Key([*(labels.series(model) for model in dict.fromkeys(one.model for one in found)), *more])


def _adaptive_panel(name: str, own: Sequence[Probe], labels: Labels) -> Panel:
    percents = sorted({point.percent for one in own for point in one.curve})
    lines = tuple(
        Curve(
            labels.series(one.model),
            tuple(
                Point(percents.index(point.percent), point.f1.value, point.f1.low, point.f1.high)
                for point in one.curve
            ),
        )
        for one in own
    )
    ticks = tuple((float(place), f"{text.plain(percent)}%") for place, percent in enumerate(percents))
    return Panel(f"{name}: F1", lines, "most confident, closed book", forms.tick, ticks)


def _reliability(found: Sequence[Probe], labels: Labels) -> Iterator[Plot]:
    known = {name: [one for one in own if one.bins] for name, own in _names(found, labels).items()}
    panels = [_reliability_panel(name, one, labels) for name, own in known.items() for one in own]
    if not panels:
        return
    said = [
        f"{text.clean(one.model)} on {text.clean(one.benchmark)}: ECE {one.ece:.3f} over {one.questions:,}"
        for one in found
    ]
    words = Words(
        "reliability",
        "Share right by confidence",
        "A point per bin with questions in it; on the dotted line confidence is the share right.",
        f"{'; '.join(said)}.",
    )
    yield draw_plot(words, Curves(panels[:MOST], _key(found, labels, _BEST)).draw)


def _reliability_panel(name: str, one: Probe, labels: Labels) -> Panel:
    points = tuple(
        Point(entry.confidence, entry.accuracy)
        for entry in one.bins
        if entry.confidence is not None and entry.accuracy is not None
    )
    curve = Curve(labels.series(one.model), points)
    return Panel(
        title=f"{labels.model(one.model)}, {name}",
        curves=(curve,),
        across="confidence",
        words=lambda share: f"{share:.0%}",
        ticks=tuple((step / 4, f"{step / 4:.0%}") for step in range(5)),
        ends=(0.0, 1.0),
        diagonal=True,
    )


def _histograms(found: Sequence[Probe], labels: Labels) -> Iterator[Plot]:
    shown = [one for one in found if one.histogram]
    if not shown:
        return
    panels = [
        HistogramPanel(
            f"{labels.model(one.model)}, {_name(one, labels)}", labels.series(one.model), one.histogram
        )
        for one in shown[:MOST]
    ]
    said = [
        f"{text.clean(one.model)} on {text.clean(one.benchmark)}: {', '.join(map(str, one.histogram))}"
        for one in shown
    ]
    words = Words(
        "confidence",
        "Questions by confidence",
        "Bins of the same width from 0 to 100%.",
        f"Questions per bin of confidence, from the lowest. {'; '.join(said)}.",
    )
    yield draw_plot(words, Histograms(panels).draw)
