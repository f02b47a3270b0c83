"""How confident a probe is: questions per bin of confidence, a panel per model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ...filters.report.figure import SMALL, Margins, Series, Sheet, Size, panel_rows, panels
from .flow import bold_fitted

_HEIGHT = 170


@dataclass(frozen=True, slots=True)
class Panel:
    """Counts of equally wide bins from 0 to 1."""

    title: str
    series: Series
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Histograms:
    """All panels."""

    panels: Sequence[Panel]

    def draw(self, size: Size) -> Sheet:
        """The sheet for a page of that size."""
        sheet = Sheet(size, panel_rows(size, len(self.panels)) * _HEIGHT)
        areas = panels(sheet, len(self.panels), _HEIGHT, Margins(right=24, bottom=44), 0)
        for axes, panel in zip(areas, self.panels, strict=True):
            _panel(axes, panel)
        return sheet


def _panel(axes: Axes, panel: Panel) -> None:
    room = axes.get_window_extent().width
    wide = 1 / len(panel.counts)
    places = [(number + 0.5) * wide for number in range(len(panel.counts))]
    axes.bar(places, panel.counts, wide * 0.9, color=panel.series.colour.value)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.grid(visible=False, axis="x")
    axes.set_title(bold_fitted(panel.title, room), loc="left", fontsize=SMALL, weight="bold")
    axes.set_xlabel("confidence that memory suffices", fontsize=SMALL)
