"""The options of `trajset render`; light to import, as all that the command line reads at its start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cyclopts import Parameter

from ..builder.option_types import Count, Flag, Positive


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class RenderConfig:
    """Settings of `trajset render`."""

    model: str
    """The student: a folder with a tokenizer, or a model at the Hub."""
    model_revision: str | None = None
    """Branch, tag or commit of a model at the Hub."""
    family: str = "auto"
    """Model family, where name and files do not tell it; `none` for one of no known family."""
    grammar: Literal["auto", "tools", "tags"] = "auto"
    """`tools` (native calls) or `tags` (in the text); `auto` is `tools` where the chat template keeps all."""
    reasoning: Literal["keep", "drop"] = "keep"
    """Whether the model learns the reasoning too."""
    max_length: Positive | None = None
    """Tokens of a row that training sees, from its start; without it all."""
    observation_tokens: Positive | None = None
    """In rows longer than `--max-length`, keep that many tokens of every observation, from its start."""
    allow_truncation: Flag = False
    """Let rows lose an answer or a call at `--max-length`."""
    limit: Positive | None = None
    """Render only the first rows, that many."""
    show: Count = 1
    """Show the first rows, that many, with the tokens that carry loss in green."""
    row: str | None = None
    """Show the row of this id instead."""
    full: Flag = False
    """Show what carries no loss in full too, not only its beginning and end."""
    out: Path | None = None
    """JSON file for the audit with all row ids."""
