"""The published figures that an ablation is held beside (`filters/published.toml`)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Published:
    """What was published about a recipe: accept rate and "false positive rate", each as (lowest, highest) in
    [0, 1] and in the words of the source."""

    recipe: str
    title: str
    accept: tuple[float, float]
    accept_text: str
    wrong: tuple[float, float]
    wrong_text: str


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """The figures by recipe, where they are from, and what has to be said beside them."""

    source: str
    note: str
    figures: tuple[Published, ...]

    def of(self, recipes: Iterable[str]) -> tuple[Published, ...]:
        """The figures of those recipes that have some, in the order of the recipes."""
        known = {figure.recipe: figure for figure in self.figures}
        return tuple(known[name] for name in recipes if name in known)


@cache
def published() -> PublishedTable:
    """The table that ships with trajset."""
    package = (__package__ or "").rpartition(".")[0]
    table = tomllib.loads(files(package).joinpath("published.toml").read_text("utf-8"))
    figures = tuple(_figure(name, entry) for name, entry in table["recipes"].items())
    return PublishedTable(table["source"], table["note"].strip(), figures)


def _figure(name: str, entry: dict[str, Any]) -> Published:
    low, high = entry["accept"]
    least, most = entry["wrong"]
    return Published(
        name, entry["title"], (low, high), entry["accept_text"], (least, most), entry["wrong_text"]
    )
