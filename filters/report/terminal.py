"""The report in a terminal of 80 columns: its tables, and a few of the rows on which recipes disagree."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Group as Stack
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from ..ablation_types import Ablation, Example
from . import facts, forms, tables
from .table import Cell, Group, Table

_SHOWN = 12
"""Most example rows in all; the files hold the rest."""
_WIDTH = 300
"""Characters of a text from the data that are printed."""
_SAID_BELOW = (forms.NO_VERDICT, forms.NOT_LABELLED)
"""Reasons that the notes of a table give once, so that its cells stay narrow."""
_LONG = 60
"""Rows from which on a divided table is cut to the groups that are about all rows."""


def terminal_tables(ablation: Ablation) -> Stack:
    """Everything but plots and provenance, for `Console.print`. No text from the data can act as markup."""
    return Stack(*_parts(ablation))


def _parts(ablation: Ablation) -> Iterator[RenderableType]:
    for warning in facts.warnings(ablation):
        yield Text(forms.clean(warning), style="bold yellow")
    yield Text("\n".join(f"{fact.label}: {forms.clean(fact.text)}" for fact in facts.facts(ablation)))
    shown = (
        tables.outcomes(ablation),
        tables.kept_rows(ablation),
        tables.beside_published(ablation),
        tables.outcomes_by_source(ablation),
        tables.overlaps(ablation),
        _sweeps(ablation),
        facts.judges(ablation),
    )
    for table in shown:
        if table is not None:
            yield from printed(table)
    yield from _disagreements(ablation)


def _sweeps(ablation: Ablation) -> Table | None:
    """The sweep; of many points only those over all rows."""
    if len(ablation.sweeps) <= _LONG:
        return tables.sweeps(ablation)
    overall = tuple(point for point in ablation.sweeps if point.result.source is None)
    cut = tables.sweeps(dataclasses.replace(ablation, sweeps=overall))
    return cut and dataclasses.replace(cut, notes=(*cut.notes, "The sweep by source stands in the report."))


def printed(table: Table, titled: bool = True) -> Iterator[RenderableType]:
    """A table with its title, if it shall have one, and its notes, for `Console.print`."""
    if titled:
        yield Text(f"\n{forms.clean(table.title)}", style="bold")
    for group in table.groups:
        if group.heading is not None:
            yield Text(f"\n{forms.clean(group.heading)}", style="bold")
        yield _grid(table, group)
    yield Text("\n".join(forms.clean(note) for note in table.notes), style="dim")


def _grid(table: Table, group: Group) -> RichTable:
    """One group's rows; headings are broken wherever they can be, so that values set the widths."""
    made = RichTable(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    kept = [number for number, column in enumerate(table.columns) if column.narrow]
    for number in kept:
        column = table.columns[number]
        heading = forms.clean(column.heading).replace(" ", "\n").replace("/", "/\n")
        made.add_column(Text(heading), justify="right" if column.numeric else "left", overflow="fold")
    for row in group.rows:
        made.add_row(*(_cell(row[number]) for number in kept))
    return made


def _cell(cell: Cell) -> Text:
    """The value, and below it its interval or the reason why there is none."""
    text = Text(forms.cut(forms.clean(cell.text), _WIDTH))
    if cell.detail and cell.detail not in _SAID_BELOW:
        text.append(f"\n{cell.detail}", style="dim")
    return text


def _disagreements(ablation: Ablation) -> Iterator[RenderableType]:
    found = facts.disagreements(ablation)
    if not found:
        return
    yield Text("\nRows on which recipes disagree", style="bold")
    each = max(1, _SHOWN // len(found))
    for disagreement in found:
        yield Text(forms.clean(_heading(disagreement)), style="bold")
        for example in disagreement.examples[:each]:
            yield Padding(_example(example), (0, 0, 0, 2))


def _heading(disagreement: facts.Disagreement) -> str:
    rows = "" if disagreement.rows is None else f": {disagreement.rows:,} rows"
    return f"{disagreement.accepts} keeps, {disagreement.rejects} does not{rows}"


def _example(example: Example) -> Text:
    known = {fact.label: forms.clean(fact.text) for fact in facts.example_facts(example)}
    measures = f"F1 {known['F1']}, searches {known['Searches']}, {known['Label']}"
    note = f" ({known['Note']})" if "Note" in known else ""
    return Text(f"{known['Question']}\n  gold {known['Gold']} | answer {known['Answer']}\n  {measures}{note}")
