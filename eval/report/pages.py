"""The report as one HTML page and as Markdown."""

from __future__ import annotations

import re
from typing import Any

from ...filters.report import markdown
from ...filters.report.html import style
from ...filters.report.markdown_report import table
from ...filters.report.templates import environment
from .document import Document
from .section import is_long, table_rows

MADE_BY = "trajset report"
CLAIM = "evaluation.json"


def html_page(made: Document) -> str:
    """The text of `report.html`: no script, nothing loaded. Text from data is escaped."""
    page = environment(__package__ or "").get_template("evaluation.html.jinja")
    return f"{page.render({**_context(made), 'style': style()}).strip()}\n"


def markdown_page(made: Document) -> str:
    """The text of `report.md`, without HTML; the plots are files beside it."""
    templates = environment(__package__ or "")
    templates.filters.update(text=markdown.text, code=markdown.code, block=markdown.block, table=table)
    page = templates.get_template("evaluation.md.jinja").render(_context(made))
    return re.sub(r"\n{3,}", "\n\n", page).strip() + "\n"


def _context(made: Document) -> dict[str, Any]:
    return {
        "title": made.title,
        "warnings": made.warnings,
        "facts": made.facts,
        "sections": made.sections,
        "missing": made.missing,
        "command": made.command,
        "simulated": made.simulated,
        "made_by": MADE_BY,
        "claim": CLAIM,
        "is_long": is_long,
        "table_rows": table_rows,
    }
