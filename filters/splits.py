"""A recipe's verdicts become a named split of the dataset; the rows it rejects stay in `raw`."""

from __future__ import annotations

from pathlib import Path

from ..builder.dataset import LocalDataset, write_split
from ..builder.manifest import Manifest
from .engines import Engine, accepted_ids
from .recipes import Recipe


def make_split(path: Path, recipe: Recipe, engine: Engine = "duckdb") -> Manifest:
    """Write the rows that a recipe accepts as the split of its name, with its text, parameters and hash.

    Raises:
        RecipeError, DataError: no dataset there, or the recipe cannot run. Nothing was changed.
        StorageError: the disk is full or not writable.
    """
    ids = accepted_ids(LocalDataset.open(path), recipe, engine)
    return write_split(path, recipe.name, ids, recipe.to_json())
