"""Panels of unlike height: side by side on a wide page, each line of them as high as its highest."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from ...filters.report.figure import Margins, Sheet, Size, fitted

_BOLD = 0.86


def flow_height(size: Size, heights: Sequence[float]) -> float:
    """Pixels that the panels take; `heights` are of their data areas with margins."""
    return sum(map(max, _lines(size, heights)))


def flow(sheet: Sheet, heights: Sequence[float], margins: Margins, above: float) -> list[Axes]:
    """Data areas in reading order, each of its own height."""
    across = sheet.size.width / sheet.size.columns
    areas: list[Axes] = []
    for line in _lines(sheet.size, heights):
        for column, height in enumerate(line):
            areas.append(
                sheet.axes(
                    column * across + margins.left,
                    above + margins.top,
                    across - margins.left - margins.right,
                    height - margins.top - margins.bottom,
                )
            )
        above += max(line)
    return areas


def bold_fitted(text: str, pixels: float) -> str:
    """As `fitted`, for bold letters, which are wider."""
    return fitted(text, pixels * _BOLD)


def _lines(size: Size, heights: Sequence[float]) -> list[Sequence[float]]:
    return [heights[start : start + size.columns] for start in range(0, len(heights), size.columns)]
