"""Values over an axis, a line per series with its intervals as whiskers, a panel per question asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from ...filters.report.figure import (
    SMALL,
    Margins,
    Series,
    Sheet,
    Size,
    fitted,
    ticks_at,
    worded,
)
from .flow import bold_fitted
from .key import Frame, Key

_FRAME = Frame(250, Margins(left=44, right=24, top=28, bottom=46))
_APART = 0.014
"""Between the whiskers of two lines at one place, as a share of the axis."""


@dataclass(frozen=True, slots=True)
class Point:
    """A place on the axis and the value there, with its ends."""

    x: float
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """A series' points in rising order."""

    series: Series
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves on common axes. `ticks` are places with their names; without them numbers stand there."""

    title: str
    curves: tuple[Curve, ...]
    across: str
    words: Callable[[float], str]
    ticks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Curves:
    """All panels and the key above them."""

    panels: Sequence[Panel]
    key: Key

    def draw(self, size: Size) -> Sheet:
        """The sheet for a page of that size."""
        return self.key.sheet(size, self.panels, _FRAME, _panel)


def _panel(axes: Axes, panel: Panel) -> None:
    room = axes.get_window_extent().width
    axes.set_title(bold_fitted(panel.title, room), loc="left", fontsize=SMALL, weight="bold")
    axes.set_xlabel(fitted(panel.across, room), fontsize=SMALL)
    axes.yaxis.set_major_locator(ticks_at(5))
    worded(axes.yaxis, panel.words)
    if panel.ticks:
        axes.set_xticks([place for place, _ in panel.ticks], [name for _, name in panel.ticks])
    low, high = _across(panel)
    axes.set_xlim(low, high)
    for number, curve in enumerate(panel.curves):
        shift = (number - (len(panel.curves) - 1) / 2) * _APART * (high - low)
        _curve(axes, curve, shift)


def _across(panel: Panel) -> tuple[float, float]:
    places = [point.x for curve in panel.curves for point in curve.points]
    low, high = min(places), max(places)
    edge = 0.06 * (high - low) if high > low else 0.5
    return low - edge, high + edge


def _curve(axes: Axes, curve: Curve, shift: float) -> None:
    """A line through what is known, with a gap where nothing is."""
    colour = curve.series.colour.value
    for point in curve.points:
        if point.low is not None and point.high is not None:
            axes.plot([point.x + shift] * 2, [point.low, point.high], color=colour, linewidth=1.6)
    xs = [point.x + shift for point in curve.points]
    ys = [float("nan") if point.value is None else point.value for point in curve.points]
    axes.plot(
        xs,
        ys,
        curve.series.dashes,
        color=colour,
        marker=curve.series.marker,
        markersize=6,
        clip_on=False,
    )
