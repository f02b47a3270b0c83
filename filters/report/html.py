"""The report as one HTML page: no script, nothing loaded, readable on a phone and in the dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files

from ..ablation_types import Ablation
from .figure import Colour
from .plot import Plot
from .templates import context, environment

_DARK = {
    Colour.INK: "#e7eaee",
    Colour.MUTED: "#a3acb8",
    Colour.GRID: "#2c333c",
    Colour.ALL: "#4a525d",
    Colour.BLUE: "#5fb4ec",
    Colour.RED: "#ff9050",
    Colour.GREEN: "#3fcf9f",
    Colour.PURPLE: "#e39bcb",
    Colour.OCHRE: "#e6b450",
    Colour.SLATE: "#9db4dc",
}
"""The same roles on a dark page."""


def html_report(ablation: Ablation, plots: Sequence[Plot]) -> str:
    """The text of `report.html`. Text from data is escaped; only our own drawings go in as they are."""
    page = environment().get_template("report.html.jinja")
    return f"{page.render({**context(ablation, plots), 'style': style()}).strip()}\n"


def style() -> str:
    """The style sheet of a report, with the colours that drawings take from the page."""
    return f"{_colours()}\n{_package_text('report.css')}"


def _colours() -> str:
    """The CSS variables of both modes."""
    light = _variables({colour: colour.value for colour in Colour})
    return f":root {{{light}}}\n@media (prefers-color-scheme: dark) {{ :root {{{_variables(_DARK)}}} }}"


def _variables(colours: Mapping[Colour, str]) -> str:
    return " ".join(f"--{colour.name.lower()}: {value};" for colour, value in colours.items())


def _package_text(name: str) -> str:
    package = (__package__ or "").rpartition(".")[0]
    return files(package).joinpath("templates", name).read_text("utf-8")
