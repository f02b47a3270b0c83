"""A window plan on DuckDB, as SQL, and on Polars, as expressions: one meaning (see `windows`).

Both take the rows that the predicate accepts, with `id` and the columns of the plan, and give the condition's
value for each of them in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from .qualify import WindowPlan
from .windows import Function, Window

_ROW = "_row"
"""The row's place among those given."""

_PIECE = 122_880
_RUNNING = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"


def in_pieces(rows: pa.Table) -> pa.Table:
    """The same table in record batches of DuckDB's own size: each is one thread's work."""
    return pa.Table.from_batches(rows.to_batches(max_chunksize=_PIECE), rows.schema)


def qualified_by_duckdb(connection: duckdb.DuckDBPyConnection, rows: pa.Table, plan: WindowPlan) -> pa.Table:
    """One nullable bool column, `verdict`.

    Raises:
        duckdb.Error: it cannot be run; a sum is too large.
    """
    numbered = rows.select(list(plan.columns)).append_column(_ROW, pa.array(np.arange(len(rows))))
    connection.register("accepted", in_pieces(numbered))
    operands = "".join(f', ({sql}) AS "{name}"' for name, sql in plan.operands.items())
    windows = "".join(f', {_duckdb_sql(window)} AS "{name}"' for name, window in plan.windows.items())
    inner = f"SELECT *{windows} FROM (SELECT *{operands} FROM accepted)"
    return connection.sql(
        f"SELECT ({plan.condition}) AS verdict FROM ({inner}) ORDER BY {_ROW}"
    ).to_arrow_table()


def _duckdb_sql(window: Window) -> str:
    over = f"OVER ({_duckdb_over(window)})"
    argument = f'"{window.argument}"'
    total = f"CAST(SUM(CAST({argument} AS BIGINT)) {over} AS BIGINT)"
    match window.function:
        case Function.ROW_NUMBER | Function.RANK | Function.DENSE_RANK:
            return f"{window.function}() {over}"
        case Function.COUNT:
            return f"COUNT({'*' if window.argument is None else argument}) {over}"
        case Function.SUM:
            return total
        case Function.AVG:
            return f"CAST({total} AS DOUBLE) / CAST(COUNT({argument}) {over} AS DOUBLE)"
        case Function.MIN | Function.MAX:
            return f"{window.function}({argument}) {over}"


def _duckdb_over(window: Window) -> str:
    parts = ", ".join(f'"{name}"' for name in window.partition)
    keys = [
        f'"{key.column}" {"DESC" if key.descending else "ASC"} NULLS {"FIRST" if key.nulls_first else "LAST"}'
        for key in window.order
    ]
    if window.running or window.function is Function.ROW_NUMBER:
        keys.append('"id"')
    partition = f"PARTITION BY {parts}" if parts else ""
    order = f"ORDER BY {', '.join(keys)}" if keys else ""
    return f"{partition} {order} {_RUNNING if window.running else ''}"


def qualified_by_polars(rows: pa.Table, plan: WindowPlan) -> pa.Table:
    """One nullable bool column, `verdict`.

    Raises:
        pl.exceptions.PolarsError: it cannot be run; a sum is too large.
    """
    frame = cast("pl.DataFrame", pl.from_arrow(rows.select(list(plan.columns)))).lazy()
    frame = frame.with_columns(pl.sql_expr(sql).alias(name) for name, sql in plan.operands.items())
    for name, window in plan.windows.items():
        frame = _with_window(frame, name, window)
    # Polars may fold a condition to a constant; it is still one value a row.
    return frame.with_columns(verdict=pl.sql_expr(plan.condition)).select("verdict").collect().to_arrow()


def _with_window(frame: pl.LazyFrame, name: str, window: Window) -> pl.LazyFrame:
    """The frame with the window function as a column."""
    columns = _Columns(window, f"{name}:place", f"{name}:number", f"{name}:peer", f"{name}:value")
    frame = frame.with_columns(_place(window).alias(columns.place))
    frame = frame.with_columns(columns.running(_numbers()).alias(columns.number))
    if window.ranks:
        frame = frame.with_columns(columns.first_peer().alias(columns.peer))
    if window.function in (Function.MIN, Function.MAX):
        frame = frame.with_columns(_value_place(window).alias(columns.value))
    helpers = (columns.place, columns.number, columns.peer, columns.value)
    return frame.with_columns(columns.result().alias(name)).drop(helpers, strict=False)


def _numbers() -> pl.Expr:
    return pl.int_range(1, pl.len() + 1, dtype=pl.Int64)


def _place(window: Window) -> pl.Expr:
    """Each row's place in the order of all rows by the keys, then by id."""
    keys = [*(key.column for key in window.order), "id"]
    descending = [*(key.descending for key in window.order), False]
    nulls_last = [*(not key.nulls_first for key in window.order), True]
    return pl.arg_sort_by(keys, descending=descending, nulls_last=nulls_last).arg_sort()


def _value_place(window: Window) -> pl.Expr:
    """The place of each value among all values, NaN behind every number; null where it is null."""
    values = pl.col(str(window.argument))
    return pl.when(values.is_not_null()).then(values.arg_sort(nulls_last=True).arg_sort())


@dataclass(frozen=True, slots=True)
class _Columns:
    """Helper columns of one window: what is inside `over` sees its partition alone, so that whatever looks at
    all rows has to be a column before."""

    window: Window
    place: str
    number: str
    peer: str
    value: str

    def running(self, values: pl.Expr) -> pl.Expr:
        """Over the partition in order."""
        return values.over(self.window.partition or None, order_by=self.place)

    def whole(self, value: pl.Expr) -> pl.Expr:
        """Over the whole partition."""
        return value.over(self.window.partition) if self.window.partition else value

    def first_peer(self) -> pl.Expr:
        """The number of the first row of the partition that is equal in all keys."""
        return (
            pl.col(self.number).min().over(*self.window.partition, *(key.column for key in self.window.order))
        )

    def result(self) -> pl.Expr:
        """The value of the window function."""
        match self.window.function:
            case Function.ROW_NUMBER:
                return pl.col(self.number)
            case Function.RANK:
                return pl.col(self.peer)
            case Function.DENSE_RANK:
                return self.running((pl.col(self.number) == pl.col(self.peer)).cast(pl.Int64).cum_sum())
            case Function.COUNT:
                return self.count()
            case Function.SUM:
                return self.total()
            case Function.AVG:
                return self.total().cast(pl.Float64) / self.count().cast(pl.Float64)
            case Function.MIN | Function.MAX:
                return self.extreme()

    def count(self) -> pl.Expr:
        """Of rows, or of those in which the argument is known."""
        argument = self.window.argument
        if argument is None:
            return pl.col(self.number) if self.window.running else self.whole(pl.len().cast(pl.Int64))
        known = pl.col(argument).is_not_null().cast(pl.Int64)
        return self.running(known.cum_sum()) if self.window.running else self.whole(known.sum())

    def total(self) -> pl.Expr:
        """Added up in 128 bits, then refused beyond 64; null where nothing was added."""
        values = pl.col(str(self.window.argument)).cast(pl.Int64).cast(pl.Int128).fill_null(0)
        total = self.running(values.cum_sum()) if self.window.running else self.whole(values.sum())
        return pl.when(self.count() > 0).then(total).cast(pl.Int64)

    def extreme(self) -> pl.Expr:
        """The value at the least or greatest place."""
        places, smallest = pl.col(self.value), self.window.function is Function.MIN
        if self.window.running:
            chosen = self.running((places.cum_min() if smallest else places.cum_max()).forward_fill())
        else:
            chosen = self.whole(places.min() if smallest else places.max())
        return pl.col(str(self.window.argument)).sort(nulls_last=True).gather(chosen)
