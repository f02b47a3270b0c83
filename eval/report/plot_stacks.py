"""Shares of a whole as parts of a bar: a bar per row, its name above it, parts below 0 to the left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from ...filters.report.figure import (
    SMALL,
    Colour,
    Margins,
    Series,
    Sheet,
    Size,
    fitted,
    ticks_at,
    width,
    worded,
)
from .flow import bold_fitted, flow, flow_height
from .key import OPACITY, Key

_NAME = 18
_BAR = 22
_GAP = 10
_MARGINS = Margins(left=14, right=26, top=28, bottom=30)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar, as long as its value; `words` stand on it where there is room."""

    series: Series
    value: float
    words: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A named row of parts, from left to right."""

    name: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """Bars on one axis."""

    title: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Stacks:
    """All panels, with how their axes read."""

    panels: Sequence[Panel]
    key: Key
    words: Callable[[float], str]

    def draw(self, size: Size) -> Sheet:
        """The sheet for a page of that size."""
        rows = [len(panel.bars) * (_NAME + _BAR + _GAP) for panel in self.panels]
        heights = [row + _MARGINS.top + _MARGINS.bottom for row in rows]
        above = self.key.height(size)
        sheet = Sheet(size, above + flow_height(size, heights))
        self.key.draw(sheet)
        for axes, panel, row in zip(flow(sheet, heights, _MARGINS, above), self.panels, rows, strict=True):
            axes.set_ylim(row, 0)
            axes.set_xlim(*self._ends())
            worded(axes.xaxis, self.words)
            _panel(axes, panel)
        return sheet

    def _ends(self) -> tuple[float, float]:
        """The same for all panels, so that bars can be held against each other."""
        bars = [bar for panel in self.panels for bar in panel.bars]
        left = min((sum(min(0.0, part.value) for part in bar.parts) for bar in bars), default=0.0)
        right = max((sum(max(0.0, part.value) for part in bar.parts) for bar in bars), default=0.0)
        return left * 1.04, (right or 0.01) * 1.02


def _panel(axes: Axes, panel: Panel) -> None:
    room = axes.get_window_extent().width
    axes.xaxis.set_major_locator(ticks_at(5))
    axes.set_yticks([])
    axes.spines.left.set_visible(False)
    axes.set_title(bold_fitted(panel.title, room), loc="left", fontsize=SMALL, weight="bold")
    low, high = axes.get_xlim()
    for number, bar in enumerate(panel.bars):
        top = number * (_NAME + _BAR + _GAP)
        axes.text(low, top + _NAME / 2 + 3, fitted(bar.name, room), va="center", fontsize=SMALL)
        _bar(axes, bar, top + _NAME + 2, room / (high - low))
        if low < 0:
            ends = [top + _NAME - 2, top + _NAME + _BAR + 6]
            axes.plot([0, 0], ends, color=Colour.INK.value, linewidth=1.4)


def _bar(axes: Axes, bar: Bar, top: float, pixels: float) -> None:
    """The parts; `pixels` is how long a value of 1 is."""
    right = left = 0.0
    for part in bar.parts:
        start = right if part.value >= 0 else left + part.value
        right, left = right + max(0.0, part.value), left + min(0.0, part.value)
        _part(axes, part, (start, top), pixels)


def _part(axes: Axes, part: Part, corner: tuple[float, float], pixels: float) -> None:
    long, colour = abs(part.value), part.series.colour.value
    if not long:
        return
    axes.add_patch(Rectangle(corner, long, _BAR, facecolor=colour, alpha=OPACITY, linewidth=0))
    axes.plot([corner[0]] * 2, [corner[1], corner[1] + _BAR], color=colour, linewidth=2)
    if width(part.words) < long * pixels:
        middle = (corner[0] + long / 2, corner[1] + _BAR / 2)
        axes.text(*middle, part.words, ha="center", va="center", fontsize=SMALL)
