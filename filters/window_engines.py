"""A window plan on DuckDB, as SQL, and on Polars, as expressions: one meaning (see `windows`).

Both take the rows that the predicate accepts, with `id` and the columns of the plan, and give the condition's
value for each of them in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from .qualify import WindowPlan
from .windows import Function, Window

_ROW = "_row"
"""The row's place among those given."""

_RUNNING = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"


def qualified_by_duckdb(connection: duckdb.DuckDBPyConnection, rows: pa.Table, plan: WindowPlan) -> pa.Table:
    """One nullable bool column, `verdict`.

    Raises:
        duckdb.Error: it cannot be run; a sum is too large.
    """
    numbered = rows.select(list(plan.columns)).append_column(_ROW, pa.array(np.arange(len(rows))))
    connection.register("accepted", numbered)
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
    place, number = f"{name}:place", f"{name}:number"
    frame = frame.with_columns(_place(window).alias(place))
    frame = frame.with_columns(
        _over(pl.int_range(1, pl.len() + 1, dtype=pl.Int64), window, place).alias(number)
    )
    return frame.with_columns(_polars_value(window, place, number).alias(name)).drop(place, number)


def _place(window: Window) -> pl.Expr:
    """Each row's place in the order of all rows by the keys, then by id."""
    keys = [*(key.column for key in window.order), "id"]
    descending = [*(key.descending for key in window.order), False]
    nulls_last = [*(not key.nulls_first for key in window.order), True]
    return pl.arg_sort_by(keys, descending=descending, nulls_last=nulls_last).arg_sort()


def _over(value: pl.Expr, window: Window, place: str) -> pl.Expr:
    return value.over(window.partition or None, order_by=place)


def _whole(value: pl.Expr, partition: Sequence[str]) -> pl.Expr:
    return value.over(partition) if partition else value


def _polars_value(window: Window, place: str, number: str) -> pl.Expr:
    match window.function:
        case Function.ROW_NUMBER:
            return pl.col(number)
        case Function.RANK:
            return _rank(window, number)
        case Function.DENSE_RANK:
            first = (pl.col(number) == _rank(window, number)).cast(pl.Int64)
            return _over(first.cum_sum(), window, place)
        case Function.COUNT:
            return _count(window, place, number)
        case Function.SUM:
            return _sum(window, place, number)
        case Function.AVG:
            return _sum(window, place, number).cast(pl.Float64) / _count(window, place, number).cast(
                pl.Float64
            )
        case Function.MIN | Function.MAX:
            return _extreme(window, place)


def _rank(window: Window, number: str) -> pl.Expr:
    """The number of the first row that is equal in all keys."""
    return pl.col(number).min().over(*window.partition, *(key.column for key in window.order))


def _count(window: Window, place: str, number: str) -> pl.Expr:
    if window.argument is None:
        return pl.col(number) if window.running else _whole(pl.len().cast(pl.Int64), window.partition)
    known = pl.col(window.argument).is_not_null().cast(pl.Int64)
    return _over(known.cum_sum(), window, place) if window.running else _whole(known.sum(), window.partition)


def _sum(window: Window, place: str, number: str) -> pl.Expr:
    """Added up in 128 bits, then refused beyond 64; null where nothing was added."""
    values = pl.col(str(window.argument)).cast(pl.Int64).cast(pl.Int128).fill_null(0)
    total = (
        _over(values.cum_sum(), window, place) if window.running else _whole(values.sum(), window.partition)
    )
    return pl.when(_count(window, place, number) > 0).then(total).cast(pl.Int64)


def _extreme(window: Window, place: str) -> pl.Expr:
    """By the place of each value among all values, where NaN stands behind every number, as in ORDER BY."""
    values, smallest = pl.col(str(window.argument)), window.function is Function.MIN
    places = pl.when(values.is_not_null()).then(values.arg_sort(nulls_last=True).arg_sort())
    if window.running:
        so_far = places.cum_min() if smallest else places.cum_max()
        chosen = _over(so_far.forward_fill(), window, place)
    else:
        chosen = _whole(places.min() if smallest else places.max(), window.partition)
    return values.sort(nulls_last=True).gather(chosen)
