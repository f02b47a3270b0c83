"""Records out of files: JSON lines, JSON lists, CSV, TSV and Parquet, each with the place it was found at.

Read as a stream: memory is bounded by one line (JSON lines, CSV, TSV), one batch of rows (Parquet) or, for
JSON lists alone, the file.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from .errors import DataError, Problem
from .schema import JsonObject

_BATCH_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Record:
    """One object of a source. `place` is `FILE:LINE` or `FILE row N`, both counted from 1, for messages."""

    place: str
    values: JsonObject


def is_record_file(path: Path) -> bool:
    """Whether the name says that `read_record_file` can read it."""
    return _reader(path) is not None


def read_record_file(path: Path) -> Iterator[Record]:
    """The file's records in order; blank lines are passed over.

    Raises:
        DataError: an unknown kind of file, or one that is cut off, not UTF-8, or not what its name says.
    """
    reader = _reader(path)
    if reader is None:
        problem = Problem(str(path), f"must be one of {FILE_KINDS}", path.name, "Convert or rename the file.")
        raise DataError(str(problem))
    return reader(path)


def _reader(path: Path) -> Callable[[Path], Iterator[Record]] | None:
    packed = path.suffix == ".gz"
    kind = Path(path.stem).suffix if packed else path.suffix
    return None if packed and kind == ".parquet" else _READERS.get(kind)


def _bad(place: str, rule: str, value: object, fix: str) -> DataError:
    return DataError(str(Problem(place, rule, value, fix)))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Line numbers and lines, unpacked, without a byte order mark."""
    number = 0
    try:
        with _open(path) as file:
            for number, line in enumerate(file, 1):
                yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
    except EOFError as error:
        place = f"{path}:{number + 1}"
        raise _bad(place, "must be a whole gzip file", "a file cut off here", "Copy it again.") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        fix = "Copy it again, or drop the .gz from its name if it is not packed."
        raise _bad(f"{path}:{number + 1}", "must be a sound gzip file", str(error), fix) from error
    except OSError as error:
        raise _bad(str(path), "must be readable", error.strerror, "Check its permissions.") from error


def _open(path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _text(line: bytes, place: str) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        value = f"byte 0x{line[error.start]:02x} at position {error.start + 1} of the line"
        raise _bad(place, "must be UTF-8", value, "Save the file as UTF-8.") from error


def _object(value: object, place: str) -> Record:
    if not isinstance(value, dict):
        raise _bad(place, "must be a JSON object", value, 'Write objects, as in {"title": "…", "text": "…"}.')
    return Record(place, value)


def _json_lines(path: Path) -> Iterator[Record]:
    for number, line in _lines(path):
        if line.strip():
            place = f"{path}:{number}"
            yield _object(_json_value(line, place), place)


def _json_value(line: bytes, place: str) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        text = _text(line, place)
        raise _bad(place, f"must be JSON ({error})", text, "Write one JSON object a line.") from error


def _json_list(path: Path) -> Iterator[Record]:
    data = b"".join(line for _, line in _lines(path))
    if not data.strip():
        return
    for number, value in enumerate(_json_items(data, path), 1):
        yield _object(value, f"{path} item {number}")


def _json_items(data: bytes, path: Path) -> list[object]:
    fix = "Write a list of objects; for one object a line, name the file .jsonl."
    try:
        items = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        for number, line in enumerate(data.split(b"\n"), 1):
            _text(line, f"{path}:{number}")
        raise _bad(f"{path}:{error.lineno}", f"must be JSON ({error.msg})", path.name, fix) from error
    if not isinstance(items, list):
        raise _bad(str(path), "must hold a JSON list", items, fix)
    return items


def _separated(path: Path, delimiter: str) -> Iterator[Record]:
    lines = (_text(line, f"{path}:{number}") for number, line in _lines(path))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        header = next(reader, None)
        for cells in reader:
            if cells:
                yield Record(
                    f"{path}:{reader.line_num}", _row(header or [], cells, f"{path}:{reader.line_num}")
                )
    except csv.Error as error:
        place = f"{path}:{reader.line_num}"
        raise _bad(place, "must be well-formed CSV", str(error), "Check quotes and cell sizes.") from error


def _row(header: list[str], cells: list[str], place: str) -> JsonObject:
    if len(cells) != len(header):
        rule = f"must have {len(header)} cells, as the first line has"
        raise _bad(place, rule, len(cells), "Quote the cells that hold the separator or a line break.")
    return dict(zip(header, cells, strict=True))


def _csv(path: Path) -> Iterator[Record]:
    return _separated(path, ",")


def _tsv(path: Path) -> Iterator[Record]:
    return _separated(path, "\t")


def _parquet(path: Path) -> Iterator[Record]:
    try:
        with pq.ParquetFile(path) as file:
            batches = file.iter_batches(batch_size=_BATCH_ROWS)
            rows = chain.from_iterable(batch.to_pylist() for batch in batches)
            for number, values in enumerate(rows, 1):
                yield Record(f"{path} row {number}", values)
    except (pa.ArrowException, OSError) as error:
        raise _bad(
            str(path), "must be a whole Parquet file", str(error), "Write or copy it again."
        ) from error


_READERS: dict[str, Callable[[Path], Iterator[Record]]] = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json_list,
    ".csv": _csv,
    ".tsv": _tsv,
    ".parquet": _parquet,
}
FILE_KINDS = ", ".join(_READERS) + " (all but .parquet also with .gz)"
"""The kinds of files, for messages and help."""
