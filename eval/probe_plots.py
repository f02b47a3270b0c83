"""The plots of confidence probes: reliability, histogram of the confidence, and F1 against P, by model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes

from ..filters.report import forms
from ..filters.report.figure import (
    NARROW,
    SMALL,
    WIDE,
    Colour,
    Margins,
    Series,
    Sheet,
    Size,
    fitted,
    key,
    panel_rows,
    panels,
    shares,
    svg,
)
from ..filters.report.plot import Plot
from .probe_words import verdict
from .results import AdaptivePoint, Probe

_HEIGHT = 310
_KEY = 20
_ONE_PANEL = 440

FOUND = Series("probe", Colour.BLUE, "o", "-")
ORACLE = Series("knows what is right", Colour.GREEN, "D", "-.")
CHANCE = Series("knows nothing", Colour.SLATE, "s", ":")


def probe_plots(probes: Sequence[Probe]) -> tuple[Plot, ...]:
    """Every plot that the probes have numbers for, one panel a probe; the same text for equal probes."""
    with_curve = [probe for probe in probes if probe.curve]
    every = (_reliability(probes), _histogram(probes), *([_curve(with_curve)] if with_curve else []))
    return tuple(map(_drawn, every))


@dataclass(frozen=True, slots=True)
class _Panels:
    """A plot under way: its words, its key, and how a panel is drawn."""

    name: str
    title: str
    caption: str
    said: Callable[[Probe], str]
    panel: Callable[[Axes, Probe], None]
    probes: Sequence[Probe]
    series: tuple[Series, ...] = ()

    def draw(self, size: Size) -> Sheet:
        """The sheet for a page of that size."""
        above = _KEY if self.series else 0
        sheet = Sheet(size, above + panel_rows(size, len(self.probes)) * _HEIGHT)
        if self.series:
            key(sheet, self.series)
        margins = Margins(left=66, right=26, bottom=46)
        areas = panels(sheet, len(self.probes), _HEIGHT, margins, above)
        for axes, probe in zip(areas, self.probes, strict=True):
            title = f"{probe.model}, {probe.benchmark}"
            axes.set_title(fitted(title, size.width / size.columns - 96), loc="left", fontsize=SMALL)
            self.panel(axes, probe)
        return sheet


def _drawn(plot: _Panels) -> Plot:
    wide = WIDE if len(plot.probes) > 1 else replace(WIDE, width=_ONE_PANEL, columns=1)
    said = " ".join(f"{forms.clean(probe.model)}: {plot.said(probe)}" for probe in plot.probes)
    drawings = (svg(plot.name, size, plot.draw) for size in (wide, NARROW))
    return Plot(plot.name, plot.title, plot.caption, f"{plot.title}. {said}", *drawings)


def _reliability(probes: Sequence[Probe]) -> _Panels:
    return _Panels(
        "reliability",
        "Reliability of the confidence",
        "One point a bin, larger with more questions; on the dashed line the confidence is the share right.",
        lambda probe: f"expected calibration error {forms.percent(probe.ece)}.",
        _draw_reliability,
        probes,
    )


def _draw_reliability(axes: Axes, probe: Probe) -> None:
    axes.plot([0, 1], [0, 1], "--", color=Colour.MUTED.value, linewidth=1.2)
    filled = [one for one in probe.bins if one.confidence is not None and one.accuracy is not None]
    xs, ys = [one.confidence or 0.0 for one in filled], [one.accuracy or 0.0 for one in filled]
    most = max((one.questions for one in filled), default=1)
    axes.plot(xs, ys, FOUND.dashes, color=FOUND.colour.value, linewidth=1.2)
    sizes = [20 + 160 * one.questions / most for one in filled]
    axes.scatter(xs, ys, sizes, color=FOUND.colour.value, marker=FOUND.marker, alpha=0.75, linewidths=0)
    axes.text(0.03, 0.94, f"ECE {forms.percent(probe.ece)}", fontsize=SMALL, va="top")
    axes.set(xlim=(0, 1), ylim=(-0.03, 1.03))
    axes.set_xlabel("confidence", fontsize=SMALL)
    axes.set_ylabel("share right closed book", fontsize=SMALL)
    shares(axes.xaxis)
    shares(axes.yaxis)


def _histogram(probes: Sequence[Probe]) -> _Panels:
    return _Panels(
        "histogram",
        "Confidence of the model",
        "Share of the questions in each of the bins; dashed: the share right closed book.",
        lambda probe: f"right on {probe.right:,} of {probe.questions:,} questions.",
        _draw_histogram,
        probes,
    )


def _draw_histogram(axes: Axes, probe: Probe) -> None:
    heights = [count / probe.questions for count in probe.histogram]
    lows, width = [one.low for one in probe.bins], 1 / len(probe.bins)
    axes.bar(lows, heights, width * 0.9, align="edge", color=FOUND.colour.value)
    axes.axvline(probe.right / probe.questions, color=Colour.RED.value, linestyle="--", linewidth=1.4)
    axes.set_xlim(0, 1)
    axes.set_xlabel("confidence", fontsize=SMALL)
    axes.set_ylabel("share of the questions", fontsize=SMALL)
    shares(axes.xaxis)
    shares(axes.yaxis)


def _curve(probes: Sequence[Probe]) -> _Panels:
    return _Panels(
        "adaptive",
        "Adaptive search: F1 against the share answered closed book",
        "Change of F1 in points against live search on the same questions; the band is the 95% interval.",
        verdict,
        _draw_curve,
        probes,
        (FOUND, ORACLE, CHANCE),
    )


def _draw_curve(axes: Axes, probe: Probe) -> None:
    axes.axhline(0, color=Colour.MUTED.value, linewidth=1.0)
    places = list(range(len(probe.curve)))
    for points, series in ((probe.random_curve, CHANCE), (probe.oracle_curve, ORACLE), (probe.curve, FOUND)):
        _draw_line(axes, points, series)
    lows = [100 * (point.change.low or 0.0) for point in probe.curve]
    highs = [100 * (point.change.high or 0.0) for point in probe.curve]
    if all(point.change.low is not None for point in probe.curve):
        axes.fill_between(places, lows, highs, color=FOUND.colour.value, alpha=0.16, linewidth=0)
    axes.set_xticks(places, [f"{point.percent:g}" for point in probe.curve])
    axes.set_xlabel("% of the questions answered closed book", fontsize=SMALL)
    axes.set_ylabel("change of F1 (points)", fontsize=SMALL)


def _draw_line(axes: Axes, points: Sequence[AdaptivePoint], series: Series) -> None:
    values = [100 * (point.change.value or 0.0) for point in points]
    axes.plot(
        values, series.dashes, color=series.colour.value, marker=series.marker, markersize=5, linewidth=1.6
    )
