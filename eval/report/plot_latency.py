"""Seconds per question against F1: a point per model with both of its spreads, a panel per benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from ...filters.report.figure import (
    SMALL,
    Margins,
    Series,
    Sheet,
    Size,
    ticks_at,
    worded,
)
from ..results import Estimate, Quantiles
from . import forms
from .flow import bold_fitted
from .key import Frame, Key

_FRAME = Frame(270, Margins(left=44, right=26, top=28, bottom=46))


@dataclass(frozen=True, slots=True)
class Point:
    """A measurement: both its median and its F1 are known."""

    series: Series
    latency: Quantiles
    f1: Estimate


@dataclass(frozen=True, slots=True)
class Panel:
    """The points of a benchmark."""

    title: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Latencies:
    """All panels and the key above them."""

    panels: Sequence[Panel]
    key: Key

    def draw(self, size: Size) -> Sheet:
        """The sheet for a page of that size."""
        return self.key.sheet(size, self.panels, _FRAME, _panel)


def _panel(axes: Axes, panel: Panel) -> None:
    room = axes.get_window_extent().width
    axes.set_title(bold_fitted(f"{panel.title}: F1", room), loc="left", fontsize=SMALL, weight="bold")
    axes.set_xlabel("seconds per question", fontsize=SMALL)
    axes.set_xlim(
        0, 1.06 * max(max(_or(point.latency.p95), _or(point.latency.p50)) for point in panel.points)
    )
    axes.xaxis.set_major_locator(ticks_at(5))
    axes.yaxis.set_major_locator(ticks_at(5))
    worded(axes.yaxis, forms.tick)
    for point in panel.points:
        _point(axes, point)


def _point(axes: Axes, point: Point) -> None:
    x, y = _or(point.latency.p50), _or(point.f1.value)
    colour = point.series.colour.value
    if point.latency.p95 is not None:
        axes.plot([x, point.latency.p95], [y, y], ":", color=colour, linewidth=1.6)
        axes.plot([point.latency.p95], [y], color=colour, marker="|", markersize=9)
    if point.f1.low is not None and point.f1.high is not None:
        axes.plot([x, x], [point.f1.low, point.f1.high], color=colour, linewidth=1.6)
    axes.plot([x], [y], color=colour, marker=point.series.marker, markersize=8, clip_on=False)


def _or(value: float | None) -> float:
    return 0.0 if value is None else value
