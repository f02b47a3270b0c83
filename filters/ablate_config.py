"""The options of `trajset ablate`; light to import, as all that the command line reads at its start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from ..builder.config import Count

Many = Parameter(consume_multiple=True)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class AblateConfig:
    """Settings of `trajset ablate`."""

    recipes: Annotated[tuple[str, ...], Parameter(name=("--recipes", "--recipe")), Many] = (
        "llm_judge",
        "llm_judge_reflect",
        "f1_only",
        "f1_search",
    )
    """Recipes to compare, by name or path. Other judges in the data stand beside them as `judge:NAME`."""
    settings: Annotated[tuple[str, ...], Parameter(name="--set"), Many] = ()
    """Parameters of the recipes that have them, as `--set min_f1=0.7`."""
    sweep: Annotated[tuple[str, ...], Many] = ()
    """Parameters to move, as `--sweep min_f1=0.3:0.9:0.05`: every recipe that has it runs at each value."""
    by: str | None = None
    """Column to report by as well, such as `teacher` or `dataset`."""
    annotator: str | None = None
    """Whose labels count, when several labelled."""
    target: Literal["good", "correct", "grounded"] = "good"
    """What makes a row good: `good` is correct and grounded."""
    examples: Count = 5
    """Rows to show for each ordered pair of recipes that disagree."""
    engine: Literal["duckdb", "polars"] = "duckdb"
    """Which engine runs the SQL; both accept the same rows."""
    out: Path = Path("ablation")
    """Folder of the report; an earlier report in it is replaced."""
