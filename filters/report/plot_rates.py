"""Accept rate against a rate of wrong rows: one named point per recipe, the published ranges as boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from ..ablation_types import Estimate
from .figure import FONT, HUES, MARKERS, SMALL, Colour, Sheet, Size, fitted, shares, width
from .placing import Box, Name, place
from .published import Published

_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 30, 46
_SLIVER = 0.008
"""Half the width of a published accept rate that is a single value: enough to be seen."""


@dataclass(frozen=True, slots=True)
class Point:
    """A recipe's accept rate and its share of wrong rows, which is known."""

    recipe: str
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
        for number, point in enumerate(self.points):
            _draw_point(axes, point, number)
        for box in self.boxes:
            axes.add_patch(_rectangle(box))
        self._name_all(sheet, _Scale(sheet, top))
        return sheet

    def _top(self) -> float:
        highest = [point.reach[1] for point in self.points] + [box.wrong[1] for box in self.boxes]
        return min(1.0, max(0.1, *highest) * 1.12 + 0.02)

    def _name_all(self, sheet: Sheet, scale: _Scale) -> None:
        """Names at free places, with a line to what lies further off."""
        texts = [fitted(point.recipe, 170) for point in self.points]
        texts += [f"published: {fitted(box.title, 130)}" for box in self.boxes]
        drawn = [scale.of_point(point) for point in self.points] + [scale.of_box(box) for box in self.boxes]
        names = [Name(*_middle(box), width(text), FONT + 3) for box, text in zip(drawn, texts, strict=True)]
        colours = [_hue(number) for number in range(len(self.points))] + [Colour.MUTED] * len(self.boxes)
        taken = [*drawn, *(part for point in self.points for part in scale.of_whisker(point))]
        for name, box, text, colour in zip(
            names, place(names, taken, scale.area), texts, colours, strict=True
        ):
            sheet.text(box.left, box.bottom - 4, text, colour)
            _lead(sheet, name, box)


def _hue(number: int) -> Colour:
    return HUES[number % len(HUES)]


def _middle(box: Box) -> tuple[float, float]:
    return ((box.left + box.right) / 2, (box.top + box.bottom) / 2)


def _lead(sheet: Sheet, name: Name, box: Box) -> None:
    """A line from the point to the nearest edge of its name, where they are apart."""
    x = min(max(name.x, box.left), box.right)
    y = min(max(name.y, box.top), box.bottom)
    if (x - name.x) ** 2 + (y - name.y) ** 2 > 18**2:
        sheet.line((name.x, name.y), (x, y))


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

    def of_whisker(self, point: Point) -> tuple[Box, ...]:
        low, high = point.reach
        x, top = self.at(point.accept, high)
        return (Box(x - 4, top, x + 4, self.at(point.accept, low)[1]),)

    def of_box(self, box: Published) -> Box:
        left, top = self.at(box.accept[0] - _SLIVER, box.wrong[1])
        right, bottom = self.at(box.accept[1] + _SLIVER, box.wrong[0])
        return Box(left, top, right, bottom)


def _draw_point(axes: Axes, point: Point, number: int) -> None:
    colour = _hue(number).value
    low, high = point.reach
    if high > low:
        axes.plot([point.accept] * 2, [low, high], color=colour, linewidth=1.6, marker="_", markersize=8)
    marker = MARKERS[number % len(MARKERS)]
    axes.plot(
        [point.accept], [point.value], color=colour, marker=marker, markersize=8, clip_on=False, zorder=3
    )


def _rectangle(box: Published) -> Rectangle:
    left, bottom = box.accept[0] - _SLIVER, box.wrong[0]
    return Rectangle(
        (left, bottom),
        box.accept[1] - box.accept[0] + 2 * _SLIVER,
        box.wrong[1] - bottom,
        facecolor="none",
        edgecolor=Colour.MUTED.value,
        hatch="////",
        linestyle="--",
        linewidth=1.2,
    )
