"""What changed between two versions of a dataset: rows, columns, splits, accept rates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb
import pyarrow.dataset as pads
from rich.table import Table

from .dataset import LocalDataset
from .manifest import RAW
from .schema import COLUMNS


@dataclass(frozen=True, slots=True)
class SplitChange:
    """A split in both versions; None where a version does not have it.

    A rate is rows in the split over rows in `raw`, in [0, 1]. `entered` and `left` count row ids.
    """

    name: str
    rows_before: int | None
    rows_after: int | None
    rate_before: float | None
    rate_after: float | None
    entered: int
    left: int
    same_recipe: bool


@dataclass(frozen=True, slots=True)
class DatasetDiff:
    """Row ids that were added, removed or changed, sorted; `columns` counts the changed rows by column."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    columns: dict[str, int]
    splits: tuple[SplitChange, ...]

    @property
    def same(self) -> bool:
        """Whether rows and splits are equal."""
        moved = any(change.entered or change.left for change in self.splits)
        return not (self.added or self.removed or self.changed or moved)

    def tables(self) -> tuple[Table, Table]:
        """Two tables for a terminal: the rows with the columns that changed, and the splits."""
        rows = Table("rows", "count", "", title="Rows")
        changed = ", ".join(f"{name} in {count:,}" for name, count in self.columns.items())
        rows.add_row("added", f"{len(self.added):,}", _examples(self.added))
        rows.add_row("removed", f"{len(self.removed):,}", _examples(self.removed))
        rows.add_row("changed", f"{len(self.changed):,}", changed)
        splits = Table("split", "rows", "accept rate", "entered", "left", "recipe", title="Splits")
        for change in self.splits:
            splits.add_row(
                change.name,
                f"{_count(change.rows_before)} -> {_count(change.rows_after)}",
                f"{_rate(change.rate_before)} -> {_rate(change.rate_after)}",
                f"{change.entered:,}",
                f"{change.left:,}",
                "same" if change.same_recipe else "changed",
            )
        return rows, splits


def _examples(ids: tuple[str, ...], limit: int = 3) -> str:
    return ", ".join(ids[:limit]) + (", ..." if len(ids) > limit else "")


def _count(rows: int | None) -> str:
    return "none" if rows is None else f"{rows:,}"


def _rate(rate: float | None) -> str:
    return "none" if rate is None else f"{rate:.1%}"


def diff(before: LocalDataset, after: LocalDataset) -> DatasetDiff:
    """Compare two datasets by row id; a row is changed when any of its columns differs.

    Raises:
        DataError: a shard is missing or is not the one that its manifest describes.
    """
    with duckdb.connect() as connection:
        _register(connection, "before", before)
        _register(connection, "after", after)
        added = _ids(connection, "SELECT id FROM after ANTI JOIN before USING (id) ORDER BY id")
        removed = _ids(connection, "SELECT id FROM before ANTI JOIN after USING (id) ORDER BY id")
        changed, columns = _changes(connection)
    names = dict.fromkeys((*before.splits, *after.splits))
    splits = tuple(_split_change(name, before, after) for name in names)
    return DatasetDiff(added, removed, changed, columns, splits)


def _register(connection: duckdb.DuckDBPyConnection, name: str, dataset: LocalDataset) -> None:
    """A view with the id and a 64-bit hash of every other column: rows are compared without their text."""
    hashes = ", ".join(f'hash("{column}") AS "{column}"' for column in COLUMNS if column != "id")
    # Through pyarrow, which takes paths as they are; DuckDB would read `[old]` in one as a pattern.
    connection.register(f"{name}_rows", pads.dataset([str(file) for file in dataset.shards(RAW)]))
    connection.execute(f"CREATE TEMP TABLE {name} AS SELECT id, {hashes} FROM {name}_rows")


def _ids(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[str, ...]:
    return tuple(row[0] for row in connection.execute(query).fetchall())


def _changes(connection: duckdb.DuckDBPyConnection) -> tuple[tuple[str, ...], dict[str, int]]:
    others = [column for column in COLUMNS if column != "id"]
    differs = {column: f'before."{column}" <> after."{column}"' for column in others}
    joined = "FROM before JOIN after USING (id)"
    changed = _ids(connection, f"SELECT id {joined} WHERE {' OR '.join(differs.values())} ORDER BY id")
    counts = ", ".join(f"count(*) FILTER (WHERE {test})" for test in differs.values())
    found = connection.execute(f"SELECT {counts} {joined}").fetchall()[0]
    columns = {name: count for name, count in zip(others, found, strict=True) if count}
    return changed, dict(sorted(columns.items(), key=lambda item: -item[1]))


def _split_change(name: str, before: LocalDataset, after: LocalDataset) -> SplitChange:
    ids_before, ids_after = _split_ids(before, name), _split_ids(after, name)
    return SplitChange(
        name=name,
        rows_before=None if ids_before is None else len(ids_before),
        rows_after=None if ids_after is None else len(ids_after),
        rate_before=_accept_rate(ids_before, before),
        rate_after=_accept_rate(ids_after, after),
        entered=len((ids_after or set()) - (ids_before or set())),
        left=len((ids_before or set()) - (ids_after or set())),
        same_recipe=before.manifest.recipes.get(name) == after.manifest.recipes.get(name),
    )


def _split_ids(dataset: LocalDataset, name: str) -> set[str] | None:
    return set(dataset.ids(name)) if name in dataset.splits else None


def _accept_rate(ids: Iterable[str] | None, dataset: LocalDataset) -> float | None:
    return None if ids is None else len(set(ids)) / dataset.manifest.split(RAW).rows
