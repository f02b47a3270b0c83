"""Files of transcripts -> records: JSON lines, a list, an object keyed by index, all also gzipped; Parquet.

Whatever is wrong with a file as a whole is found here, before anything is parsed or written.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import DataError, Problem
from ..schema import JsonObject
from ..storable import storable

_GZIP = b"\x1f\x8b"
_SUFFIXES = {".gz", ".json", ".jsonl", ".ndjson", ".parquet"}
_LINE_SUFFIXES = {".jsonl", ".ndjson"}


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file. `index` is its place from 0 (line, list position) or its key, as text."""

    index: str
    data: JsonObject


def bare_name(path: Path) -> str:
    """The file's name without the extensions that this module reads (`a-2.5.jsonl.gz` is `a-2.5`)."""
    while path.suffix.lower() in _SUFFIXES:
        path = path.with_suffix("")
    return path.name


def read_records(path: Path) -> list[Record]:
    """All records of a file, in its order. Blank lines are skipped, but count as places.

    Raises:
        DataError: no such file, truncated gzip, invalid UTF-8, no JSON, a record that is no object, nothing.
    """
    records = _parquet(path) if path.suffix.lower() == ".parquet" else _json(path, _text(path))
    if not records:
        raise _bad(
            path, None, "must hold at least one record", "an empty file", "Export the transcripts again."
        )
    return records


def _bad(path: Path, line: int | None, rule: str, value: object, fix: str) -> DataError:
    place = str(path) if line is None else f"{path}, line {line}"
    return DataError(str(Problem(place, rule, value, fix)))


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data.startswith(_GZIP) else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _bad(path, None, "must be a whole gzip file", str(error), "Fetch the file again.") from error
    except OSError as error:
        raise _bad(path, None, "must be a readable file", error.strerror, "Check the path.") from error


def _text(path: Path) -> str:
    data = _bytes(path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        value = data[error.start : error.start + 8]
        raise _bad(path, line, "must be UTF-8", value, "Convert the file to UTF-8.") from error


def _parquet(path: Path) -> list[Record]:
    try:
        rows = cast("list[JsonObject]", pq.read_table(path).to_pylist())
    except (OSError, pa.ArrowException) as error:
        raise _bad(path, None, "must be a readable Parquet file", str(error), "Write it again.") from error
    return [Record(str(index), storable(row)) for index, row in enumerate(rows)]


def _json(path: Path, text: str) -> list[Record]:
    if _LINE_SUFFIXES & {suffix.lower() for suffix in path.suffixes}:
        return list(_lines(path, text))
    try:
        return list(_spread(path, _load(text)))
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return list(_lines(path, text))
        raise _not_json(path, error.lineno, error) from error


def _load(text: str) -> Any:
    try:
        return storable(json.loads(text))
    except RecursionError as error:
        raise json.JSONDecodeError("nested too deeply", text[:60], 0) from error


def _not_json(path: Path, line: int, error: json.JSONDecodeError) -> DataError:
    value = error.doc[max(error.pos - 30, 0) : error.pos + 30]
    return _bad(path, line, f"must be JSON ({error.msg}, column {error.colno})", value, "Repair this line.")


def _lines(path: Path, text: str) -> Iterator[Record]:
    for index, line in enumerate(text.split("\n")):
        if not line.strip():
            continue
        try:
            data = _load(line)
        except json.JSONDecodeError as error:
            raise _not_json(path, index + 1, error) from error
        if not isinstance(data, dict):
            raise _bad(path, index + 1, "must be a JSON object", data, "Put one record on each line.")
        yield Record(str(index), cast("JsonObject", data))


def _spread(path: Path, document: Any) -> Iterator[Record]:
    """The records of a JSON document: a list's items, a keyed object's values, else the object itself."""
    if isinstance(document, dict):
        keyed = cast("JsonObject", document)
        if keyed and all(isinstance(value, dict) for value in keyed.values()):
            yield from (Record(key, value) for key, value in keyed.items())
        elif keyed:
            yield Record("0", keyed)
        return
    if not isinstance(document, list):
        raise _bad(path, None, "must be a JSON object or list", document, "Give a file of records.")
    for index, item in enumerate(cast("list[Any]", document)):
        if not isinstance(item, dict):
            rule = f"record {index} (from 0) must be a JSON object"
            raise _bad(path, None, rule, item, "Remove or repair it.")
        yield Record(str(index), cast("JsonObject", item))
