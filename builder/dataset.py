"""The dataset on disk: rows, judgements and labels as Parquet shards under one manifest.

    README.md   manifest.json   recipes.toml   data/<split>-00000-of-0000N.parquet
    judgements/*.parquet        labels/*.parquet

A write stages everything under hidden names, checks it, and only then touches what is there: the manifest
first forgets what is about to change, its files go, the new ones get their names, and the manifest is written
last. A crash leaves either the old dataset, or one without the part that was being replaced, and hidden files
that the next write removes. Writers wait for each other (`locks`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from datasets import Features

from .errors import DataError, Problem, unknown
from .identity import content_hash, file_hash
from .layout import README, RECIPES, complete, forget
from .locks import writing
from .manifest import (
    MANIFEST,
    RAW,
    MadeBy,
    Manifest,
    Shard,
    Split,
    check_split_name,
    new_manifest,
    read_manifest,
    without_split,
)
from .safekeeping import let_go, recover
from .schema import ARROW_SCHEMA, COLUMNS, FEATURES, JsonObject, Judgement, Label, Row, features_of
from .shards import Staged, discard_staged, place, stage
from .table import conform, empty_table, items_from_table, rows_from_table, table_from_items, table_from_rows
from .upstream import read_upstream
from .verdicts import with_verdicts

SideItem = TypeVar("SideItem", Judgement, Label)

_BATCH_ROWS = 1000
_BATCH_CHARACTERS = 16 << 20


@dataclass(frozen=True, slots=True)
class Tables:
    """What goes into a dataset. `rows` may be a generator: it is consumed once, in bounded memory."""

    rows: Iterable[Row]
    judgements: Iterable[Judgement] = ()
    labels: Iterable[Label] = ()


@dataclass(frozen=True, slots=True)
class LocalDataset:
    """A dataset folder, opened. `revision` is the Hub commit when it was downloaded, else None."""

    path: Path
    manifest: Manifest
    revision: str | None = None

    @classmethod
    def open(cls, path: Path, revision: str | None = None) -> LocalDataset:
        """Open a folder by its manifest; no data is read. What a killed `amend` left half done is undone.

        Raises:
            DataError: there is no readable manifest.
        """
        recover(path)
        return cls(path, read_manifest(path), revision)

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, `raw` first."""
        return tuple(split.name for split in self.manifest.splits)

    def shards(self, split: str = RAW) -> list[Path]:
        """The Parquet files of a split, in row order.

        Raises:
            DataError: no such split, or a file is missing or has another size than the manifest says.
        """
        return [self._file(shard) for shard in self.manifest.split(split).shards]

    def rows(self, split: str = RAW) -> Iterator[Row]:
        """The rows of a split, in order, read in batches.

        Raises:
            DataError: see `shards`.
        """
        for batch in _batches(self.shards(split)):
            yield from rows_from_table(batch)

    def source(self, split: str = RAW) -> pads.Dataset:
        """The split for a scan in pieces, in row order; nothing but its schema is read.

        Raises:
            DataError: see `shards`.
        """
        # As a list of files they are taken as they are: a folder may be called `[old]`.
        return pads.dataset([str(file) for file in self.shards(split)], format="parquet")

    def table(self, split: str = RAW, columns: Sequence[str] | None = None) -> pa.Table:
        """The split as one Arrow table; only the columns asked for are read.

        Raises:
            DataError: see `shards`; or no such column.
        """
        for name in columns or ():
            if name not in COLUMNS:
                raise DataError(str(unknown("column", name, COLUMNS)))
        wanted = list(COLUMNS if columns is None else columns)
        schema: pa.Schema = Features({name: FEATURES[name] for name in wanted}).arrow_schema
        tables = [
            pq.read_table(file, columns=wanted).select(wanted).cast(schema) for file in self.shards(split)
        ]
        return pa.concat_tables([empty_table(schema), *tables])

    def ids(self, split: str = RAW) -> list[str]:
        """The row ids of a split, in order."""
        return self.table(split, ["id"]).column("id").to_pylist()

    def judgements(self) -> Iterator[Judgement]:
        """All judgements, in the order they were given."""
        for shard in self.manifest.judgements:
            yield from items_from_table(pq.read_table(self._file(shard)), Judgement)

    def labels(self) -> Iterator[Label]:
        """All labels, in the order they were given."""
        for shard in self.manifest.labels:
            yield from items_from_table(pq.read_table(self._file(shard)), Label)

    def verify(self) -> None:
        """Read every file and compare its SHA-256 with the manifest.

        Raises:
            DataError: a file is missing or is not the one that the manifest describes.
        """
        for name in (README, RECIPES):
            if not (self.path / name).is_file():
                raise DataError(str(_misfit(self.path / name, "be there", "no such file")))
        for shard in self.manifest.shards:
            found = file_hash(self._file(shard))
            if found != shard.sha256:
                raise DataError(str(_misfit(self.path / shard.path, f"have SHA-256 {shard.sha256}", found)))

    def _file(self, shard: Shard) -> Path:
        path = self.path / shard.path
        size = path.stat().st_size if path.is_file() else None
        if size != shard.bytes:
            found = "no such file" if size is None else f"{size} bytes"
            raise DataError(str(_misfit(path, f"have {shard.bytes} bytes", found)))
        return path


def _misfit(path: Path, rule: str, found: str) -> Problem:
    fix = "The file was changed, lost or not downloaded: make or pull the dataset again."
    return Problem(str(path), f"must {rule}, as {MANIFEST} says", found, fix)


def write_dataset(path: Path, tables: Tables, made: MadeBy) -> Manifest:
    """Make or replace a dataset: `raw`, judgements and labels. Splits cut from older rows are dropped.

    Verdicts of the judges `llm_judge` and `llm_judge_reflect` are written into the rows' columns.

    Raises:
        DataError: no rows, a row id twice, a judgement or label of an unknown row, a row judged twice by one
            judge, a value its column cannot hold. What was there before is untouched.
        StorageError: the disk is full or not writable.
    """
    with writing(path), clean_stage(path):
        staged = _stage_tables(path, tables)
        let_go(path)
        forget(path)
        raw, judgements, labels = (place(path, table) for table in staged)
        upstream = read_upstream(path)
        manifest = new_manifest(made, (Split(RAW, raw),), str(upstream) if upstream else None)
        manifest = dataclasses.replace(manifest, judgements=judgements, labels=labels)
        complete(path, manifest)
    return manifest


def write_split(path: Path, split: str, ids: Collection[str], recipe: JsonObject) -> Manifest:
    """Put the rows with these ids, in the order of `raw`, into a split; one of that name is replaced.

    `recipe` is what the ids were chosen by; it is kept in the manifest and in recipes.toml, with its hash.

    Raises:
        DataError: no dataset there, a bad split name, or an id that no row has. Nothing was changed.
        StorageError: the disk is full or not writable.
    """
    check_split_name(split)
    read_manifest(path)
    with writing(path), clean_stage(path):
        dataset = LocalDataset.open(path)
        staged = stage(path / "data", split, ARROW_SCHEMA, _selected(dataset, frozenset(ids)))
        others = without_split(dataset.manifest, split)
        complete(path, others)
        hashed = {"hash": content_hash(recipe)} | recipe
        added = Split(split, place(path, staged), hashed)
        manifest = dataclasses.replace(others, splits=(*others.splits, added))
        complete(path, manifest)
    return manifest


def remove_split(path: Path, split: str) -> Manifest:
    """Take a split and its files out of the dataset; its rows stay in `raw`.

    Raises:
        DataError: no dataset there, or no such split, or `raw`.
        StorageError: the disk is not writable.
    """
    check_split_name(split)
    read_manifest(path)
    with writing(path):
        manifest = read_manifest(path)
        manifest.split(split)
        manifest = without_split(manifest, split)
        complete(path, manifest)
    return manifest


@contextmanager
def clean_stage(path: Path) -> Generator[None]:
    """Around a write: nothing staged before or in the block stays behind."""
    discard_staged(path)
    try:
        yield
    finally:
        discard_staged(path)


def _stage_tables(path: Path, tables: Tables) -> tuple[Staged, Staged, Staged]:
    judgements, labels = tuple(tables.judgements), tuple(tables.labels)
    seen: set[str] = set()
    rows = _distinct(with_verdicts(tables.rows, judgements), seen)
    raw = stage(path / "data", RAW, ARROW_SCHEMA, map(table_from_rows, _grouped(rows)))
    if not seen:
        raise DataError(
            str(Problem("rows", "must hold at least one row", 0, "Check the step that makes them."))
        )
    return (
        raw,
        stage_items(path / "judgements", judgements, Judgement, seen),
        stage_items(path / "labels", labels, Label, seen),
    )


def stage_items(
    folder: Path, items: Sequence[SideItem], kind: type[SideItem], ids: Collection[str]
) -> Staged:
    """A table beside the rows; without items there is no file, so that no empty config is published.

    Raises:
        DataError: an item of a row whose id is not among `ids`.
        StorageError: the disk is full or not writable.
    """
    if not items:
        return Staged(folder, folder.name, (), ())
    _check_known(folder.name, items, ids)
    return stage(folder, folder.name, features_of(kind).arrow_schema, [table_from_items(items, kind)])


def _distinct(rows: Iterable[Row], seen: set[str]) -> Iterator[Row]:
    for row in rows:
        if row.id in seen:
            fix = "Leave the repeat out, or give each sample of a question its own sample_index."
            raise DataError(str(Problem("row id", "must be unique in a dataset", row.id, fix)))
        seen.add(row.id)
        yield row


def _check_known(table: str, items: Iterable[Judgement | Label], ids: Collection[str]) -> None:
    unknown_ids = list(dict.fromkeys(item.row_id for item in items if item.row_id not in ids))
    if unknown_ids:
        rule = f"must be an id of a row in the dataset ({len(unknown_ids)} are not)"
        raise DataError(str(Problem(f"{table}.row_id", rule, unknown_ids[:5], "Leave those out.")))


def _grouped(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Lists of rows small enough to hold as Python objects."""
    group: list[Row] = []
    characters = 0
    for row in rows:
        group.append(row)
        characters += sum(len(message.content) for message in row.conversation.messages)
        if len(group) >= _BATCH_ROWS or characters >= _BATCH_CHARACTERS:
            yield group
            group, characters = [], 0
    if group:
        yield group


def _batches(files: Iterable[Path]) -> Iterator[pa.Table]:
    for path in files:
        with pq.ParquetFile(path) as file:
            for index in range(file.num_row_groups):
                group = file.read_row_group(index)
                yield from (group.slice(start, _BATCH_ROWS) for start in range(0, len(group), _BATCH_ROWS))


def _selected(dataset: LocalDataset, wanted: frozenset[str]) -> Iterator[pa.Table]:
    found: set[str] = set()
    for batch in _batches(dataset.shards()):
        ids = batch.column("id").to_pylist()
        found.update(wanted.intersection(ids))
        yield conform(batch.filter(pa.array([name in wanted for name in ids], pa.bool_())))
    if missing := sorted(wanted - found):
        rule = f"must be an id of a row in the dataset ({len(missing)} are not)"
        raise DataError(str(Problem("split", rule, missing[:5], "Choose the ids from the raw split.")))
