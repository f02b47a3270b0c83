"""The report in a terminal of 80 columns: its tables, and a few of the wrong rows."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group as Stack
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from ...filters.report import forms
from ...filters.report.facts import Fact
from ...filters.report.table import Table
from ...filters.report.terminal import printed
from .document import Document
from .section import Section, is_long

_EXAMPLES = 2
"""Rows shown of each measurement; the files hold the rest."""
_WIDTH = 300


def terminal_report(made: Document) -> Stack:
    """Everything but plots and provenance, for `Console.print`. No text from the data can act as markup."""
    return Stack(*_parts(made))


def _parts(made: Document) -> Iterator[RenderableType]:
    for warning in made.warnings:
        yield Text(forms.clean(warning), style="bold yellow")
    yield Text("\n".join(f"{forms.clean(fact.label)}: {forms.clean(fact.text)}" for fact in made.facts))
    for section in made.sections:
        yield from _section(section)
    for fact in made.missing:
        yield Text(f"Not measured: {fact.label} ({forms.clean(fact.text)})", style="dim")


def _section(section: Section) -> Iterator[RenderableType]:
    yield Text(f"\n{forms.clean(section.title)}", style="bold")
    for paragraph in section.paragraphs:
        yield Text(forms.clean(paragraph))
    for table in section.tables:
        yield from _table(table, table.title != section.title)
    for group in section.examples:
        yield Text(f"\n{forms.clean(group.heading)}", style="bold")
        yield from (Padding(_example(row), (0, 0, 0, 2)) for row in group.rows[:_EXAMPLES])


def _table(table: Table, titled: bool) -> Iterator[RenderableType]:
    """A table; a long one that stands in the files is named alone."""
    if is_long(table) and table.name in _FOLDED:
        yield Text(f"\n{forms.clean(table.title)}: in the report", style="bold")
        return
    yield from printed(table, titled)


_FOLDED = frozenset({"reliability"})
"""Tables that a terminal has no use for when they are long."""


def _example(row: tuple[Fact, ...]) -> Text:
    return Text("\n".join(f"{fact.label}: {forms.cut(forms.clean(fact.text), _WIDTH)}" for fact in row))
