"""Where the names of points go, so that none covers another, a point, a whisker or a box.

Greedy: each name takes, of a ring of places around its point, the one that covers least and lies nearest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels, y downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def shared(self, other: Box) -> float:
        """The area that both cover."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, across) * max(0.0, down)

    def holds(self, other: Box) -> bool:
        """Whether the other lies within."""
        inside = self.left <= other.left and other.right <= self.right
        return inside and self.top <= other.top and other.bottom <= self.bottom


@dataclass(frozen=True, slots=True)
class Name:
    """A name of some width and height that belongs to the point (x, y)."""

    x: float
    y: float
    width: float
    height: float


_RINGS = (9.0, 16.0, 26.0, 38.0, 52.0, 68.0, 86.0, 106.0, 128.0)
_FAR = 6.0
"""Square pixels of cover that one pixel of distance weighs as much as."""
_OUTSIDE = 1e6


def place(names: Sequence[Name], taken: Sequence[Box], area: Box) -> list[Box]:
    """A box for each name, in their order; `taken` is what should stay uncovered."""
    covered = list(taken)
    placed: list[Box] = []
    for name in names:
        best = min(_candidates(name), key=lambda candidate: _cost(candidate, covered, area))[1]
        covered.append(best)
        placed.append(best)
    return placed


def _candidates(name: Name) -> Iterator[tuple[float, Box]]:
    """Places around the point with their distance: right, left, above, below, then between."""
    half, half_height = name.width / 2, name.height / 2
    for ring in _RINGS:
        beside = ring + half
        for across, down in (
            (beside, 0.0),
            (-beside, 0.0),
            (0.0, -ring - half_height),
            (0.0, ring + half_height),
            (beside, -ring),
            (beside, ring),
            (-beside, -ring),
            (-beside, ring),
            (half, -ring - half_height),
            (half, ring + half_height),
            (-half, -ring - half_height),
            (-half, ring + half_height),
        ):
            x, y = name.x + across, name.y + down
            yield ring, Box(x - half, y - half_height, x + half, y + half_height)


def _cost(candidate: tuple[float, Box], covered: Sequence[Box], area: Box) -> float:
    ring, box = candidate
    outside = 0.0 if area.holds(box) else _OUTSIDE
    return outside + sum(box.shared(other) for other in covered) + _FAR * ring
