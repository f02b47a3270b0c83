"""Accept rate, FDR and recall while a parameter moves: one panel per recipe, bands for intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from ..ablation_types import Estimate, SweepPoint
from . import forms
from .figure import (
    ACCEPT,
    FDR,
    RECALL,
    SMALL,
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
)

_HEIGHT = 224
_KEY = 20
SWEPT = "min_f1"
"""The parameter that `Ablation.thresholds` holds the values of."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The points of one recipe, parameter and source, in rising order."""

    points: Sequence[SweepPoint]

    @property
    def recipe(self) -> str:
        """Whose they are."""
        return self.points[0].result.recipe

    @property
    def title(self) -> str:
        """The recipe, and the source where there is one."""
        source = self.points[0].result.source
        return self.recipe if source is None else f"{self.recipe}, {source}"

    @property
    def parameter(self) -> str:
        """What moves."""
        return self.points[0].parameter


@dataclass(frozen=True, slots=True)
class Sweeps:
    """The curves, and where the thresholds of the recipes stand."""

    curves: Sequence[Curve]
    thresholds: Mapping[str, float]

    def draw(self, size: Size) -> Sheet:
        """The sheet for a page of that size."""
        sheet = Sheet(size, _KEY + panel_rows(size, len(self.curves)) * _HEIGHT)
        key(sheet, (ACCEPT, FDR, RECALL))
        areas = panels(sheet, len(self.curves), _HEIGHT, Margins(bottom=44), _KEY)
        for axes, curve in zip(areas, self.curves, strict=True):
            self._panel(axes, curve, size.width / size.columns - 60)
        return sheet

    def _panel(self, axes: Axes, curve: Curve, room: float) -> None:
        axes.set_ylim(0, 1)
        shares(axes.yaxis)
        axes.set_title(fitted(curve.title, room), loc="left", fontsize=SMALL)
        axes.set_xlabel(fitted(curve.parameter, room), fontsize=SMALL)
        _draw(axes, curve, ACCEPT, [_exact(point.result.accept_rate) for point in curve.points])
        _draw(axes, curve, FDR, [point.result.fdr for point in curve.points])
        _draw(axes, curve, RECALL, [point.result.recall for point in curve.points])
        value = self.thresholds.get(curve.recipe)
        if value is not None and curve.parameter == SWEPT:
            axes.axvline(value, color=Colour.MUTED.value, linestyle=":", linewidth=1.4)


def _exact(share: float | None) -> Estimate:
    return Estimate(share, None, None, 0)


def _draw(axes: Axes, curve: Curve, series: Series, estimates: Sequence[Estimate]) -> None:
    """A line with gaps where the share is not known, and its band."""
    xs = [point.value for point in curve.points]
    ys = [_or_gap(estimate.value) for estimate in estimates]
    every = max(1, len(xs) // 8)
    colour = series.colour.value
    axes.plot(xs, ys, series.dashes, color=colour, marker=series.marker, markersize=5, markevery=every)
    lows = [_or_gap(estimate.low) for estimate in estimates]
    highs = [_or_gap(estimate.high) for estimate in estimates]
    if lows != highs:
        axes.fill_between(xs, lows, highs, color=colour, alpha=0.16, linewidth=0)


def _or_gap(share: float | None) -> float:
    return float("nan") if share is None else share


def described(curve: Curve) -> str:
    """The ends of a curve in words."""
    ends = (curve.points[0], curve.points[-1])
    said = [
        f"at {forms.plain(point.value)} accept rate {forms.percent(point.result.accept_rate)}, "
        f"FDR {forms.percent(point.result.fdr.value)}, recall {forms.percent(point.result.recall.value)}"
        for point in ends
    ]
    return f"{forms.clean(curve.title)}, {curve.parameter}: {'; '.join(said)}"
