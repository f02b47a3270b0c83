"""A figure drawn in pixels: colours by role, panels in a grid, and SVG that takes its colours from the page.

Every plot is drawn twice, for a wide page and for a phone, with letters of the same size. The SVG keeps text
as text. In a page its colours are CSS variables, so that one drawing serves light and dark mode.
"""

from __future__ import annotations

import io
import re
import unicodedata
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter
from matplotlib.typing import RcKeyType

from . import forms

FONT = 13.0
"""Height of the letters, in pixels."""
SMALL = 12.0

_DPI = 72
"""At 72 dots per inch a point of the SVG is a pixel."""


class Colour(StrEnum):
    """Colours by role, as they are on white. The hues are those of Okabe and Ito (2008), told apart by
    colour-blind readers, darkened to a contrast of at least 3 to 1; markers and dashes differ besides."""

    INK = "#1b1f25"
    MUTED = "#58606b"
    GRID = "#e3e6ea"
    ALL = "#c6ccd4"
    BLUE = "#0069a8"
    RED = "#c24e00"
    GREEN = "#00805c"
    PURPLE = "#9c4a86"
    OCHRE = "#8f6400"
    SLATE = "#46618c"


HUES = (Colour.BLUE, Colour.RED, Colour.GREEN, Colour.PURPLE, Colour.OCHRE, Colour.SLATE)


def hue(number: int) -> Colour:
    """The colour of the recipe at a place: the same in every plot."""
    return HUES[number % len(HUES)]


MARKERS = ("o", "s", "D", "^", "v", "P", "X")

_STYLE: dict[RcKeyType, Any] = {
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": FONT,
    "text.color": Colour.INK.value,
    "text.parse_math": False,  # a source may be called $x$
    "figure.facecolor": "none",  # the page's own
    "axes.facecolor": "none",
    "axes.edgecolor": Colour.MUTED.value,
    "axes.labelcolor": Colour.INK.value,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titley": 1.0,  # nothing stands above a panel, so its title need not be moved out of the way
    "axes.grid": True,
    "grid.color": Colour.GRID.value,
    "grid.linewidth": 1.0,
    "xtick.color": Colour.MUTED.value,
    "xtick.labelcolor": Colour.INK.value,
    "xtick.labelsize": SMALL,
    "ytick.color": Colour.MUTED.value,
    "ytick.labelcolor": Colour.INK.value,
    "ytick.labelsize": SMALL,
    "lines.linewidth": 2.0,
    "hatch.linewidth": 0.8,
    "svg.fonttype": "none",
    "figure.dpi": _DPI,
    "savefig.dpi": _DPI,
}


@dataclass(frozen=True, slots=True)
class Size:
    """A page to draw for: its width in pixels and how many panels stand side by side."""

    name: str
    width: int
    columns: int


WIDE = Size("wide", 800, 2)
NARROW = Size("narrow", 350, 1)


@dataclass(frozen=True, slots=True)
class Margins:
    """Pixels around the data area of a panel."""

    left: int = 44
    right: int = 14
    top: int = 28
    bottom: int = 26


class Sheet:
    """A figure under way, measured in pixels from its top left corner."""

    def __init__(self, size: Size, height: float) -> None:
        self.size = size
        self.height = height
        self.figure = Figure(figsize=(size.width / _DPI, height / _DPI), dpi=_DPI)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """A data area."""
        bottom = self.height - top - height
        box = (
            left / self.size.width,
            bottom / self.height,
            width / self.size.width,
            height / self.height,
        )
        return self.figure.add_axes(box)

    def text(self, left: float, baseline: float, text: str, colour: Colour = Colour.INK) -> None:
        """One line of small text from the left; text that comes from the data was cleaned by the caller."""
        place = (left / self.size.width, 1 - baseline / self.height)
        self.figure.text(*place, text, color=colour.value, fontsize=SMALL)

    def line(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """A thin straight line between two points (x, y)."""
        across = [x / self.size.width for x in (start[0], end[0])]
        down = [1 - y / self.height for y in (start[1], end[1])]
        self.figure.add_artist(Line2D(across, down, color=Colour.MUTED.value, linewidth=0.8))

    def mark(self, left: float, middle: float, series: Series) -> None:
        """The marker of a series on its own, for a key."""
        point = ([left / self.size.width], [1 - middle / self.height])
        self.figure.add_artist(
            Line2D(*point, color=series.colour.value, marker=series.marker, markersize=7, linestyle="none")
        )


@dataclass(frozen=True, slots=True)
class Series:
    """How one measure looks wherever it is drawn: never by colour alone."""

    name: str
    colour: Colour
    marker: str
    dashes: str


ACCEPT = Series("accept rate", Colour.BLUE, "s", "-")
FDR = Series("FDR", Colour.RED, "o", "--")
FPR = Series("FPR", Colour.PURPLE, "^", ":")
RECALL = Series("recall", Colour.GREEN, "D", "-.")


def key(sheet: Sheet, series: Sequence[Series], left: float = 8) -> None:
    """The names of series beside their markers, on the first line of a sheet."""
    for one in series:
        sheet.mark(left, 10, one)
        sheet.text(left + 9, 14, one.name)
        left += width(one.name) + 32


def width(text: str, size: float = SMALL) -> float:
    """About how many pixels a line of text takes, rather too many: the page's own font is not known."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return size * (0.62 * len(text) + 0.4 * wide)


def fitted(text: str, pixels: float) -> str:
    """The text, cleaned, and cut in the middle so that it takes no more than so many pixels."""
    line = forms.clean(text)
    room = len(line)
    while width(line) > pixels and room > 3:
        room -= 1
        line = middle_cut(forms.clean(text), room)
    return line


def middle_cut(text: str, room: int) -> str:
    """The first and last characters, `room` in all: names are told apart by their ends."""
    return f"{text[: room // 2]}…{text[len(text) - (room - 1) // 2 :]}"


def panels(sheet: Sheet, count: int, height: int, margins: Margins, above: int = 0) -> list[Axes]:
    """Data areas side by side and below each other, in reading order, each with its margins."""
    across = sheet.size.width / sheet.size.columns
    return [
        sheet.axes(
            number % sheet.size.columns * across + margins.left,
            above + number // sheet.size.columns * height + margins.top,
            across - margins.left - margins.right,
            height - margins.top - margins.bottom,
        )
        for number in range(count)
    ]


def panel_rows(size: Size, count: int) -> int:
    """Rows that so many panels take."""
    return -(-count // size.columns)


def shares(axis: Axis) -> None:
    """Ticks in percent."""
    axis.set_major_formatter(PercentFormatter(1, decimals=0))


def ticks_at(most: int) -> MaxNLocator:
    """Places for at most so many steps between ticks, at round numbers."""
    return MaxNLocator(most, steps=[1, 2, 2.5, 5, 10])


def worded(axis: Axis, words: Callable[[float], str]) -> None:
    """Ticks in words of their own."""

    def at(value: float, _place: int | None) -> str:
        return words(value)

    axis.set_major_formatter(FuncFormatter(at))


Draw = Callable[[Size], Sheet]

_TAG = re.compile(r"<[^<>]*>")
_HEX = re.compile("|".join(re.escape(colour.value) for colour in Colour))
_ROOT = re.compile(r"<svg [^>]*>")
_DROPPED = re.compile(r"\s*<metadata>.*?</metadata>|\s*<style.*?</style>", re.DOTALL)


def svg(name: str, size: Size, draw: Draw) -> str:
    """The drawing as an SVG element without a root's attributes; equal drawings give equal text.

    Ids carry the name of the drawing, so that several can stand in one page.
    """
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        mpl.rcParams["svg.hashsalt"] = name  # ids by content, not by chance
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # the page's font may have it
        sheet = draw(size)
        buffer = io.StringIO()
        FigureCanvasSVG(sheet.figure).print_svg(buffer, metadata=dict.fromkeys(_METADATA))
    text = buffer.getvalue()
    body = _DROPPED.sub("", text[text.index("<svg ") :])
    tags = partial(_own_ids, f"{name}-{size.name}-")
    root = f'<svg viewBox="0 0 {size.width} {sheet.height:g}">'
    return _ROOT.sub(root, _TAG.sub(tags, body), count=1).strip()


_METADATA = ("Creator", "Date", "Format", "Type")


def _own_ids(prefix: str, tag: re.Match[str]) -> str:
    """A tag with its ids, and what refers to them, under a prefix. Text between tags is never touched."""
    with_id = re.sub(r'^(<\w+ )id="', rf'\1id="{prefix}', tag[0])
    return re.sub(r'(xlink:href="|url\()#', rf"\1#{prefix}", with_id)


def themed(drawing: str) -> str:
    """The same drawing with each colour taken from the page's variable of its name."""
    names = {colour.value: colour.name.lower() for colour in Colour}
    return _TAG.sub(
        lambda tag: _HEX.sub(lambda found: f"var(--{names[found[0]]}, {found[0]})", tag[0]), drawing
    )
