"""Values with their intervals as dots on lines: a row per thing, a mark per series, panels of their own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from ...filters.report.figure import SMALL, Colour, Margins, Series, Sheet, Size, fitted, ticks_at, worded
from ...filters.report.forms import UNKNOWN
from .flow import bold_fitted, flow, flow_height
from .key import Key

_NAME = 17
"""Pixels for the name of a row."""
_MARK = 14
_GAP = 9
_MARGINS = Margins(left=14, right=26, top=28, bottom=30)


@dataclass(frozen=True, slots=True)
class Mark:
    """A value of a series with its ends; None where it is not known."""

    series: Series
    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A named row of marks, from top to bottom; a name may take several lines."""

    names: tuple[str, ...]
    marks: tuple[Mark, ...]

    @property
    def height(self) -> int:
        """Pixels that it takes."""
        return _NAME * len(self.names) + _MARK * len(self.marks) + _GAP


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis: how its ticks read, what it ends at by itself, and whether 0 is drawn as a line."""

    words: Callable[[float], str]
    step: float = 0.1
    """The axis ends at multiples of this."""
    least: float | None = None
    most: float | None = None
    from_zero: bool = False
    zero_line: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """Rows on one axis."""

    title: str
    lines: tuple[Line, ...]
    scale: Scale


@dataclass(frozen=True, slots=True)
class Dots:
    """What is drawn; without a key where the rows' names say all."""

    panels: Sequence[Panel]
    key: Key

    def draw(self, size: Size) -> Sheet:
        """The sheet for a page of that size."""
        heights = [_height(panel) + _MARGINS.top + _MARGINS.bottom for panel in self.panels]
        above = self.key.height(size)
        sheet = Sheet(size, above + flow_height(size, heights))
        self.key.draw(sheet)
        for axes, panel in zip(flow(sheet, heights, _MARGINS, above), self.panels, strict=True):
            _panel(axes, panel)
        return sheet


def _height(panel: Panel) -> float:
    return sum(line.height for line in panel.lines)


def _panel(axes: Axes, panel: Panel) -> None:
    room = axes.get_window_extent().width
    axes.set_ylim(_height(panel), 0)
    axes.set_xlim(*_ends(panel))
    axes.xaxis.set_major_locator(ticks_at(5 if room > 250 else 4))
    worded(axes.xaxis, panel.scale.words)
    axes.set_yticks([])
    axes.spines.left.set_visible(False)
    axes.set_title(bold_fitted(panel.title, room), loc="left", fontsize=SMALL, weight="bold")
    top = 0.0
    for line in panel.lines:
        marks = _names(axes, line, top, room)
        top += line.height
        if panel.scale.zero_line:
            axes.plot([0, 0], [marks + 2, top - 4], color=Colour.MUTED.value, linewidth=1.4)
        axes.axhline(top - 2, color=Colour.GRID.value, linewidth=1)


def _names(axes: Axes, line: Line, top: float, room: float) -> float:
    """Write the names and draw the marks below them; where these begin."""
    left = axes.get_xlim()[0]
    for number, name in enumerate(line.names):
        middle = top + _NAME * (number + 0.5) + 2
        axes.text(left, middle, fitted(name, room), va="center", fontsize=SMALL)
    below = top + _NAME * len(line.names)
    for number, mark in enumerate(line.marks):
        _mark(axes, mark, below + _MARK * (number + 0.5))
    return below


def _mark(axes: Axes, mark: Mark, height: float) -> None:
    colour = mark.series.colour.value
    if mark.value is None:
        axes.text(axes.get_xlim()[0], height, UNKNOWN, color=colour, va="center", fontsize=SMALL)
        return
    if mark.low is not None and mark.high is not None:
        axes.plot([mark.low, mark.high], [height] * 2, color=colour, linewidth=1.8)
    axes.plot([mark.value], [height], color=colour, marker=mark.series.marker, markersize=7, clip_on=False)


def _ends(panel: Panel) -> tuple[float, float]:
    """Around all values and intervals, at multiples of the scale's step."""
    scale = panel.scale
    known = [
        value
        for line in panel.lines
        for mark in line.marks
        for value in (mark.value, mark.low, mark.high)
        if value is not None
    ]
    known += [0.0] if scale.from_zero or scale.zero_line or not known else []
    step = scale.step
    while max(known) - min(known) > 20 * step:
        step *= 10
    low, high = math.floor(min(known) / step) * step, math.ceil(max(known) / step) * step
    if scale.least is not None:
        low = max(low, scale.least)
    if scale.most is not None:
        high = min(high, scale.most)
    return (low, high) if high > low else (low, low + step)
