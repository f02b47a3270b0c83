"""Arrow values for people and programs: plain JSON values, text for CSV, short text for the terminal."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

_LONGEST_CELL = 2000


def plain(value: Any, kind: pa.DataType) -> Any:
    """The value as JSON can say it: JSON columns decoded, times in ISO 8601, bytes in hex, null for NaN."""
    if value is None:
        return None
    if isinstance(kind, pa.JsonType):
        return _decoded(value)
    if _is_list(kind):
        return [plain(item, kind.value_type) for item in value]
    if pa.types.is_struct(kind):
        return {field.name: plain(value[field.name], field.type) for field in kind}
    if pa.types.is_map(kind):
        return {str(plain(key, kind.key_type)): plain(item, kind.item_type) for key, item in value}
    return _leaf(value)


def records(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """The rows as JSON objects."""
    kinds = {field.name: field.type for field in batch.schema}
    for record in batch.to_pylist():
        yield {name: plain(record[name], kind) for name, kind in kinds.items()}


def flat(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows with text in place of what CSV cannot hold."""
    schema = flat_schema(batch.schema)
    pairs = zip(batch.columns, schema, strict=True)
    return pa.RecordBatch.from_arrays(
        [_flat_column(column, field.type) for column, field in pairs], schema=schema
    )


def flat_schema(schema: pa.Schema) -> pa.Schema:
    """The schema of `flat`."""
    return pa.schema([pa.field(field.name, _flat_type(field.type)) for field in schema])


def cell(value: Any, kind: pa.DataType) -> str:
    """One short line: line breaks and other characters that would move the cursor are made visible."""
    if isinstance(value, float):
        text = f"{value:.6g}"
    else:
        text = value if isinstance(value, str) else _json(plain(value, kind)).strip('"')
    return "".join(map(_visible, text[:_LONGEST_CELL]))


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _leaf(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, pa.MonthDayNano):
        return f"P{value.months}M{value.days}DT{value.nanoseconds / 1e9:g}S"
    return value if isinstance(value, bool | int | str) else str(value)


def _flat_type(kind: pa.DataType) -> pa.DataType:
    other = isinstance(kind, pa.JsonType) or pa.types.is_binary(kind) or pa.types.is_interval(kind)
    return pa.string() if other or pa.types.is_nested(kind) else kind


def _flat_column(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if isinstance(column.type, pa.JsonType):
        return column.storage
    if column.type == kind:
        return column
    return pa.array([_text(plain(value, column.type)) for value in column.to_pylist()], kind)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    if character == "\n":
        return "⏎"
    return " " if unicodedata.category(character) == "Zs" or character == "\t" else "·"
