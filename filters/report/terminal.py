"""The report in a terminal of 80 columns: its tables, and a few of the rows on which recipes disagree."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Group as Stack
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from ..ablation_types import Ablation, Example
from . import facts, forms, tables

_SHOWN = 12
"""Most example rows in all; the files hold the rest."""
_NAME = 20
"""Columns that a name may take before it is folded."""
_WIDTH = 300
"""Characters of a text from the data that are printed."""


def terminal_tables(ablation: Ablation) -> Stack:
    """Everything but plots and provenance, for `Console.print`. No text from the data can act as markup."""
    return Stack(*_parts(ablation))


def _parts(ablation: Ablation) -> Iterator[RenderableType]:
    for warning in facts.warnings(ablation):
        yield Text(forms.clean(warning), style="bold yellow")
    yield Text(_head(ablation))
    shown = (
        tables.outcomes(ablation),
        tables.kept_rows(ablation),
        tables.beside_published(ablation),
        tables.outcomes_by_source(ablation),
        tables.overlaps(ablation),
        tables.sweeps(ablation),
        facts.judges(ablation),
    )
    yield from (_table(table) for table in shown if table is not None)
    yield from _disagreements(ablation)


def _head(ablation: Ablation) -> str:
    lines = (f"{fact.label}: {forms.clean(fact.text)}" for fact in facts.facts(ablation))
    return "\n".join(lines)


def _table(table: tables.Table) -> RichTable:
    made = RichTable(
        box=SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
        title=Text(f"\n{table.title}", style="bold"),
        title_justify="left",
        caption=Text("\n".join(forms.clean(note) for note in table.notes), style="dim"),
        caption_justify="left",
    )
    for column in table.columns:
        side = "right" if column.numeric else "left"
        made.add_column(
            Text(column.heading), justify=side, overflow="fold", max_width=None if column.numeric else _NAME
        )
    for group in table.groups:
        _add(made, group)
    return made


def _add(made: RichTable, group: tables.Group) -> None:
    """A group's rows; its heading stands in a row of its own, folded into the first column."""
    if group.heading is not None:
        made.add_section()
        made.add_row(Text(forms.clean(group.heading), style="bold"))
    for row in group.rows:
        made.add_row(*(_cell(cell) for cell in row))


def _cell(cell: tables.Cell) -> Text:
    """The value, and below it its interval or the reason why there is none."""
    text = Text(forms.cut(forms.clean(cell.text), _WIDTH))
    if cell.detail and cell.detail != "exact":
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
