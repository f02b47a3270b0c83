"""`trajset.select`: the rows that a recipe accepts, for work in Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, cast, get_args, overload

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset, Features

from ..builder.dataset import LocalDataset
from ..builder.errors import DataError, Problem, unknown
from ..builder.readable import Readable, open_readable
from ..builder.schema import COLUMNS, FEATURES
from ..builder.table import empty_table, plain
from .engines import Engine, verdicts
from .recipes import Recipe, load_recipe
from .sql_text import Value

Form = Literal["polars", "arrow", "datasets"]
Data = str | Path | Readable
Settings = Mapping[str, Value]

_BATCH_ROWS = 8192


@overload
def select(
    data: Data,
    recipe: str | Recipe,
    *,
    settings: Settings | None = None,
    columns: Sequence[str] | None = None,
    engine: Engine = "duckdb",
    as_: Literal["polars"] = "polars",
) -> pl.DataFrame: ...


@overload
def select(
    data: Data,
    recipe: str | Recipe,
    *,
    settings: Settings | None = None,
    columns: Sequence[str] | None = None,
    engine: Engine = "duckdb",
    as_: Literal["arrow"],
) -> pa.Table: ...


@overload
def select(
    data: Data,
    recipe: str | Recipe,
    *,
    settings: Settings | None = None,
    columns: Sequence[str] | None = None,
    engine: Engine = "duckdb",
    as_: Literal["datasets"],
) -> Dataset: ...


def select(
    data: Data,
    recipe: str | Recipe,
    *,
    settings: Settings | None = None,
    columns: Sequence[str] | None = None,
    engine: Engine = "duckdb",
    as_: Form = "polars",
) -> pl.DataFrame | pa.Table | Dataset:
    """The rows of `raw` that a recipe accepts, in the dataset's order; nothing is written.

        frame = trajset.select("runs/qwen3", "f1_search", settings={"min_f1": 0.8}, columns=["id", "answer"])

    `data` is a folder, `REPO[@REVISION]` on the Hub (only the columns that are needed are downloaded), or an
    opened dataset. `recipe` is a name, the path of a recipe file, or a recipe. Without `columns` the
    whole rows are read. `as_`: a Polars frame or an Arrow table (JSON as text in the frame), or a
    `datasets.Dataset` with the features of the published dataset.

    Raises:
        DataError: no such dataset, column or form.
        RecipeError: no such recipe, parameter or engine; or the engine cannot run it.
        HubError: the Hub refuses or cannot be reached.
    """
    if as_ not in get_args(Form):
        raise DataError(str(unknown("as_", as_, get_args(Form))))
    wanted = _known(columns)
    opened = _opened(data)
    loaded = load_recipe(recipe) if isinstance(recipe, str) else recipe
    bound = loaded.bind({name: str(value) for name, value in (settings or {}).items()})
    table = _kept(opened, wanted, verdicts(opened, [bound], engine).column(1))
    if as_ == "polars":
        return cast("pl.DataFrame", pl.from_arrow(plain(table)))
    return table if as_ == "arrow" else Dataset(table)


def _known(columns: Sequence[str] | None) -> list[str]:
    wanted = list(COLUMNS if columns is None else columns)
    if not wanted or len(set(wanted)) < len(wanted) or isinstance(columns, str):
        rule, fix = "must be names, each once", 'Write columns=["question", "answer"].'
        raise DataError(str(Problem("columns", rule, columns, fix)))
    for name in wanted:
        if name not in COLUMNS:
            raise DataError(str(unknown("column", name, COLUMNS)))
    return wanted


def _opened(data: Data) -> Readable:
    if isinstance(data, Path):
        return LocalDataset.open(data)
    return open_readable(data) if isinstance(data, str) else data


def _kept(dataset: Readable, columns: list[str], verdict: pa.ChunkedArray) -> pa.Table:
    schema: pa.Schema = Features({name: FEATURES[name] for name in columns}).arrow_schema
    batches = [pa.Table.from_batches([batch]).cast(schema) for batch in _batches(dataset, columns, verdict)]
    return pa.concat_tables([empty_table(schema), *batches])


def _batches(dataset: Readable, columns: list[str], verdict: pa.ChunkedArray) -> Iterator[pa.RecordBatch]:
    """The kept rows of one piece of the dataset after another: whole rows of all pieces may not fit."""
    accepted, start = pc.fill_null(verdict, False).combine_chunks(), 0
    scan = dataset.source().scanner(columns, batch_size=_BATCH_ROWS, batch_readahead=2, fragment_readahead=1)
    for batch in scan.to_batches():
        yield batch.filter(accepted.slice(start, batch.num_rows))
        start += batch.num_rows
