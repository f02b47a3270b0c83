"""A column's distribution: the rows that each recipe keeps in front of all rows, with the threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.ticker import MaxNLocator

from ..ablation_types import Histogram
from . import forms
from .figure import SMALL, Colour, Margins, Sheet, Size, fitted, hue, panel_rows, panels

_HEIGHT = 150


@dataclass(frozen=True, slots=True)
class Bars:
    """All rows and the kept ones of each recipe; `thresholds` become lines. `whole`: values are counts."""

    recipes: Sequence[str]
    everything: Histogram | None
    kept: Sequence[Histogram]
    thresholds: Mapping[str, float]
    words: str
    whole: bool

    def draw(self, size: Size) -> Sheet:
        """The sheet for a page of that size."""
        shown = [*([self.everything] if self.everything else []), *self.kept]
        sheet = Sheet(size, panel_rows(size, len(shown)) * _HEIGHT + 18)
        for axes, one in zip(panels(sheet, len(shown), _HEIGHT, Margins()), shown, strict=True):
            self._panel(axes, one)
        sheet.text(44, sheet.height - 4, self.words)
        return sheet

    def _top(self) -> float:
        every = [*([self.everything] if self.everything else []), *self.kept]
        return 1.12 * max((entry.rows for one in every for entry in one.bins), default=1) + 0.1

    def _panel(self, axes: Axes, one: Histogram) -> None:
        if self.everything is not None:
            _bars(axes, self.everything, Colour.ALL)
        if one.recipe is not None:
            _bars(axes, one, hue(self.recipes.index(one.recipe)))
        _look(axes, one, self.whole)
        axes.set_ylim(0, self._top())
        _title(axes, one)
        for value in sorted({at for recipe, at in self.thresholds.items() if one.recipe in (None, recipe)}):
            _threshold(axes, value)


def _bars(axes: Axes, one: Histogram, colour: Colour) -> None:
    """All bars as one thing: a bar of its own each takes several times as long."""
    corners = [
        [(entry.low, 0), (entry.low, entry.rows), (right, entry.rows), (right, 0)]
        for entry in one.bins
        if entry.rows
        for right in (entry.high - 0.08 * (entry.high - entry.low),)
    ]
    axes.add_collection(PolyCollection(corners, facecolors=colour.value, linewidths=0), autolim=False)


def _look(axes: Axes, one: Histogram, whole: bool) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.grid(visible=False, axis="x")
    if not one.bins:
        return
    axes.set_xlim(one.bins[0].low, one.bins[-1].high)
    if whole:
        step = max(1, len(one.bins) // 8)
        chosen = one.bins[::step]
        places = [(entry.low + entry.high) / 2 for entry in chosen]
        axes.set_xticks(places, [forms.plain(entry.low) for entry in chosen])
        axes.tick_params(axis="x", length=0)


def _title(axes: Axes, one: Histogram) -> None:
    rows = sum(entry.rows for entry in one.bins)
    name = "all rows" if one.recipe is None else fitted(one.recipe, 170)
    unknown = f", {one.unknown:,} unknown" if one.unknown else ""
    axes.set_title(f"{name}: {rows:,}{unknown}", loc="left", fontsize=SMALL)


def _threshold(axes: Axes, value: float) -> None:
    axes.axvline(value, color=Colour.INK.value, linestyle="--", linewidth=1.4)
    low, high = axes.get_xlim()
    side = "right" if value > (low + high) / 2 else "left"
    offset = (-4 if side == "right" else 4, -2)
    axes.annotate(
        f"{forms.plain(value)}",
        (value, 1),
        xycoords=("data", "axes fraction"),
        xytext=offset,
        textcoords="offset pixels",
        ha=side,
        va="top",
        fontsize=SMALL,
    )
