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

    def grown(self, pixels: float) -> Box:
        """The same with a margin on each side."""
        return Box(self.left - pixels, self.top - pixels, self.right + pixels, self.bottom + pixels)


@dataclass(frozen=True, slots=True)
class Name:
    """A name of some width and height that belongs to what is drawn in a box."""

    owner: Box
    width: float
    height: float


_RINGS = (6.0, 10.0, 16.0, 26.0, 38.0, 52.0, 68.0, 86.0, 106.0, 128.0)
_FAR = 2.0
"""Square pixels of cover that one pixel of distance weighs as much as."""
_NEAR = 5.0
"""Pixels around what is drawn that a name should leave free, lest it seem to belong there."""
_OUTSIDE = 1e6


def place(names: Sequence[Name], taken: Sequence[Box], area: Box) -> list[Box]:
    """A box for each name, in their order; `taken` is what should stay uncovered."""
    covered = [box.grown(_NEAR) for box in taken]
    placed: list[Box] = []
    for name in names:
        others = [*covered, name.owner]
        best = min(_candidates(name), key=lambda candidate: _cost(candidate, others, area))[1]
        covered.append(best)
        placed.append(best)
    return placed


def _candidates(name: Name) -> Iterator[tuple[float, Box]]:
    """Places around the owner with their distance: right, left, above and below, then at its corners."""
    owner, width, height = name.owner, name.width, name.height
    middle, centre = (owner.top + owner.bottom - height) / 2, (owner.left + owner.right - width) / 2
    for ring in _RINGS:
        right, left = owner.right + ring, owner.left - ring - width
        above, below = owner.top - ring - height, owner.bottom + ring
        for x, y in (
            *((right, middle), (left, middle), (centre, above), (centre, below)),
            *((right, owner.top), (left, owner.top), (right, owner.bottom - height)),
            *((left, owner.bottom - height), (owner.left, above), (owner.right - width, above)),
            *((owner.left, below), (owner.right - width, below)),
            *((right, above), (left, above), (right, below), (left, below)),
        ):
            yield ring, Box(x, y, x + width, y + height)


def _cost(candidate: tuple[float, Box], covered: Sequence[Box], area: Box) -> float:
    ring, box = candidate
    outside = 0.0 if area.holds(box) else _OUTSIDE
    return outside + sum(box.shared(other) for other in covered) + _FAR * ring
