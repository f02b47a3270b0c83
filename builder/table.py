"""Rows and Arrow tables: the same columns, whichever engine read or wrote them.

JSON columns hold text under the extension type `arrow.json`. Engines hand them back in three forms (pyarrow
and `datasets` the extension, DuckDB strings, Polars an extension of its own over large strings); here all are
cast to the one schema and decoded once. `datasets` itself decodes JSON with a parser that may be off by the
last bit of a float: for exact rows take its Arrow data, `rows_from_table(dataset.with_format("arrow")[:])`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar, cast

import orjson
import pyarrow as pa
from datasets import Features, Json, List

from .errors import DataError, Problem
from .records import hints, reader, writer
from .schema import ARROW_SCHEMA, COLUMNS, FEATURES, JsonObject, Row, features_of

Item = TypeVar("Item")
Convert = Callable[[Any], Any]


def table_from_rows(rows: Iterable[Row]) -> pa.Table:
    """The rows as a table with `ARROW_SCHEMA`, the `huggingface` metadata included.

    Raises:
        DataError: a value that its column cannot hold, with the column and the row's id.
    """
    return _table([row.to_record() for row in rows], FEATURES, _ROW_JSON_WRITERS)


def rows_from_table(table: pa.Table | pa.RecordBatch) -> Iterator[Row]:
    """The rows of a table or batch that any engine returned, in its order.

    Raises:
        DataError: a column is missing or unknown, or a value lies outside its closed set.
    """
    for record in records_from_table(table):
        yield Row.from_record(record)


def records_from_table(table: pa.Table | pa.RecordBatch) -> Iterator[JsonObject]:
    """Plain records with JSON decoded (floats exact), for a table with all or some of the columns."""
    decode = {name: read for name, read in _ROW_JSON_READERS.items() if name in table.schema.names}
    for record in table.to_pylist():
        for name, read in decode.items():
            record[name] = read(record[name])
        yield record


def conform(table: pa.Table | pa.RecordBatch) -> pa.Table:
    """A row table of any engine with exactly `ARROW_SCHEMA`: order, types and metadata.

    Raises:
        DataError: a column is missing.
    """
    missing = [name for name in COLUMNS if name not in table.schema.names]
    if missing:
        problem = Problem("table", f"must have the column {missing[0]!r}", table.schema.names, _ALL_COLUMNS)
        raise DataError(str(problem))
    if "_view" in str(table.schema):
        # pyarrow 26 corrupts string views (Polars' newest Arrow level) when it casts them inside extensions.
        return table_from_rows(rows_from_table(table))
    return plain(table).select(list(COLUMNS)).cast(ARROW_SCHEMA)


def table_from_items(items: Iterable[Item], kind: type[Item]) -> pa.Table:
    """Flat dataclasses such as `Judgement` or `Label` as a table with their own features.

    Raises:
        DataError: a value that its column cannot hold.
    """
    write = cast("Convert", writer(kind))
    return _table([write(item) for item in items], features_of(kind), {})


def items_from_table(table: pa.Table, kind: type[Item]) -> Iterator[Item]:
    """The inverse of `table_from_items`.

    Raises:
        DataError: a column is missing.
    """
    missing = sorted(set(hints(kind)) - set(table.schema.names))
    if missing:
        rule = f"must have the column {missing[0]!r}"
        raise DataError(str(Problem(kind.__name__.lower(), rule, table.schema.names, "Write it anew.")))
    read = cast("Convert", reader(kind))
    return (read(record) for record in table.to_pylist())


def empty_table(schema: pa.Schema) -> pa.Table:
    """A table of that schema without rows (pyarrow's own cannot make one with nested JSON columns)."""
    return _plain_schema(schema).empty_table().cast(schema)


_ALL_COLUMNS = "Select all columns of the dataset (SELECT *)."


def _json_mapper(kind: Any, leaf: Convert) -> Convert | None:
    """A function that applies `leaf` to every JSON value under a feature; None where there is none."""
    if isinstance(kind, Json):
        return leaf
    if isinstance(kind, List):
        item = _json_mapper(kind.feature, leaf)
        return item and (lambda value: None if value is None else [item(entry) for entry in value])
    if isinstance(kind, dict):
        fields = {name: field for name, sub in kind.items() if (field := _json_mapper(sub, leaf))}
        return _struct_mapper(fields) if fields else None
    return None


def _struct_mapper(fields: dict[str, Convert]) -> Convert:
    def convert(value: dict[str, Any]) -> dict[str, Any]:
        return value | {name: field(value[name]) for name, field in fields.items()}

    return convert


def _encode(value: Any) -> str:
    text = orjson.dumps(value).decode()
    if "null" in text and not _finite(value):
        raise ValueError("JSON has no NaN and no infinity")
    return text


def _finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_finite, cast("dict[str, Any]", value).values()))
    return all(map(_finite, cast("list[Any]", value))) if isinstance(value, list | tuple) else True


def _json_mappers(leaf: Convert) -> dict[str, Convert]:
    return {name: mapper for name, kind in FEATURES.items() if (mapper := _json_mapper(kind, leaf))}


_ROW_JSON_WRITERS = _json_mappers(_encode)
_ROW_JSON_READERS = _json_mappers(orjson.loads)


def _plain_schema(schema: pa.Schema) -> pa.Schema:
    return pa.schema([pa.field(field.name, _storage(field.type)) for field in schema])


def _storage(kind: pa.DataType) -> pa.DataType:
    """The type without extension types: what pyarrow builds from Python values and every engine casts to."""
    if isinstance(kind, pa.BaseExtensionType):
        return kind.storage_type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_storage(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _storage(field.type)) for field in kind])
    return kind


_PLAIN_FIELDS = {field.name: field for field in _plain_schema(ARROW_SCHEMA)}


def plain(table: pa.Table | pa.RecordBatch) -> pa.Table:
    """The table with row columns in their storage types, JSON as text; other columns stay as they are."""
    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    fields = [_PLAIN_FIELDS.get(field.name, field) for field in table.schema]
    return table.cast(pa.schema(fields))


def _table(records: Sequence[JsonObject], features: Features, encoders: dict[str, Convert]) -> pa.Table:
    schema: pa.Schema = features.arrow_schema
    columns = [_column(records, field, encoders.get(field.name)) for field in schema]
    return pa.Table.from_arrays(columns, schema=_plain_schema(schema)).cast(schema)


def _column(records: Sequence[JsonObject], field: pa.Field, encode: Convert | None) -> pa.Array:
    try:
        return _array([record[field.name] for record in records], field, encode)
    except (ValueError, TypeError, OverflowError) as error:
        culprit = next((record for record in records if not _fits(record, field, encode)), records[0])
        raise DataError(_misfit(culprit, field, error)) from error


def _array(values: list[Any], field: pa.Field, encode: Convert | None) -> pa.Array:
    plain = values if encode is None else [encode(value) for value in values]
    array = pa.array(plain, _storage(field.type))
    if pa.types.is_floating(array.type) and not all(map(_finite, values)):
        raise ValueError("must be finite or null")
    if pa.types.is_timestamp(array.type) and any(value and value.tzinfo is None for value in values):
        raise ValueError("must have a time zone")
    return array


def _fits(record: JsonObject, field: pa.Field, encode: Convert | None) -> bool:
    try:
        _array([record[field.name]], field, encode)
    except (ValueError, TypeError, OverflowError):
        return False
    return True


def _misfit(record: JsonObject, field: pa.Field, error: Exception) -> str:
    name = record.get("id") or record.get("row_id")
    problem = Problem(
        f"column {field.name!r} of row {name!r}",
        f"must hold {_storage(field.type)} ({error})",
        record[field.name],
        "Clean the value where it enters (`storable` does) or leave it null.",
    )
    return str(problem)
