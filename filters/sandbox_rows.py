"""Rows into and out of the sandbox's worker: relations from Parquet files, results as an Arrow IPC stream."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.dataset as pads
from duckdb import DuckDBPyConnection, DuckDBPyRelation
from duckdb.sqltypes import DuckDBPyType

from ..builder.errors import DataError, Problem
from .sandbox_protocol import Relation, Request, TooLargeError

_BATCH_ROWS = 2048


def register(connection: DuckDBPyConnection, relations: Sequence[Relation]) -> None:
    """Make the relations readable by name. Nothing is read yet but one schema each.

    Raises:
        DataError: a file is missing or is no Parquet.
    """
    for relation in relations:
        try:
            connection.register(relation.name, _source(relation))
        except (OSError, pa.ArrowException) as error:
            rule = f"must be Parquet files that can be read ({error})"
            fix = "Restore the files, or make or pull the dataset again."
            raise DataError(str(Problem(relation.name, rule, len(relation.files), fix))) from error


def _source(relation: Relation) -> pads.Dataset | pa.Table:
    if relation.files:
        return pads.dataset(list(relation.files), format="parquet")
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(relation.schema))).empty_table()


def send(connection: DuckDBPyConnection, request: Request, out: BinaryIO) -> bool:
    """Run the query and write its rows; whether there were more than asked for.

    Raises:
        duckdb.Error, OSError, ValueError: what DuckDB says, some of it wrapped by pyarrow.
        TooLargeError: the rows outgrew the memory limit.
    """
    relation = _bound(connection, request.sql)
    reader = relation.to_arrow_reader(_BATCH_ROWS)
    schema = _result_schema(reader.schema, relation.types)
    left, room = request.limits.rows, request.limits.memory
    with pa.ipc.new_stream(out, schema) as stream:
        for batch in reader:
            room -= batch.nbytes
            if room < 0:
                raise TooLargeError
            kept = batch if left is None else batch.slice(0, left)
            stream.write_table(pa.Table.from_batches([kept.rename_columns(schema.names)]).cast(schema))
            if left is not None and (left := left - batch.num_rows) < 0:
                return True
    return False


def _bound(connection: DuckDBPyConnection, sql: str) -> DuckDBPyRelation:
    try:
        return connection.sql(sql)
    except duckdb.Error:
        connection.execute(sql)  # fails in the same way, but shows the place with a caret
        raise


def _result_schema(schema: pa.Schema, kinds: Sequence[DuckDBPyType]) -> pa.Schema:
    """Columns with names of their own, JSON marked as such, enums as text."""
    fields: list[pa.Field] = []
    for field, kind in zip(schema, kinds, strict=True):
        name, count = field.name, 1
        while any(name == other.name for other in fields):
            name, count = f"{field.name}_{count}", count + 1
        fields.append(pa.field(name, _result_type(field.type, kind)))
    return pa.schema(fields)


def _result_type(arrow: pa.DataType, kind: DuckDBPyType) -> pa.DataType:
    if str(kind) == "JSON":
        return pa.json_()
    if pa.types.is_dictionary(arrow):
        return arrow.value_type
    if pa.types.is_list(arrow):
        return pa.list_(_result_type(arrow.value_type, _inner(kind)[0]))
    if pa.types.is_struct(arrow):
        pairs = zip(arrow, _inner(kind), strict=True)
        return pa.struct([pa.field(field.name, _result_type(field.type, inner)) for field, inner in pairs])
    return arrow


def _inner(kind: DuckDBPyType) -> list[DuckDBPyType]:
    return [inner for _, inner in kind.children if isinstance(inner, DuckDBPyType)]
