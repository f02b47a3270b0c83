"""A recipe's verdicts become a named split of the dataset; the rows it rejects stay in `raw`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from ..builder.config import Engine, FilterConfig
from ..builder.dataset import LocalDataset, write_split
from ..builder.manifest import Manifest
from .engines import accepted_ids, check_engines_agree
from .outcomes import Outcomes, outcomes
from .recipes import Recipe, load_recipe, parse_settings


@dataclass(frozen=True, slots=True)
class Filtered:
    """What `trajset filter` did: the split it wrote, and how the recipe fares on the raw rows."""

    split: str
    manifest: Manifest
    outcomes: Outcomes


def make_split(path: Path, recipe: Recipe, engine: Engine = "duckdb", split: str | None = None) -> Manifest:
    """Write the rows that a recipe accepts as a split, named after the recipe unless told otherwise.

    Raises:
        RecipeError, DataError: no dataset there, or the recipe cannot run. Nothing was changed.
        StorageError: the disk is full or not writable.
    """
    ids = accepted_ids(LocalDataset.open(path), recipe, engine)
    return write_split(path, split or recipe.name, ids, recipe.to_json())


def run_filter(path: Path, config: FilterConfig) -> Filtered:
    """The body of `trajset filter PATH`.

    Raises:
        RecipeError, DataError, StorageError: as for `make_split`, and where `check` finds a difference.
    """
    recipe = load_recipe(config.recipe).bind(parse_settings(config.set))
    dataset = LocalDataset.open(path)
    if config.check:
        check_engines_agree(dataset, recipe)
    split = config.split or recipe.name
    found = outcomes(dataset, [dataclasses.replace(recipe, name=split)], config.annotator, config.engine)
    return Filtered(split, make_split(path, recipe, config.engine, split), found)
