"""What models and servers send, made fit for a table.

Text may hold lone surrogates (half of a character, from broken JSON escapes), which UTF-8 cannot say. JSON
may hold integers over 64 bit, NaN, infinities and endless nesting, which Parquet readers refuse or change.
One such value in one tool call would make a whole dataset unwritable, so it is replaced where rows are made.
"""

from __future__ import annotations

import dataclasses
import math
from functools import cache
from itertools import islice
from typing import Any, TypeVar, cast

Value = TypeVar("Value")

MAX_DEPTH = 64
"""Deepest nesting of JSON that is kept (readers have limits of their own, from 254 levels up)."""

TOO_DEEP = "(nested too deeply)"
"""What stands in place of the rest."""

_INT64 = range(-(2**63), 2**63)


def storable(value: Value) -> Value:
    """The same value, or a copy in which whatever no table can hold is replaced.

    Lone surrogates become U+FFFD (pairs the character they mean), integers over 64 bit their decimal text,
    NaN and infinities None, JSON keys text; what is nested below `MAX_DEPTH` is cut. Goes through
    dataclasses, tuples, lists and dicts.
    """
    return cast("Value", _storable(value, 0))


def _storable(value: Any, depth: int) -> Any:
    """Plain types first: this runs for every string of every row."""
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _text(value)
    if value is None or kind is bool:
        return value
    if isinstance(value, str):  # enum members, kept as they are where they are text
        return _text(value)
    if isinstance(value, int):
        return value if value in _INT64 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth > MAX_DEPTH:
        return TOO_DEEP
    return _nested(value, depth + 1)


def _nested(value: Any, depth: int) -> Any:
    names = _field_names(type(value))
    if names:
        return _fields(value, names, depth)
    if isinstance(value, list | tuple):
        return _items(cast("list[Any]", value), depth)
    if isinstance(value, dict):
        return _dict(cast("dict[Any, Any]", value), depth)
    return value


def _items(value: list[Any], depth: int) -> Any:
    """The same list or tuple where nothing changes: nothing is copied before something has to be."""
    for place, item in enumerate(value):
        if type(item) is str and item.isascii():
            continue
        new = _storable(item, depth)
        if new is not item:
            rest = (_storable(later, depth) for later in value[place + 1 :])
            return type(value)([*value[:place], new, *rest])
    return value


def _dict(value: dict[Any, Any], depth: int) -> dict[Any, Any]:
    """The same dict where nothing changes, likewise."""
    items = iter(value.items())
    for place, (key, item) in enumerate(items):
        new_key, new = _storable(_key(key), depth), _storable(item, depth)
        if new_key is not key or new is not item:
            rest = {_storable(_key(key), depth): _storable(later, depth) for key, later in items}
            return dict(islice(value.items(), place)) | {new_key: new} | rest
    return value


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    """Looked up once a type: this runs for every part of every row."""
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else ()


def _fields(value: Any, names: tuple[str, ...], depth: int) -> Any:
    changed: dict[str, Any] = {}
    for name in names:
        old = getattr(value, name)
        kind = type(old)
        if old is None or (kind is str and old.isascii()) or (kind is float and math.isfinite(old)):
            continue  # most fields: no call for them
        new = _storable(old, depth)
        if new is not old:
            changed[name] = new
    return dataclasses.replace(value, **changed) if changed else value


def _key(key: Any) -> str:
    return key if isinstance(key, str) else str(key)


def _text(text: str) -> str:
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
