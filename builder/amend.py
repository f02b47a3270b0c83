"""Change a dataset's side tables or some of its columns, with every row and split kept.

Judges, annotators and decontamination add to rows that are there already. Rows are rewritten as Arrow tables
(no row becomes a Python object), staged as in `write_dataset`; until the new files are in place the old ones
are kept (`safekeeping`), so that a kill at any moment loses nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .dataset import LocalDataset, clean_stage, stage_items
from .errors import DataError, Problem, unknown
from .layout import complete, forget
from .locks import writing
from .manifest import RAW, MadeBy, Manifest, Shard, with_step
from .safekeeping import kept_safe
from .schema import ARROW_SCHEMA, COLUMNS, Judgement, Label
from .shards import Staged, place, stage
from .table import conform
from .verdicts import verdict_columns

FIXED = frozenset({"id", "question_id", "messages", "tools", "answer"})
"""Columns that say what the row is; they are never amended."""


@dataclass(frozen=True, slots=True)
class Amendment:
    """What changes; None leaves that part as it is.

    `columns` holds `id` and the columns to replace, every row of `raw` exactly once, in any order.
    `judgements` and `labels` are the whole new tables. Verdicts of the judges that have a column of their own
    are written into the rows.
    """

    columns: pa.Table | None = None
    judgements: Sequence[Judgement] | None = None
    labels: Sequence[Label] | None = None


def amend(path: Path, change: Amendment, made: MadeBy) -> Manifest:
    """Apply a change; `made` is kept in the manifest as a further step.

    Raises:
        DataError: no dataset there; a column that does not exist or may not change; ids that are not those of
            `raw`; NaN or infinity; a judgement or label of an unknown row; a row judged twice by one judge.
            Nothing was changed.
        StorageError: the disk is full or not writable.
    """
    LocalDataset.open(path)
    with writing(path), clean_stage(path):
        dataset = LocalDataset.open(path)
        columns = _replacements(dataset, change)
        return _finish(dataset, _stage(dataset, change, columns), made)


def _replacements(dataset: LocalDataset, change: Amendment) -> pa.Table | None:
    """The columns to replace beside `id`, in the order of `raw`; None where rows stay as they are."""
    ids = dataset.table(RAW, ["id"]).column("id")
    columns = {} if change.columns is None else _aligned(change.columns, ids)
    if change.judgements is not None:
        columns |= verdict_columns(ids, dataset.judgements(), change.judgements)
    return pa.table({"id": ids} | columns) if columns else None


def _aligned(columns: pa.Table, ids: pa.ChunkedArray) -> dict[str, pa.Array | pa.ChunkedArray]:
    """The columns less `id`, in the order of `ids`."""
    for name in columns.column_names:
        if name not in COLUMNS:
            raise DataError(str(unknown("column", name, COLUMNS)))
        if name in FIXED - {"id"}:
            fix = "Make the rows anew instead."
            raise DataError(str(Problem("column", "must not be one that says what the row is", name, fix)))
    places = _places(ids, columns.column("id"))
    if places.null_count or columns.num_rows != len(ids):
        rule = f"must hold each of the {len(ids):,} ids of the rows once"
        found = f"{columns.num_rows:,} rows, of which {len(ids) - places.null_count:,} are wanted"
        raise DataError(str(Problem("columns", rule, found, "Give every row of `raw` a value (or null).")))
    found = {name: columns.column(name).take(places) for name in columns.column_names if name != "id"}
    for name, values in found.items():
        if pa.types.is_floating(values.type) and not _finite(values):
            fix = "Leave unknown values null."
            raise DataError(str(Problem(f"column {name}", "must be finite or null", "NaN or infinity", fix)))
    return found


def _finite(values: pa.Array | pa.ChunkedArray) -> bool:
    """Whether no number is NaN or infinite; nulls are none."""
    return pc.call_function("all", [pc.call_function("is_finite", [values])]).as_py() is not False


def _stage(dataset: LocalDataset, change: Amendment, columns: pa.Table | None) -> dict[str, Staged]:
    """Everything that is written anew, by the name of its split or table."""
    ids = frozenset(dataset.ids())
    staged: dict[str, Staged] = {}
    if change.judgements is not None:
        staged["judgements"] = stage_items(dataset.path / "judgements", change.judgements, Judgement, ids)
    if change.labels is not None:
        staged["labels"] = stage_items(dataset.path / "labels", change.labels, Label, ids)
    if columns is not None:
        for name in dataset.splits:
            tables = _replaced(dataset, name, columns)
            staged[f"data/{name}"] = stage(dataset.path / "data", name, ARROW_SCHEMA, tables)
    return staged


def _replaced(dataset: LocalDataset, split: str, lookup: pa.Table) -> Iterator[pa.Table]:
    """A split's row groups with the columns of `lookup` in the place of their own."""
    for shard in dataset.shards(split):
        with pq.ParquetFile(shard) as file:
            for index in range(file.num_row_groups):
                group = file.read_row_group(index)
                new = lookup.take(_places(group.column("id"), lookup.column("id")))
                yield conform(_with_columns(group, new))


def _places(ids: pa.ChunkedArray, known: pa.ChunkedArray) -> pa.ChunkedArray:
    """Where each id stands among the known ones; null where it does not."""
    return pc.call_function("index_in", [ids], pc.SetLookupOptions(known.combine_chunks()))


def _with_columns(group: pa.Table, new: pa.Table) -> pa.Table:
    for name in new.column_names:
        if name != "id":
            position = group.schema.get_field_index(name)
            group = group.set_column(position, name, new.column(name).cast(ARROW_SCHEMA.field(name).type))
    return group


def _finish(dataset: LocalDataset, staged: dict[str, Staged], made: MadeBy) -> Manifest:
    """Swap the files and write the manifest. A kill in between is undone when the dataset is next opened."""
    path, manifest = dataset.path, dataset.manifest
    kept = with_step(manifest, made)
    untouched = {shard.path for shard in manifest.shards if _table_of(shard, manifest) not in staged}
    with kept_safe(path, manifest):
        forget(path, spare=untouched)
        placed = {name: place(path, table) for name, table in staged.items()}
        splits = tuple(
            dataclasses.replace(split, shards=placed.get(f"data/{split.name}", split.shards))
            for split in kept.splits
        )
        sides = {name: placed.get(name, getattr(kept, name)) for name in ("judgements", "labels")}
        done = dataclasses.replace(kept, splits=splits, **sides)
        complete(path, done)
    return done


def _table_of(shard: Shard, manifest: Manifest) -> str:
    """`data/SPLIT`, `judgements` or `labels`."""
    owner = next((split.name for split in manifest.splits if shard in split.shards), None)
    return f"data/{owner}" if owner else shard.path.partition("/")[0]
