"""Diff: what changed between two versions of a dataset, and what that did to every recipe."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import polars as pl
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from ..builder.dataset import LocalDataset
from ..builder.diff import diff
from ..builder.errors import ConfigError, Problem
from ..builder.refs import open_whole
from ..builder.shards import write_file
from ..filters.moves import Moves, RecipeMove, Tally, moves
from ..filters.recipes import load_recipe
from ..filters.report.forms import clean, cut

_ENDINGS = (".parquet", ".csv", ".json")
_WIDTH = 100
"""Characters of a question or a value in the terminal."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Further recipes to evaluate, rows to show of each kind, and a file for all of them."""

    recipes: Sequence[str] = ()
    rows: int = 3
    out: Path | None = None


def show_diff(old: str, new: str, wanted: Wanted, console: Console) -> None:
    """What changed between two versions, in tables; the moved rows in a file where one is asked for.

    Raises:
        ConfigError: a file of an unknown kind.
    """
    if wanted.out is not None and wanted.out.suffix not in _ENDINGS:
        fix = "Name the file as in moved.parquet."
        raise ConfigError(str(Problem("--out", f"must end in one of {_ENDINGS}", str(wanted.out), fix)))
    recipes = [load_recipe(name) for name in wanted.recipes]
    before, after = open_whole(old), open_whole(new)
    console.print(*_lineage(before, after), sep="\n", soft_wrap=True)
    console.print(*diff(before, after).tables())
    _show_moves(moves(before, after, recipes), wanted, console)


def _lineage(before: LocalDataset, after: LocalDataset) -> list[str]:
    """Which version each is, and whether the new one names the old one as its parent."""
    lines = [
        f"{name}: {dataset.revision or dataset.path}, made {dataset.manifest.created_at:%Y-%m-%d %H:%M} UTC"
        for name, dataset in (("old", before), ("new", after))
    ]
    parent = after.manifest.parent
    if parent is not None and before.revision is not None:
        word = "is" if parent.endswith(f"@{before.revision}") else "is not"
        lines.append(f"The old version {word} the parent of the new one ({parent}).")
    steps = [step for step in after.manifest.steps if step not in before.manifest.steps]
    done = ", ".join(f"{step.command} ({step.created_at:%Y-%m-%d})" for step in steps)
    return [*lines, f"Steps of the new version only: {done}."] if steps else lines


def _show_moves(found: Moves, wanted: Wanted, console: Console) -> None:
    if found.recipes:
        console.print(_recipes_table(found.recipes))
    for move in found.recipes:
        if move.origin == "changed":
            console.print(_changed_text(move), soft_wrap=True)
    for name, reason in found.skipped.items():
        console.print(f"{name}: not evaluated, it is no recipe of trajset ({reason})", soft_wrap=True)
    if wanted.rows and not found.rows.is_empty():
        _show_rows(found.rows, wanted.rows, console)
    if wanted.out is not None:
        _write(found.rows, wanted.out)
        console.print(f"{wanted.out}: {found.rows.height:,} rows that changed side", soft_wrap=True)


def _recipes_table(found: Sequence[RecipeMove]) -> Table:
    table = Table(
        title="Recipes, evaluated on both versions",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("recipe", overflow="fold")
    for head in ("before", "after", "unknown", "entered", "left", "changed"):
        table.add_column(head, justify="right")
    table.add_column("text", no_wrap=True)
    for move in found:
        counts = (move.entered, move.left, move.changed)
        unknown = f"{move.before.unknown:,} -> {move.after.unknown:,}"
        numbers = (_rate(move.before), _rate(move.after), unknown, *(f"{count:,}" for count in counts))
        table.add_row(move.name, *numbers, move.origin)
    return table


def _rate(tally: Tally) -> str:
    """The accept rate with the number of accepted rows."""
    return "unknown" if tally.accept_rate is None else f"{tally.accept_rate:.1%} ({tally.accepted:,})"


def _changed_text(move: RecipeMove) -> str:
    return (
        f"{move.name} changed its text. The old one, {move.old.readable_sql}: {_rate(move.before)} -> "
        f"{_rate(move.old_on_new)}. The new one, {move.new.readable_sql}: {_rate(move.new_on_old)} -> "
        f"{_rate(move.after)}."
    )


def _show_rows(rows: pl.DataFrame, limit: int, console: Console) -> None:
    """The first rows of each recipe and kind of move, each with its question and the reason."""
    for (recipe, move), group in rows.group_by("recipe", "move", maintain_order=True):
        console.print(f"\n{recipe}: {group.height:,} {move}", soft_wrap=True)
        for row in group.head(limit).iter_rows(named=True):
            why = _reason(row["why"], row["changes"])
            console.print(f"  {row['id']} {row['before']} -> {row['after']}: {why}", soft_wrap=True)
            console.print(f"    {_shown(row['question'])}", soft_wrap=True, highlight=False)
        if group.height > limit:
            console.print(f"  {group.height - limit:,} more (--rows, or all with --out)")


def _reason(why: str, changes: str | None) -> str:
    if changes is None:
        return why
    told = [f"{name} {_value(old)} -> {_value(new)}" for name, (old, new) in json.loads(changes).items()]
    return ", ".join([*told, *(["recipe"] if "recipe" in why else [])])


def _value(value: object) -> str:
    return _shown(json.dumps(value, ensure_ascii=False))


def _shown(text: str) -> str:
    """Text of the data on one line, cut; what could steer the terminal is made visible."""
    return cut(clean(text), _WIDTH)


def _write(rows: pl.DataFrame, path: Path) -> None:
    """All moved rows; `changes` is JSON text in Parquet and CSV, an object in JSON.

    Raises:
        StorageError: the disk does not take it.
    """
    if path.suffix == ".parquet":
        write_file(path, _parquet(rows))
    elif path.suffix == ".csv":
        write_file(path, rows.write_csv().encode())
    else:
        records = [
            row | {"changes": row["changes"] and json.loads(row["changes"])} for row in rows.to_dicts()
        ]
        write_file(path, json.dumps(records, ensure_ascii=False, indent=1).encode())


def _parquet(rows: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    rows.write_parquet(buffer)
    return buffer.getvalue()
