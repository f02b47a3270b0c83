"""Accept rate against a rate of wrong rows: one named point per recipe, the published ranges as boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from ..ablation_types import Estimate
from .figure import MARKERS, SMALL, Colour, Sheet, Size, fitted, hue, shares, width
from .placing import Box, Name, place
from .published import Published

_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 26, 30, 46
_LINE = 15
"""Height of a line of a name."""
_APART = 10
"""Pixels between a point and its name from which on a line joins them."""
_SLIVER = 0.008
"""Half the width of a published accept rate that is a single value: enough to be seen."""


@dataclass(frozen=True, slots=True)
class Point:
    """A recipe's accept rate and its share of wrong rows, which is known; `number` is its place in order."""

    recipe: str
    number: int
    accept: float
    wrong: Estimate

    @property
    def value(self) -> float:
        """The share of wrong rows."""
        return self.wrong.value or 0.0

    @property
    def reach(self) -> tuple[float, float]:
        """Lowest and highest of the interval; the value itself without one."""
        low, high = self.wrong.low, self.wrong.high
        return (self.value if low is None else low, self.value if high is None else high)


@dataclass(frozen=True, slots=True)
class Rates:
    """What is drawn; `words` says what the share of wrong rows divides by."""

    recipes: Sequence[str]
    points: Sequence[Point]
    boxes: Sequence[Published]
    words: str

    def draw(self, size: Size) -> Sheet:
        """The sheet for a page of that size."""
        sheet = Sheet(size, 420 if size.columns > 1 else 400)
        axes = sheet.axes(_LEFT, _TOP, size.width - _LEFT - _RIGHT, sheet.height - _TOP - _BOTTOM)
        top = self._top()
        axes.set_xlim(0, 1)
        axes.set_ylim(0, top)
        shares(axes.xaxis)
        shares(axes.yaxis)
        axes.set_xlabel("accept rate (kept rows over all rows)", fontsize=SMALL)
        sheet.text(4, 14, self.words)
        for point in self.points:
            _draw_point(axes, point)
        for box in self.boxes:
            axes.add_patch(_rectangle(box, self._hue(box)))
        self._name_all(sheet, _Scale(sheet, top))
        return sheet

    def _top(self) -> float:
        highest = [point.reach[1] for point in self.points] + [box.wrong[1] for box in self.boxes]
        return min(1.0, max(0.1, *highest) * 1.12 + 0.02)

    def _name_all(self, sheet: Sheet, scale: _Scale) -> None:
        """Names at free places, with a line to what lies further off."""
        labels = [*map(_of_point, self.points), *map(self._of_box, self.boxes)]
        drawn = [*map(scale.of_point, self.points), *map(scale.of_box, self.boxes)]
        names = [
            Name(box, max(map(width, label.lines)), _LINE * len(label.lines))
            for box, label in zip(drawn, labels, strict=True)
        ]
        taken = [*drawn, *map(scale.of_whisker, self.points)]
        for name, box, label in zip(names, place(names, taken, scale.area), labels, strict=True):
            for number, line in enumerate(label.lines):
                sheet.text(box.left, box.top + _LINE * (number + 1) - 4, line, label.colour)
            _lead(sheet, name.owner, box)

    def _of_box(self, box: Published) -> _Label:
        return _Label((box.recipe, "published"), self._hue(box))

    def _hue(self, box: Published) -> Colour:
        """The hue of the recipe's own point."""
        return hue(self.recipes.index(box.recipe))


@dataclass(frozen=True, slots=True)
class _Label:
    lines: tuple[str, ...]
    colour: Colour


def _of_point(point: Point) -> _Label:
    return _Label((fitted(point.recipe, 170),), hue(point.number))


def _lead(sheet: Sheet, owner: Box, name: Box) -> None:
    """A line from what is drawn to the nearest edge of its name, where they are apart."""
    x, y = (owner.left + owner.right) / 2, (owner.top + owner.bottom) / 2
    end = (min(max(x, name.left), name.right), min(max(y, name.top), name.bottom))
    start = (min(max(end[0], owner.left), owner.right), min(max(end[1], owner.top), owner.bottom))
    if (end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2 > _APART**2:
        sheet.line(start, end)


@dataclass(frozen=True, slots=True)
class _Scale:
    """From shares to pixels of the sheet."""

    sheet: Sheet
    top: float

    @property
    def area(self) -> Box:
        return Box(_LEFT + 4, _TOP, self.sheet.size.width - 2, self.sheet.height - _BOTTOM - 2)

    def at(self, accept: float, wrong: float) -> tuple[float, float]:
        across = self.sheet.size.width - _LEFT - _RIGHT
        down = self.sheet.height - _TOP - _BOTTOM
        return _LEFT + accept * across, _TOP + down * (1 - wrong / self.top)

    def of_point(self, point: Point) -> Box:
        x, y = self.at(point.accept, point.value)
        return Box(x - 6, y - 6, x + 6, y + 6)

    def of_whisker(self, point: Point) -> Box:
        low, high = point.reach
        x, top = self.at(point.accept, high)
        return Box(x - 4, top, x + 4, self.at(point.accept, low)[1])

    def of_box(self, box: Published) -> Box:
        left, top = self.at(box.accept[0] - _SLIVER, box.wrong[1])
        right, bottom = self.at(box.accept[1] + _SLIVER, box.wrong[0])
        return Box(left, top, right, bottom)


def _draw_point(axes: Axes, point: Point) -> None:
    colour = hue(point.number).value
    low, high = point.reach
    if high > low:
        axes.plot([point.accept] * 2, [low, high], color=colour, linewidth=1.6, marker="_", markersize=8)
    marker = MARKERS[point.number % len(MARKERS)]
    axes.plot(
        [point.accept], [point.value], color=colour, marker=marker, markersize=8, clip_on=False, zorder=3
    )


def _rectangle(box: Published, edge: Colour) -> Rectangle:
    left, bottom = box.accept[0] - _SLIVER, box.wrong[0]
    return Rectangle(
        (left, bottom),
        box.accept[1] - box.accept[0] + 2 * _SLIVER,
        box.wrong[1] - bottom,
        facecolor="none",
        edgecolor=edge.value,
        hatch="////",
        linestyle="--",
        linewidth=1.2,
    )
