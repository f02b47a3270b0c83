"""How much two recipes keep in common: half a matrix with numbers, the recipes named along its diagonal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from ..ablation_types import Pair
from . import forms
from .figure import SMALL, Colour, Sheet, Size, fitted, width

_NAME = 150
"""Most pixels kept for the last name of the diagonal."""
_CELL = 58
_DEEPEST = 0.55
"""Opacity of a cell whose share is 1: numbers on it stay readable in light and dark."""

Measure = Callable[[Pair], float | None]


@dataclass(frozen=True, slots=True)
class Overlaps:
    """Pairs over all rows, and the recipes in their order."""

    recipes: Sequence[str]
    pairs: Sequence[Pair]

    def draw(self, size: Size) -> Sheet:
        """Jaccard and agreement, side by side or below each other."""
        across = size.width / size.columns
        cell = min(_CELL, (across - self._room() - 30) / (len(self.recipes) - 1))
        tall = cell * len(self.recipes) * (0.62 if cell == _CELL else 1)
        sheet = Sheet(size, (tall + 40) * (1 if size.columns > 1 else 2))
        measures: tuple[tuple[str, Measure], ...] = (
            ("Jaccard in %: both keep / one keeps", lambda pair: pair.jaccard),
            ("Agreement in %: same verdict", lambda pair: pair.agreement),
        )
        for number, (words, measure) in enumerate(measures):
            left, top = (number * across, 0) if size.columns > 1 else (0, number * (tall + 40))
            sheet.text(left + 6, top + 14, words)
            axes = sheet.axes(left + 6, top + 26, across - 12, tall)
            self._matrix(axes, measure, (across - 12) / cell, cell)
        return sheet

    def _room(self) -> float:
        return min(_NAME, width(self.recipes[-1]))

    def _matrix(self, axes: Axes, measure: Measure, columns: float, cell: float) -> None:
        axes.set_axis_off()
        axes.set_xlim(0, columns)
        axes.set_ylim(len(self.recipes), 0)
        places = {name: number for number, name in enumerate(self.recipes)}
        for pair in self.pairs:
            column, row = sorted((places[pair.first], places[pair.second]))
            _cell(axes, (column, row), measure(pair), min(SMALL, cell * 0.52))
        for row, name in enumerate(self.recipes):
            room = (columns - row) * cell - 10
            axes.text(row + 6 / cell, row + 0.5, fitted(name, room), va="center", fontsize=SMALL)


def _cell(axes: Axes, place: tuple[int, int], share: float | None, letters: float) -> None:
    column, row = place
    shape = ((column + 0.02, row + 0.03), 0.96, 0.94)
    if share is None:
        axes.add_patch(Rectangle(*shape, facecolor="none", edgecolor=Colour.GRID.value))
    else:
        axes.add_patch(Rectangle(*shape, facecolor=Colour.BLUE.value, alpha=0.04 + _DEEPEST * share))
    text = forms.UNKNOWN if share is None else f"{share * 100:.0f}"
    axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=letters)
