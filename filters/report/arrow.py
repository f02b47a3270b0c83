"""Frozen dataclasses as flat Arrow tables: what stands inside of a noun becomes columns of its own."""

from __future__ import annotations

import dataclasses
import io
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq

from ...builder.records import hints
from ...builder.storable import storable

_ARROW: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    tuple[str, ...]: pa.list_(pa.string()),
}

Get = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """How nouns become columns.

    The fields of those `inside` stand in their place under their own names. Those that are `named` keep the
    name of their field: `fdr` for the part called `value`, `fdr_low` and so on for the others. `derived` are
    properties that become columns too, with their types.
    """

    inside: frozenset[type] = frozenset()
    named: frozenset[type] = frozenset()
    derived: Mapping[type, Mapping[str, type]] = dataclasses.field(default_factory=dict[Any, Any])


@dataclasses.dataclass(frozen=True, slots=True)
class _Column:
    name: str
    type: pa.DataType
    get: Get


def parquet(table: pa.Table) -> bytes:
    """The table as a Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def arrow_table(kind: type, rows: Sequence[object], layout: Layout) -> pa.Table:
    """One row per noun; without rows the columns alone."""
    columns = list(_columns(kind, lambda row: row, layout))
    arrays = [pa.array([column.get(row) for row in rows], column.type) for column in columns]
    return pa.table(arrays, names=[column.name for column in columns])


def _columns(kind: type, reach: Get, layout: Layout) -> Iterator[_Column]:
    """The columns of a noun; those of the nouns inside it stand in their place."""
    for name, hint in hints(kind).items():
        inner, plain = _then(reach, name), _not_none(hint)
        if plain in layout.named:
            yield from _named(name, _columns(plain, inner, layout))
        elif plain in layout.inside:
            yield from _columns(plain, inner, layout)
        else:
            yield _Column(name, _arrow(plain), inner)
    for name, hint in layout.derived.get(kind, {}).items():
        yield _Column(name, _arrow(hint), _then(reach, name))


def _named(name: str, columns: Iterator[_Column]) -> Iterator[_Column]:
    for column in columns:
        own = name if column.name == "value" else f"{name}_{column.name}"
        yield dataclasses.replace(column, name=own)


def _arrow(hint: Any) -> pa.DataType:
    return pa.string() if isinstance(hint, type) and issubclass(hint, StrEnum) else _ARROW[hint]


def _then(reach: Get, name: str) -> Get:
    """A part of what is reached; None where that is None."""

    def get(row: Any) -> Any:
        whole = reach(row)
        return None if whole is None else storable(getattr(whole, name))

    return get


def _not_none(hint: Any) -> Any:
    """`X` for `X | None`."""
    if isinstance(hint, types.UnionType):
        return next(arg for arg in get_args(hint) if arg is not types.NoneType)
    return hint
