"""One recipe, two engines: DuckDB and Polars give every row the same verdict.

A verdict is true, false or null; null (something that the predicate needs is unknown) is not accepted.
Both engines read only `id` and the columns that the predicate names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, get_args

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from ..builder.dataset import LocalDataset
from ..builder.errors import DataError, Problem, RecipeError, unknown
from .recipes import Recipe

Engine = Literal["duckdb", "polars"]
ENGINES: tuple[Engine, ...] = get_args(Engine)

# Data is registered before these are set: from then on the connection can open nothing and change nothing.
_LOCKED = (
    "SET python_enable_replacements = false",
    "SET temp_directory = ''",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET enable_external_access = false",
    "SET disabled_filesystems = 'LocalFileSystem'",
    "SET lock_configuration = true",
)


def verdicts(shards: Sequence[Path], recipes: Sequence[Recipe], engine: Engine) -> pa.Table:
    """One row per trajectory, in the shards' order: `id` and a nullable bool column per recipe.

    Raises:
        RecipeError: no such engine, two recipes of one name, or a predicate that the engine cannot run.
        DataError: a shard cannot be read.
    """
    if engine not in _RUNNERS:
        raise RecipeError(str(unknown("engine", engine, ENGINES)))
    names = [recipe.name for recipe in recipes]
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(str(Problem("recipes", "must have names of their own", name, "Rename one.")))
    for shard in shards:
        _check_readable(shard)
    try:
        return _as_verdicts(_RUNNERS[engine](shards, recipes))
    except (duckdb.Error, pl.exceptions.PolarsError) as error:
        raise _cannot_run(engine, recipes, error) from error


def accepted_ids(dataset: LocalDataset, recipe: Recipe, engine: Engine = "duckdb") -> list[str]:
    """The ids of the raw rows that the recipe accepts, in the dataset's order.

    Raises:
        RecipeError, DataError: as for `verdicts`.
    """
    table = verdicts(dataset.shards(), [recipe], engine)
    return table.filter(table.column(recipe.name)).column("id").to_pylist()


def check_engines_agree(dataset: LocalDataset, recipe: Recipe) -> None:
    """Run a recipe on both engines and compare the verdicts row by row, nulls included.

    Raises:
        RecipeError: the engines disagree; the message names the first row. That is a fault of trajset.
        DataError: as for `verdicts`.
    """
    ours, theirs = (verdicts(dataset.shards(), [recipe], engine) for engine in ENGINES)
    frame = pl.DataFrame(
        {"id": ours.column("id"), "ours": ours.column(1), "theirs": theirs.column(1)},
    )
    rows = frame.filter(pl.col("ours").ne_missing(pl.col("theirs")))["id"].to_list()
    if rows:
        rule = f"must mean the same to {' and '.join(ENGINES)}; {len(rows)} rows differ, the first is"
        fix = "Please report this predicate."
        raise RecipeError(str(Problem(f"recipe {recipe.name}", rule, rows[0], fix)))


def _check_readable(shard: Path) -> None:
    try:
        pq.read_schema(shard)
    except (pa.ArrowException, OSError) as error:
        fix = "Restore the file, or make or pull the dataset again."
        raise DataError(str(Problem(str(shard), "must be a Parquet file", str(error), fix))) from error


def _run_duckdb(shards: Sequence[Path], recipes: Sequence[Recipe]) -> pa.Table:
    columns = ["id", *(f'({recipe.sql}) AS "{recipe.name}"' for recipe in recipes)]
    with duckdb.connect() as connection:
        connection.register("rows", pads.dataset([str(shard) for shard in shards]))
        for setting in _LOCKED:
            connection.execute(setting)
        return connection.sql(f"SELECT {', '.join(columns)} FROM rows").to_arrow_table()


def _run_polars(shards: Sequence[Path], recipes: Sequence[Recipe]) -> pa.Table:
    columns = [pl.sql_expr(recipe.sql).alias(recipe.name) for recipe in recipes]
    # A folder may be called `[old]`: the paths are no patterns.
    return pl.scan_parquet(list(shards), glob=False).select("id", *columns).collect().to_arrow()


_RUNNERS: dict[Engine, Callable[[Sequence[Path], Sequence[Recipe]], pa.Table]] = {
    "duckdb": _run_duckdb,
    "polars": _run_polars,
}


def _as_verdicts(table: pa.Table) -> pa.Table:
    """The engines' results in one schema (Polars gives large strings)."""
    kinds = [pa.string(), *[pa.bool_()] * (table.num_columns - 1)]
    return table.cast(pa.schema(list(zip(table.column_names, kinds, strict=True))))


def _cannot_run(engine: Engine, recipes: Sequence[Recipe], error: Exception) -> RecipeError:
    names = ", ".join(recipe.name for recipe in recipes)
    fix = "Try the other engine (--engine), or write the predicate differently."
    return RecipeError(str(Problem(f"recipe {names}", f"must run on {engine} ({error})", names, fix)))
