"""Options of `trajset filter`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from ..builder.config import Flag


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class FilterConfig:
    """Which recipe, with which settings, and whether its split is written."""

    recipe: str
    """Name of a recipe (`trajset recipes`), or the path of your own .toml file."""
    settings: Annotated[tuple[str, ...], Parameter(name="--set", consume_multiple=True)] = ()
    """Parameters of the recipe, as `--set min_f1=0.7 min_searches=2`."""
    sweep: str | None = None
    """Only count what each value of a parameter would keep: `min_f1=0.3:0.9:0.05` or `min_f1=0.5,0.8`."""
    dry_run: Flag = False
    """Only say what would be kept."""
    engine: Literal["duckdb", "polars"] = "duckdb"
    """Which engine runs the SQL; both accept the same rows."""
    check: Flag = False
    """Run both engines and compare their verdicts row by row."""
