"""The names of series beside their markers, over as many lines as they take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from ...filters.report.figure import Margins, Series, Sheet, Size, fitted, panel_rows, panels, width

_LINE = 19
_LEFT = 8.0
_GAP = 32.0
_BOX = (10.0, 10.0)
OPACITY = 0.45
"""Of filled areas: numbers on them stay readable in light and dark."""


Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True)
class Frame:
    """Pixels of a panel: its height, and the margins in it."""

    height: int
    margins: Margins


@dataclass(frozen=True, slots=True)
class Key:
    """The series of a plot; `filled` shows areas and no markers."""

    series: Sequence[Series]
    filled: bool = False

    def height(self, size: Size) -> int:
        """Pixels that the key takes."""
        return _LINE * len(self._lines(size)) + 4 if self.series else 0

    def draw(self, sheet: Sheet) -> None:
        """Put the key at the top of a sheet."""
        for number, line in enumerate(self._lines(sheet.size)):
            left, middle = _LEFT, 10.0 + number * _LINE
            for one in line:
                self._mark(sheet, left, middle, one)
                name = _name(one, sheet.size)
                sheet.text(left + 11, middle + 4, name)
                left += width(name) + _GAP

    def sheet(
        self, size: Size, shown: Sequence[Shown], frame: Frame, draw: Callable[[Axes, Shown], object]
    ) -> Sheet:
        """A sheet for a page of that size: the key, and below it a panel for each that is shown."""
        above = self.height(size)
        sheet = Sheet(size, above + panel_rows(size, len(shown)) * frame.height)
        self.draw(sheet)
        areas = panels(sheet, len(shown), frame.height, frame.margins, above)
        for axes, one in zip(areas, shown, strict=True):
            draw(axes, one)
        return sheet

    def _mark(self, sheet: Sheet, left: float, middle: float, one: Series) -> None:
        if not self.filled:
            sheet.mark(left, middle, one)
            return
        place = ((left - 5) / sheet.size.width, 1 - (middle + 5) / sheet.height)
        across, down = _BOX[0] / sheet.size.width, _BOX[1] / sheet.height
        sheet.figure.add_artist(Rectangle(place, across, down, color=one.colour.value, alpha=OPACITY))
        edge = [place[0], place[0]], [place[1], place[1] + down]
        sheet.figure.add_artist(Line2D(*edge, color=one.colour.value, linewidth=2))

    def _lines(self, size: Size) -> list[list[Series]]:
        lines: list[list[Series]] = []
        left = float(size.width)
        for one in self.series:
            takes = width(_name(one, size)) + _GAP
            if not lines or left + takes - _GAP + 11 > size.width:
                lines.append([])
                left = _LEFT
            lines[-1].append(one)
            left += takes
        return lines


def _name(one: Series, size: Size) -> str:
    return fitted(one.name, size.width - 40)
