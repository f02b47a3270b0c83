"""A recipe's verdicts become a named split of the dataset; the rows it rejects stay in `raw`."""

from __future__ import annotations

from pathlib import Path

from ..builder.dataset import LocalDataset, write_split
from ..builder.errors import Problem, RecipeError
from ..builder.manifest import RAW, Manifest
from .engines import Engine, accepted_ids
from .recipes import Recipe


def make_split(path: Path, recipe: Recipe, engine: Engine = "duckdb") -> Manifest:
    """Write the rows that a recipe accepts as the split of its name, with its text, parameters and hash.

    Raises:
        RecipeError, DataError: no dataset there, the recipe cannot run, or it accepts nothing (`datasets`
            loads no empty split). Nothing was changed.
        StorageError: the disk is full or not writable.
    """
    dataset = LocalDataset.open(path)
    ids = accepted_ids(dataset, recipe, engine)
    if not ids:
        found = f"0 of {dataset.manifest.split(RAW).rows:,}"
        fix = f"Check its parameters, and that its columns are filled: {', '.join(recipe.columns)}."
        raise RecipeError(str(Problem(f"recipe {recipe.name}", "must accept at least one row", found, fix)))
    return write_split(path, recipe.name, ids, recipe.to_json())
