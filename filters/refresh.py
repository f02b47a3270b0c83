"""After rows changed (judged, decontaminated): every split is brought in line with its own recipe again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..builder.dataset import LocalDataset, remove_split, write_split
from ..builder.errors import RecipeError
from ..builder.manifest import RAW
from ..builder.schema import JsonObject
from .engines import Engine, accepted_ids
from .recipes import Recipe


@dataclass(frozen=True, slots=True)
class SplitMove:
    """A split whose rows changed. `after` is 0 where nothing was left of it and it was removed."""

    split: str
    before: int
    after: int
    entered: int
    left: int

    def __str__(self) -> str:
        if not self.after:
            return f"{self.split}: its recipe accepts no row any more; the split was removed"
        moved = f"{self.entered:,} entered, {self.left:,} left"
        return f"{self.split}: {self.before:,} -> {self.after:,} rows ({moved})"


def refresh_splits(path: Path, engine: Engine = "duckdb") -> tuple[SplitMove, ...]:
    """Apply the recipe of every split anew and rewrite those whose rows changed; what moved is returned.

    A split that was cut by something else than a recipe of trajset is left as it is.

    Raises:
        DataError: no dataset there, or a file is missing.
        StorageError: the disk is full or not writable.
    """
    dataset = LocalDataset.open(path)
    moves = (
        _refresh(path, split.name, split.recipe, engine)
        for split in dataset.manifest.splits
        if split.name != RAW and split.recipe is not None
    )
    return tuple(move for move in moves if move is not None)


def _refresh(path: Path, name: str, entry: JsonObject, engine: Engine) -> SplitMove | None:
    try:
        recipe = Recipe.from_json(entry)
    except RecipeError:
        return None
    dataset = LocalDataset.open(path)
    before, after = set(dataset.ids(name)), accepted_ids(dataset, recipe, engine)
    kept = set(after)
    if kept == before:
        return None
    if after:
        write_split(path, name, after, entry)
    else:
        remove_split(path, name)
    return SplitMove(name, len(before), len(after), len(kept - before), len(before - kept))
