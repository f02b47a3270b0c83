"""Accept rate, FDR and FPR of every source: one panel per recipe, one line per source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from ..ablation_types import Estimate, RecipeResult
from . import forms
from .figure import (
    ACCEPT,
    FDR,
    FPR,
    SMALL,
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

_ROW = 58
"""Pixels for a source: its name, and below it three marks."""
_KEY = 20
_MARGINS = Margins(left=14, right=28, top=26, bottom=28)
_MARKS = (-0.08, 0.16, 0.4)
"""Where the marks of a source stand, where sources are 1 apart."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The results of the drawn sources, and the recipes and sources in their order."""

    recipes: Sequence[str]
    sources: Sequence[str]
    results: Sequence[RecipeResult]

    def draw(self, size: Size) -> Sheet:
        """The sheet for a page of that size."""
        height = len(self.sources) * _ROW + _MARGINS.top + _MARGINS.bottom
        sheet = Sheet(size, _KEY + panel_rows(size, len(self.recipes)) * height)
        key(sheet, (ACCEPT, FDR, FPR))
        areas = panels(sheet, len(self.recipes), height, _MARGINS, _KEY)
        for axes, recipe in zip(areas, self.recipes, strict=True):
            self._panel(axes, recipe)
        return sheet

    def _panel(self, axes: Axes, recipe: str) -> None:
        room = axes.get_window_extent().width
        for row, source in enumerate(self.sources):
            axes.text(0.01, row - 0.3, fitted(source, room), va="center", fontsize=SMALL)
        axes.set_yticks([row + 0.5 for row in range(len(self.sources) - 1)], [])
        axes.set_ylim(len(self.sources) - 0.5, -0.5)
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
        shares(axes.xaxis)
        axes.tick_params(axis="y", length=0)
        axes.spines.left.set_visible(False)
        axes.set_title(fitted(recipe, room), loc="left", fontsize=SMALL, weight="bold")
        for result in self.results:
            if result.recipe == recipe and result.source in self.sources:
                _row(axes, result, self.sources.index(result.source))


def _row(axes: Axes, result: RecipeResult, row: int) -> None:
    rate = result.accept_rate
    marks = ((ACCEPT, Estimate(rate, rate, rate, 0)), (FDR, result.fdr), (FPR, result.fpr))
    for number, (series, estimate) in enumerate(marks):
        _mark(axes, series, estimate, row + _MARKS[number])


def _mark(axes: Axes, series: Series, estimate: Estimate, height: float) -> None:
    colour = series.colour.value
    if estimate.value is None:
        axes.text(0.01, height, forms.UNKNOWN, color=colour, va="center", fontsize=SMALL)
        return
    if estimate.low is not None and estimate.high is not None:
        axes.plot([estimate.low, estimate.high], [height] * 2, color=colour, linewidth=1.6)
    axes.plot([estimate.value], [height], color=colour, marker=series.marker, markersize=6, clip_on=False)
