"""The report as GitHub-flavoured Markdown without HTML: tables to paste into a paper."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..ablation_types import Ablation
from . import markdown
from .plot import Plot
from .table import Cell, Column, Group, Table
from .templates import context, environment


def markdown_report(ablation: Ablation, plots: Sequence[Plot]) -> str:
    """The text of `report.md`; the plots are files beside it."""
    made = environment()
    made.filters.update(text=markdown.text, code=markdown.code, block=markdown.block, table=table)
    page = made.get_template("report.md.jinja").render(context(ablation, plots))
    return re.sub(r"\n{3,}", "\n\n", page).strip() + "\n"


def table(shown: Table) -> str:
    """A table; a divided one gets a first column for what divides it."""
    columns = [*([Column(shown.divided_by, numeric=False)] if _divided(shown) else []), *shown.columns]
    head = [markdown.text(column.heading) for column in columns]
    rule = ["---:" if column.numeric else "---" for column in columns]
    body = [cells for group in shown.groups for cells in _rows(shown, group)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *body))


def _divided(shown: Table) -> bool:
    return any(group.heading is not None for group in shown.groups)


def _rows(shown: Table, group: Group) -> list[list[str]]:
    first = [markdown.code(group.heading)] if _divided(shown) else []
    return [
        [*first, *(_cell(cell, column) for cell, column in zip(row, shown.columns, strict=True))]
        for row in group.rows
    ]


def _cell(cell: Cell, column: Column) -> str:
    """`12.3% (8.1–17.5)`, or a dash and why."""
    value = markdown.code(cell.text) if column.code and not cell.unknown else markdown.text(cell.text)
    return f"{value} ({markdown.text(cell.detail)})" if cell.detail else value
