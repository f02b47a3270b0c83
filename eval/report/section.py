"""A part of the report before it has a form: words, plots, tables and examples under a heading."""

from __future__ import annotations

from dataclasses import dataclass

from ...filters.report.facts import Fact
from ...filters.report.plot import Plot
from ...filters.report.table import Table

_LONG = 20
"""Rows from which on a table is folded away, where a page can do that."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows shown one by one under a heading."""

    heading: str
    rows: tuple[tuple[Fact, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it, in this order.

    `name` is the anchor in the page: small letters, digits and hyphens. Paragraphs are plain text; all text
    may come from anywhere, every form escapes it. `measured` is False where not all figures were measured
    here: its heading and plots are not called simulated, and its words have to say what is.
    """

    name: str
    title: str
    paragraphs: tuple[str, ...] = ()
    plots: tuple[Plot, ...] = ()
    tables: tuple[Table, ...] = ()
    examples: tuple[Examples, ...] = ()
    measured: bool = True


def table_rows(table: Table) -> int:
    """Rows of a table over all its groups."""
    return sum(len(group.rows) for group in table.groups)


def is_long(table: Table) -> bool:
    """Whether a table is folded away."""
    return table_rows(table) > _LONG
