"""One recipe, two engines: DuckDB and Polars give every row the same verdict.

A verdict is true, false or null; null (something that the recipe needs is unknown) is not accepted.
`id` and the columns that the recipes name are read once, whichever the engine, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Literal, Protocol, cast, get_args

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from ..builder.dataset import LocalDataset
from ..builder.errors import DataError, Problem, RecipeError, unknown
from ..builder.readable import Readable
from .locked import lock
from .qualify import WindowPlan
from .recipes import Recipe
from .window_engines import in_pieces, qualified_by_duckdb, qualified_by_polars

Engine = Literal["duckdb", "polars"]
ENGINES: tuple[Engine, ...] = get_args(Engine)


def verdicts(data: Readable | Sequence[Path], recipes: Sequence[Recipe], engine: Engine) -> pa.Table:
    """One row per trajectory, in the order of `raw`: `id` and a nullable bool column per recipe.

    `data` is a dataset, on disk or on the Hub, or the paths of its shards.

    Raises:
        RecipeError: no such engine, two recipes of one name, or SQL that the engine cannot run.
        DataError: a file is missing or cannot be read.
        HubError: the Hub refuses or cannot be reached.
    """
    if engine not in _RUNNERS:
        raise RecipeError(str(unknown("engine", engine, ENGINES)))
    names = [recipe.name for recipe in recipes]
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(str(Problem("recipes", "must have names of their own", name, "Rename one.")))
    rows = _read(data, sorted({"id", *(column for recipe in recipes for column in recipe.columns)}))
    with _RUNNERS[engine]() as runner:
        try:
            found = _verdicts(rows, recipes, runner)
        except (duckdb.Error, pl.exceptions.PolarsError) as error:
            raise _cannot_run(engine, recipes, error) from error
    return pa.table({"id": rows.column("id").cast(pa.string()), **dict(zip(names, found, strict=True))})


def accepted_ids(data: Readable, recipe: Recipe, engine: Engine = "duckdb") -> list[str]:
    """The ids of the raw rows that the recipe accepts, in the dataset's order.

    Raises:
        RecipeError, DataError, HubError: as for `verdicts`.
    """
    table = verdicts(data, [recipe], engine)
    return table.filter(table.column(recipe.name)).column("id").to_pylist()


def check_engines_agree(data: Readable, recipe: Recipe) -> None:
    """Run a recipe on both engines and compare the verdicts row by row, nulls included.

    Raises:
        RecipeError: the engines disagree; the message names the first row. That is a fault of trajset.
        DataError, HubError: as for `verdicts`.
    """
    ours, theirs = (verdicts(data, [recipe], engine) for engine in ENGINES)
    frame = pl.DataFrame(
        {"id": ours.column("id"), "ours": ours.column(1), "theirs": theirs.column(1)},
    )
    rows = frame.filter(pl.col("ours").ne_missing(pl.col("theirs")))["id"].to_list()
    if rows:
        rule = f"must mean the same to {' and '.join(ENGINES)}; {len(rows)} rows differ, the first is"
        fix = "Please report this recipe."
        raise RecipeError(str(Problem(f"recipe {recipe.name}", rule, rows[0], fix)))


def _read(data: Readable | Sequence[Path], columns: list[str]) -> pa.Table:
    """The columns, from files by Polars' reader, which takes half the time of Arrow's."""
    if isinstance(data, LocalDataset):
        return _read_files(data.shards(), columns)
    return _read_files(data, columns) if isinstance(data, Sequence) else data.table(columns=columns)


def _read_files(files: Sequence[Path], columns: list[str]) -> pa.Table:
    try:
        # A folder may be called `[old]`: the paths are no patterns.
        return pl.scan_parquet(list(files), glob=False).select(columns).collect().to_arrow()
    except (pl.exceptions.PolarsError, OSError) as error:
        fix = "Restore the files, or make or pull the dataset again."
        rule = f"must be readable Parquet files ({error})"
        raise DataError(str(Problem("dataset", rule, [str(file) for file in files], fix))) from error


class _Runner(Protocol):
    """An engine at work."""

    def conditions(self, rows: pa.Table, sqls: Sequence[str]) -> pa.Table:
        """A nullable bool column for each condition, in the order of the rows."""
        ...

    def qualified(self, rows: pa.Table, plan: WindowPlan) -> pa.Table:
        """One nullable bool column, in the order of the rows."""
        ...


def _verdicts(rows: pa.Table, recipes: Sequence[Recipe], runner: _Runner) -> list[pa.ChunkedArray]:
    """Predicates that are the same text (recipes that rank share theirs) are computed once."""
    sqls = [recipe.sql for recipe in recipes]
    distinct = list(dict.fromkeys(sqls))
    judged = dict(zip(distinct, runner.conditions(rows, distinct).columns, strict=True))
    found: dict[str, pa.ChunkedArray] = {}
    for sql, verdict in judged.items():
        alike = {recipe.name: recipe.plan for recipe, own in zip(recipes, sqls, strict=True) if own == sql}
        found |= _told_apart(rows, verdict.cast(pa.bool_()).combine_chunks(), alike, runner)
    return [found[recipe.name] for recipe in recipes]


def _told_apart(
    rows: pa.Table, verdict: pa.Array, plans: Mapping[str, WindowPlan | None], runner: _Runner
) -> dict[str, pa.ChunkedArray]:
    """The verdicts of recipes of one predicate, by name: `qualify` decides where the predicate is true."""
    needed = sorted({column for plan in plans.values() if plan for column in plan.columns})
    kept = pc.fill_null(verdict, False)
    accepted = rows.select(needed).filter(kept) if needed else None
    found: dict[str, pa.ChunkedArray] = {}
    for name, plan in plans.items():
        said = runner.qualified(accepted, plan).column(0).cast(pa.bool_()) if plan else None
        columns = [verdict, kept, said.combine_chunks()] if said else []
        final = pc.call_function("replace_with_mask", columns) if columns else verdict
        found[name] = pa.chunked_array([final])
    return found


class _DuckDB:
    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def conditions(self, rows: pa.Table, sqls: Sequence[str]) -> pa.Table:
        self._connection.register("rows", in_pieces(rows))
        columns = ", ".join(f'({sql}) AS "{number}"' for number, sql in enumerate(sqls))
        return (
            self._connection.sql(f"SELECT {columns} FROM rows").to_arrow_table() if sqls else rows.select([])
        )

    def qualified(self, rows: pa.Table, plan: WindowPlan) -> pa.Table:
        return qualified_by_duckdb(self._connection, rows, plan)


@contextmanager
def _duckdb() -> Generator[_Runner]:
    with duckdb.connect() as connection:
        lock(connection)
        yield _DuckDB(connection)


class _Polars:
    def conditions(self, rows: pa.Table, sqls: Sequence[str]) -> pa.Table:
        named = {f"verdict {number}": pl.sql_expr(sql) for number, sql in enumerate(sqls)}
        # A condition without columns is still one value a row. Lazy: eagerly, Polars gets some wrong.
        frame = cast("pl.DataFrame", pl.from_arrow(rows)).lazy()
        return frame.with_columns(**named).select(*named).collect().to_arrow()

    def qualified(self, rows: pa.Table, plan: WindowPlan) -> pa.Table:
        return qualified_by_polars(rows, plan)


@contextmanager
def _polars() -> Generator[_Runner]:
    yield _Polars()


_RUNNERS: dict[Engine, Callable[[], AbstractContextManager[_Runner]]] = {"duckdb": _duckdb, "polars": _polars}


def _cannot_run(engine: Engine, recipes: Sequence[Recipe], error: Exception) -> RecipeError:
    names = ", ".join(recipe.name for recipe in recipes)
    fix = "Try the other engine (--engine), or write the SQL differently."
    return RecipeError(str(Problem(f"recipe {names}", f"must run on {engine} ({error})", names, fix)))
