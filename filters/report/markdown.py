"""Text put into Markdown so that it shows as it is, on one line, and changes nothing around it."""

from __future__ import annotations

import re

from .forms import clean

_MARKUP = re.compile(r"([\\`*_\[\]<>|~&$@]|:(?=//)|(?<=www)\.)")


def text(value: object) -> str:
    """For a paragraph or a table cell: no markup, no link, no mention takes effect."""
    return _MARKUP.sub(r"\\\1", clean(value))


def code(value: object) -> str:
    """Inline code, for a paragraph or a table cell."""
    line = clean(value).replace("|", "\\|")
    fence = "`" * (_longest_run(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}" if line else "(empty)"


def block(value: object, language: str = "") -> str:
    """A fenced block that holds any line of text."""
    line = clean(value)
    fence = "`" * max(3, _longest_run(line) + 1)
    return f"{fence}{language}\n{line}\n{fence}"


def _longest_run(value: str) -> int:
    return max((len(run) for run in re.findall(r"`+", value)), default=0)
