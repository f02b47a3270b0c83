"""How recipes' verdicts moved between two versions of a dataset, row by row, and why.

Every recipe of either manifest, and any other that is asked for, is evaluated anew on both versions: a split
says what was accepted when it was cut, a verdict what the recipe says about the rows as they are. Where a
recipe's text or parameters differ between the versions, both texts are evaluated on both, so that what the
rows did and what the text did can be told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

import polars as pl

from ..builder.errors import RecipeError
from ..builder.identity import canonical_json
from ..builder.manifest import Manifest
from ..builder.readable import Readable
from .engines import Engine, verdicts
from .recipes import Recipe

Side = Literal["accepted", "rejected", "unknown", "absent"]
"""What a recipe says about a row of a version; `absent`: the version does not have the row."""

TextOrigin = Literal["same", "changed", "only before", "only after", "asked for"]
"""Where a recipe's text stands: in both manifests, alike or not, in one of them, or in neither."""

MOVE_COLUMNS = ("recipe", "move", "before", "after", "why", "id", "question_id", "question", "changes")
"""Columns of `Moves.rows`."""

_BEFORE, _AFTER = "before:", "after:"


@dataclass(frozen=True, slots=True)
class Tally:
    """A recipe's verdicts on the raw rows of a version; a row is scored where the verdict is not null."""

    rows: int
    scored: int
    accepted: int

    @property
    def unknown(self) -> int:
        """Rows on which the recipe has no say."""
        return self.rows - self.scored

    @property
    def accept_rate(self) -> float | None:
        """Accepted rows over all rows, unknown ones included; None where no row is scored."""
        return self.accepted / self.rows if self.scored else None


@dataclass(frozen=True, slots=True)
class RecipeMove:
    """One recipe in two versions: its old text on the old rows against its new text on the new rows.

    `old_on_new` and `new_on_old` are what each text would say about the other version. `entered` and `left`
    count rows that are accepted in one version only, rows that came or went among them; `changed` counts rows
    that turned from rejected to unknown or back.
    """

    name: str
    old: Recipe
    new: Recipe
    origin: TextOrigin
    before: Tally
    after: Tally
    old_on_new: Tally
    new_on_old: Tally
    entered: int
    left: int
    changed: int


@dataclass(frozen=True, slots=True)
class Moves:
    """All recipes' moves. `rows` holds the rows that changed side (`MOVE_COLUMNS`), recipe by recipe, in the
    order of the new version, then those that it no longer has. `skipped` maps recipes that cannot be read to
    the reason.

    In `rows`, `why` is `row added`, `row removed`, or what differs: `columns` (then `changes` is a JSON
    object of column to [before, after]), `recipe` (its text or parameters), both, or `other rows` (the recipe
    ranks rows).
    """

    recipes: tuple[RecipeMove, ...]
    rows: pl.DataFrame
    skipped: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Pair:
    name: str
    old: Recipe
    new: Recipe
    origin: TextOrigin


@dataclass(frozen=True, slots=True)
class _Version:
    """The verdicts of every text on one version: `id`, then a column per recipe hash, in row order."""

    dataset: Readable
    verdicts: pl.DataFrame

    def tally(self, recipe: Recipe) -> Tally:
        verdict = self.verdicts[recipe.hash]
        return Tally(len(verdict), verdict.count(), int(verdict.sum() or 0))


def moves(
    before: Readable, after: Readable, asked: Sequence[Recipe] = (), engine: Engine = "duckdb"
) -> Moves:
    """Evaluate the recipes of both manifests, and those asked for, on both versions.

    Raises:
        RecipeError: a recipe cannot run on the engine.
        DataError: a file is missing or cannot be read.
        HubError: the Hub refuses or cannot be reached.
    """
    skipped: dict[str, str] = {}
    pairs = _pairs(_readable(before.manifest, skipped), _readable(after.manifest, skipped), asked)
    texts = {recipe.hash: recipe for pair in pairs for recipe in (pair.old, pair.new)}
    old, new = (_evaluated(dataset, texts, engine) for dataset in (before, after))
    found = [_moved(pair, old, new) for pair in pairs]
    empty = pl.DataFrame(schema=dict.fromkeys(MOVE_COLUMNS, pl.String))
    return Moves(
        tuple(_summary(pair, old, new, rows) for pair, rows in zip(pairs, found, strict=True)),
        pl.concat([empty, *found]),
        skipped,
    )


def _readable(manifest: Manifest, skipped: dict[str, str]) -> dict[str, Recipe]:
    """The recipes that a manifest keeps; what no recipe of trajset is goes to `skipped`."""
    recipes: dict[str, Recipe] = {}
    for name, fields in manifest.recipes.items():
        try:
            recipes[name] = Recipe.from_json(fields)
        except RecipeError as error:
            skipped[name] = str(error)
    return recipes


def _pairs(before: Mapping[str, Recipe], after: Mapping[str, Recipe], asked: Iterable[Recipe]) -> list[_Pair]:
    pairs = {name: _pair(name, before, after) for name in dict.fromkeys((*before, *after))}
    for recipe in asked:
        kept = pairs.get(recipe.name)
        if kept is not None and recipe.hash in (kept.old.hash, kept.new.hash):
            continue
        name = recipe.name if kept is None else f"{recipe.name} (as asked for)"
        pairs[name] = _Pair(name, recipe, recipe, "asked for")
    return list(pairs.values())


def _pair(name: str, before: Mapping[str, Recipe], after: Mapping[str, Recipe]) -> _Pair:
    if name not in after:
        return _Pair(name, before[name], before[name], "only before")
    if name not in before:
        return _Pair(name, after[name], after[name], "only after")
    same = before[name].hash == after[name].hash
    return _Pair(name, before[name], after[name], "same" if same else "changed")


def _evaluated(dataset: Readable, texts: Mapping[str, Recipe], engine: Engine) -> _Version:
    recipes = [replace(recipe, name=name) for name, recipe in texts.items()]
    found = verdicts(dataset, recipes, engine)
    return _Version(dataset, cast("pl.DataFrame", pl.from_arrow(found)))


def _summary(pair: _Pair, old: _Version, new: _Version, rows: pl.DataFrame) -> RecipeMove:
    counts = dict(rows["move"].value_counts().iter_rows())
    return RecipeMove(
        pair.name,
        pair.old,
        pair.new,
        pair.origin,
        before=old.tally(pair.old),
        after=new.tally(pair.new),
        old_on_new=new.tally(pair.old),
        new_on_old=old.tally(pair.new),
        entered=counts.get("entered", 0),
        left=counts.get("left", 0),
        changed=counts.get("changed", 0),
    )


def _moved(pair: _Pair, old: _Version, new: _Version) -> pl.DataFrame:
    """The rows of `MOVE_COLUMNS` of one recipe."""
    sides = _sides(old.verdicts.select("id", verdict=pair.old.hash), "before").join(
        _sides(new.verdicts.select("id", verdict=pair.new.hash), "after"), on="id", how="full", coalesce=True
    )
    sides = sides.with_columns(pl.col("before", "after").fill_null("absent"))
    accepted = (pl.col("before") == "accepted") | (pl.col("after") == "accepted")
    in_both = (pl.col("before") != "absent") & (pl.col("after") != "absent")
    moved = sides.filter((pl.col("before") != pl.col("after")) & (accepted | in_both))
    moved = moved.sort("after_place", "before_place", nulls_last=True)
    return _explained(pair, moved, old.dataset, new.dataset)


def _sides(verdict: pl.DataFrame, version: str) -> pl.DataFrame:
    """`id`, the row's side in a column named after the version, and its place there."""
    side = (
        pl.when(pl.col("verdict").is_null())
        .then(pl.lit("unknown"))
        .when(pl.col("verdict"))
        .then(pl.lit("accepted"))
        .otherwise(pl.lit("rejected"))
    )
    return verdict.with_row_index(f"{version}_place").select("id", side.alias(version), f"{version}_place")


def _explained(pair: _Pair, moved: pl.DataFrame, old: Readable, new: Readable) -> pl.DataFrame:
    """The moved rows with their questions, the recipe's columns that changed, and the reason in a word."""
    columns = sorted({*pair.old.columns, *pair.new.columns} - {"id"})
    moved = moved.join(_values(old, columns, moved, _BEFORE), on="id", how="left")
    moved = moved.join(_values(new, columns, moved, _AFTER), on="id", how="left")
    changes = [_changes(row, columns) for row in moved.iter_rows(named=True)]
    texts = [canonical_json(change).decode() if change else None for change in changes]
    return (
        moved.with_columns(changes=pl.Series(texts, dtype=pl.String))
        .with_columns(
            recipe=pl.lit(pair.name),
            move=_move(),
            why=_why(pair),
            question_id=pl.coalesce(f"{_AFTER}question_id", f"{_BEFORE}question_id"),
            question=pl.coalesce(f"{_AFTER}question", f"{_BEFORE}question"),
        )
        .select(MOVE_COLUMNS)
    )


def _move() -> pl.Expr:
    return (
        pl.when(pl.col("after") == "accepted")
        .then(pl.lit("entered"))
        .when(pl.col("before") == "accepted")
        .then(pl.lit("left"))
        .otherwise(pl.lit("changed"))
    )


def _values(dataset: Readable, columns: Sequence[str], moved: pl.DataFrame, prefix: str) -> pl.DataFrame:
    """The moved rows' values in one version, their columns' names behind a prefix."""
    table = dataset.table(columns=list(dict.fromkeys(("id", "question_id", "question", *columns))))
    frame = cast("pl.DataFrame", pl.from_arrow(table)).join(moved, on="id", how="semi")
    return frame.rename({name: f"{prefix}{name}" for name in frame.columns if name != "id"})


def _changes(row: Mapping[str, object], columns: Iterable[str]) -> dict[str, list[object]]:
    if "absent" in (row["before"], row["after"]):
        return {}
    both = {name: [row[f"{_BEFORE}{name}"], row[f"{_AFTER}{name}"]] for name in columns}
    return {name: values for name, values in both.items() if values[0] != values[1]}


def _why(pair: _Pair) -> pl.Expr:
    text = ["recipe"] if pair.origin == "changed" else []
    return (
        pl.when(pl.col("before") == "absent")
        .then(pl.lit("row added"))
        .when(pl.col("after") == "absent")
        .then(pl.lit("row removed"))
        .when(pl.col("changes").is_not_null())
        .then(pl.lit(" and ".join(["columns", *text])))
        .otherwise(pl.lit(text[0] if text else "other rows"))
    )
