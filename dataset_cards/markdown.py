"""Values from the data, put into Markdown so that they show as they are and change nothing around them."""

from __future__ import annotations

import re

from ..filters.ablation_types import Estimate

_MARKUP = re.compile(r"([\\`*_\[\]<>|~&$])")


def text(value: object) -> str:
    """Plain text on one line, for a paragraph or a table cell."""
    return _MARKUP.sub(r"\\\1", " ".join(str(value).split()))


def code(value: object) -> str:
    """Inline code on one line, for a paragraph or a table cell."""
    line = " ".join(str(value).split()).replace("|", "\\|")
    fence = "`" * (_longest_run(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}" if line else "(empty)"


def block(value: str, language: str = "") -> str:
    """A fenced block that holds any text."""
    fence = "`" * max(3, _longest_run(value) + 1)
    return f"{fence}{language}\n{value.rstrip()}\n{fence}"


def _longest_run(value: str) -> int:
    return max((len(run) for run in re.findall(r"`+", value)), default=0)


def count(value: float) -> str:
    """A number of things, with separators."""
    return f"{value:,.0f}"


def percent(share: float | None) -> str:
    """A share with one decimal; a dash where it is not known."""
    return "–" if share is None else f"{share:.1%}"


def decimal(value: float | None) -> str:
    """A number with two decimals; a dash where it is not known."""
    return "–" if value is None else f"{value:,.2f}"


def estimate(share: Estimate) -> str:
    """A share with its interval in brackets, where it has one; a dash where it is not known."""
    if share.low is None or share.high is None or share.low == share.high:
        return percent(share.value)
    return f"{percent(share.value)} ({100 * share.low:.1f} to {100 * share.high:.1f})"
