"""Options of `trajset sql`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from cyclopts import Parameter

from ..builder.config import Positive, Seconds
from ..filters.sandbox_protocol import DEFAULT

Format = Literal["table", "csv", "json", "jsonl", "parquet"]
FORMATS: dict[str, Format] = {name: name for name in get_args(Format)}


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class SqlConfig:
    """How a result is shown or written, and what the query may use."""

    format: Format | None = None
    """How the result is written; without it what the name of `--out` ends in, else a table."""
    out: Path | None = None
    """File for the result; without it the terminal or pipe."""
    limit: Positive | None = None
    """Most rows to give; without it 40 in a table and all in every other format."""
    memory: str = "4GB"
    """Memory that the query may use, and that its result may have, such as 500MB or 16GB."""
    timeout: Seconds = DEFAULT.seconds
    """Seconds after which the query is ended."""
