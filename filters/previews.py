"""What a recipe would keep, counted without writing a split."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import pyarrow as pa

from ..builder.readable import Readable
from .engines import Engine, verdicts
from .recipes import Recipe
from .sweeps import Sweep


@dataclass(frozen=True, slots=True)
class Preview:
    """Rows by verdict. `split`: how many would enter and leave the split of that name, where there is one."""

    rows: int
    accepted: int
    unscored: int
    split: tuple[int, int] | None = None

    @property
    def rejected(self) -> int:
        """Rows with the verdict false."""
        return self.rows - self.accepted - self.unscored


def preview(data: Readable, recipe: Recipe, engine: Engine) -> Preview:
    """Count what the recipe accepts.

    Raises:
        RecipeError, DataError, HubError: as for `verdicts`.
    """
    table = verdicts(data, [recipe], engine)
    counted = _counted(table.column(recipe.name))
    if recipe.name not in data.splits:
        return counted
    kept = set(table.filter(table.column(recipe.name)).column("id").to_pylist())
    there = set(data.ids(recipe.name))
    return dataclasses.replace(counted, split=(len(kept - there), len(there - kept)))


def preview_sweep(data: Readable, recipe: Recipe, sweep: Sweep, engine: Engine) -> list[Preview]:
    """Count what the recipe accepts for each value; the rows are read once.

    Raises:
        RecipeError, DataError, HubError: as for `verdicts` and `Sweep.over`.
    """
    swept = [
        dataclasses.replace(bound, name=f"{recipe.name}_{number}")
        for number, bound in enumerate(sweep.over(recipe))
    ]
    table = verdicts(data, swept, engine)
    return [_counted(table.column(entry.name)) for entry in swept]


def _counted(verdict: pa.ChunkedArray) -> Preview:
    return Preview(len(verdict), len(verdict.filter(verdict)), verdict.null_count)
