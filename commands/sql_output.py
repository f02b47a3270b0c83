"""Results of `trajset sql` as a table in the terminal, or as CSV, JSON, JSON lines or Parquet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..builder.errors import InputError, Problem
from .sql_config import Format
from .sql_values import cell, flat, flat_schema, records

_NARROWEST = 12
"""Characters that a column should have; where not all columns can, each row becomes a block of lines."""
_GAP = 2

Batches = Iterator[pa.RecordBatch]


def write(reader: pa.RecordBatchReader, form: Format, sink: BinaryIO) -> int:
    """Write the whole result in a format; the number of rows.

    Raises:
        InputError: the format has no way to say a column's type.
    """
    rows = 0

    def counted() -> Batches:
        nonlocal rows
        for batch in reader:
            rows += batch.num_rows
            yield batch

    try:
        _WRITERS[form](reader.schema, counted(), sink)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        fix = "Cast that column to text: column::VARCHAR."
        raise InputError(
            str(Problem(f"format {form}", "must have a form for each column", str(error), fix))
        ) from error
    return rows


def _write_csv(schema: pa.Schema, batches: Batches, sink: BinaryIO) -> None:
    with pacsv.CSVWriter(sink, flat_schema(schema)) as writer:
        for batch in batches:
            writer.write_batch(flat(batch))


def _write_parquet(schema: pa.Schema, batches: Batches, sink: BinaryIO) -> None:
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_jsonl(_: pa.Schema, batches: Batches, sink: BinaryIO) -> None:
    for line in _json_lines(batches):
        sink.write(f"{line}\n".encode())


def _write_json(_: pa.Schema, batches: Batches, sink: BinaryIO) -> None:
    before = "[\n"
    for line in _json_lines(batches):
        sink.write(f"{before}  {line}".encode())
        before = ",\n"
    sink.write(b"[]\n" if before == "[\n" else b"\n]\n")


def _json_lines(batches: Batches) -> Iterator[str]:
    for batch in batches:
        yield from (json.dumps(record, ensure_ascii=False) for record in records(batch))


_WRITERS: dict[str, Callable[[pa.Schema, Batches, BinaryIO], None]] = {
    "csv": _write_csv,
    "json": _write_json,
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
}


def show(table: pa.Table, console: Console) -> None:
    """A table with a line per row; where it is too wide for that, a block per row."""
    columns = [_cells(table.column(name), console.width) for name in table.column_names]
    titles = [Text(cell(name, pa.string())) for name in table.column_names]
    widths = [
        max(text.cell_len for text in (title, *cells)) for title, cells in zip(titles, columns, strict=True)
    ]
    room = console.width - _GAP * (len(widths) - 1)
    if sum(min(width, _NARROWEST) for width in widths) <= room:
        right = [_is_number(kind) for kind in table.schema.types]
        console.print(_lines(titles, columns, _fitted(widths, room), right))
    else:
        for number, cells in enumerate(zip(*columns, strict=True), 1):
            console.print(_block(f"row {number}", titles, cells, console.width))


def _lines(
    titles: Sequence[Text], columns: Sequence[Sequence[Text]], widths: Sequence[int], right: Sequence[bool]
) -> Table:
    shown = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    for title, width, numbers in zip(titles, widths, right, strict=True):
        shown.add_column(title, justify="right" if numbers else "left", no_wrap=True, width=width)
    for row in zip(*columns, strict=True):
        shown.add_row(*row)
    return shown


def _block(name: str, titles: Sequence[Text], cells: Sequence[Text], width: int) -> Table:
    shown = Table(
        box=None, pad_edge=False, padding=(0, _GAP, 0, 0), title=name, title_justify="left", show_header=False
    )
    left = min(max(title.cell_len for title in titles), width // 2)
    shown.add_column(style="bold", no_wrap=True, width=left)
    shown.add_column(no_wrap=True, width=width - left - _GAP)
    for title, value in zip(titles, cells, strict=True):
        shown.add_row(title, value)
    return shown


def _fitted(widths: Sequence[int], room: int) -> list[int]:
    """The widths, the widest cut until all fit into the room."""
    most = max(widths)
    while sum(min(width, most) for width in widths) > room:
        most -= 1
    return [min(width, most) for width in widths]


def _cells(column: pa.ChunkedArray, longest: int) -> list[Text]:
    return [
        Text("null", style="dim") if value is None else Text(cell(value, column.type)[: longest + 1])
        for value in column.to_pylist()
    ]


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
