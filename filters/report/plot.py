"""A plot of a report: drawn for two sizes of page, with its words."""

from __future__ import annotations

from dataclasses import dataclass

from .figure import NARROW, WIDE, Draw, svg, themed

_MOST_HEARD = 1000
"""Characters of a description, beyond which it ends at a whole part."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot drawn for a wide page and for a phone, as SVG with the light colours."""

    name: str
    title: str
    caption: str
    alt: str
    wide: str
    narrow: str

    @property
    def across(self) -> int:
        """Pixels that the wide drawing takes across."""
        return int(self.wide.partition('viewBox="0 0 ')[2].partition(" ")[0])

    @property
    def inline(self) -> tuple[str, str]:
        """Both drawings in the colours of the page."""
        return themed(self.wide), themed(self.narrow)


@dataclass(frozen=True, slots=True)
class Words:
    """What a plot says beside its drawing; `name` becomes the name of its file."""

    name: str
    title: str
    caption: str
    alt: str


def draw_plot(words: Words, draw: Draw) -> Plot:
    """The plot in both sizes."""
    wide, narrow = (svg(words.name, size, draw) for size in (WIDE, NARROW))
    return Plot(words.name, words.title, words.caption, _heard(words.alt), wide, narrow)


def _heard(alt: str) -> str:
    """As much of a description as somebody listens to: the numbers stand in a table as well."""
    if len(alt) <= _MOST_HEARD:
        return alt
    return f"{alt[: alt.rfind('; ', 0, _MOST_HEARD)]}; and so on, as in the table."


def standalone(plot: Plot) -> bytes:
    """The wide drawing as a file of its own, on white."""
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    body = plot.wide.replace("<svg ", f"<svg {names} ", 1)
    head, _, rest = body.partition(">")
    return f'{head}><rect width="100%" height="100%" fill="#ffffff"/>{rest}\n'.encode()
