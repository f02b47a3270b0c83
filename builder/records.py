"""Frozen dataclasses as plain records and as `datasets` features: everything derived from the annotations.

A record holds dicts, lists, text, numbers, booleans and datetimes only. Reflection is slow and rows are many,
so `reader` and `writer` build one function per type, once.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, Literal, get_args, get_origin

from datasets import Json, List, Value

from .errors import DataError, unknown

Convert = Callable[[Any], Any]


@cache
def hints(kind: Any) -> dict[str, Any]:
    """Field name to resolved annotation, in field order."""
    resolved = typing.get_type_hints(kind)
    return {field.name: resolved[field.name] for field in dataclasses.fields(kind)}


@cache
def writer(kind: Any) -> Convert | None:
    """A function from a value of the type to plain values; None where the value is plain already.

    Tuples become lists, dataclasses dicts, enums text.
    """
    kind = _not_none(kind)
    if get_origin(kind) is tuple:
        item = writer(get_args(kind)[0])
        return _optional(list if item is None else lambda value: [item(entry) for entry in value])
    if dataclasses.is_dataclass(kind):
        return _optional(_struct_writer(kind))
    return _optional(str) if _is_enum(kind) else None


@cache
def reader(kind: Any) -> Convert | None:
    """The inverse of `writer`: dicts become the dataclass, lists tuples, text the enum, datetimes UTC.

    A missing key of a dict counts as None. The function raises `DataError` for a value outside a closed set.
    """
    kind = _not_none(kind)
    if get_origin(kind) is tuple:
        item = reader(get_args(kind)[0])
        return _optional(tuple if item is None else lambda value: tuple([item(entry) for entry in value]))
    if dataclasses.is_dataclass(kind):
        return _optional(_struct_reader(kind))
    return _scalar_reader(kind)


def _struct_writer(kind: Any) -> Convert:
    fields = [(name, writer(hint)) for name, hint in hints(kind).items()]

    def write(value: Any) -> dict[str, Any]:
        return {
            name: getattr(value, name) if convert is None else convert(getattr(value, name))
            for name, convert in fields
        }

    return write


def _struct_reader(kind: Any) -> Convert:
    fields = [(name, reader(hint)) for name, hint in hints(kind).items()]

    def read(record: dict[str, Any]) -> Any:
        return kind(
            *[record.get(name) if convert is None else convert(record.get(name)) for name, convert in fields]
        )

    return read


def _scalar_reader(kind: Any) -> Convert | None:
    if _is_enum(kind):
        return _optional(_member(f"row.{kind.__name__}", {str(member): member for member in kind}))
    if get_origin(kind) is Literal:
        return _optional(_member("row", {name: name for name in get_args(kind)}))
    return _optional(lambda value: value.astimezone(UTC)) if kind is datetime else None


def _member(field: str, members: dict[str, Any]) -> Convert:
    def read(value: Any) -> Any:
        if value not in members:
            raise DataError(str(unknown(field, value, members)))
        return members[value]

    return read


def _optional(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, StrEnum)


def _not_none(kind: Any) -> Any:
    """`X` for `X | None`, else the type itself."""
    if isinstance(kind, types.UnionType) or get_origin(kind) is typing.Union:
        return next(arg for arg in get_args(kind) if arg is not type(None))
    return kind


_SCALARS: dict[Any, str] = {
    str: "string",
    int: "int64",
    float: "float64",
    bool: "bool",
    datetime: "timestamp[us, tz=UTC]",
}


def feature(kind: Any) -> Any:
    """The `datasets` feature of an annotated type; a dict in a list is JSON text."""
    kind = _not_none(kind)
    if get_origin(kind) is tuple:
        item = get_args(kind)[0]
        return List(Json() if get_origin(item) is dict else feature(item))
    if dataclasses.is_dataclass(kind):
        return {name: feature(hint) for name, hint in hints(kind).items()}
    if get_origin(kind) is Literal or _is_enum(kind):
        return Value("string")
    return Value(_SCALARS[kind])
