"""Labels and audit samples as CSV, for spreadsheets and other tools.

    row_id,annotator,correct,grounded,note,labelled_at,stratum,stratum_size,inclusion_probability

A sample is the same table with nothing filled in but the row and its design, so a finished one can be
imported as it is. Empty means unknown. What a record must hold is checked in `label_checks`.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..builder.errors import DataError, Problem, unknown
from ..builder.schema import Label
from ..builder.shards import storage, write_file
from .audit_sample import SampledRow

COLUMNS = tuple(field.name for field in dataclasses.fields(Label))
DESIGN = ("stratum", "stratum_size", "inclusion_probability")
_AS_WRITTEN = ("note", "stratum")
"""Columns in which white space counts."""


@dataclass(frozen=True, slots=True)
class CsvLine:
    """A record: the line of the file that it begins on (from 1), and its texts; what is empty is left out."""

    number: int
    values: dict[str, str]


def write_labels(path: Path, labels: Iterable[Label]) -> None:
    """Labels as CSV; a file of that name is replaced.

    Raises:
        StorageError: the disk refuses.
    """
    _write(path, (dataclasses.asdict(label) for label in labels))


def write_plan(path: Path, sample: Iterable[SampledRow]) -> None:
    """A sample as CSV with everything that the annotator fills in left empty.

    Raises:
        StorageError: the disk refuses.
    """
    _write(path, (dataclasses.asdict(row) for row in sample))


def _write(path: Path, records: Iterable[Mapping[str, object]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in record.items()} for record in records)
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, text.getvalue().encode())


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_lines(path: Path, columns: Sequence[str]) -> list[CsvLine]:
    """The records of a CSV file (commas, semicolons or tabs; UTF-8) with some of these columns.

    Raises:
        DataError: it cannot be read, has a column of another name, or a record with too many fields.
    """
    records = _records(path, _text(path))
    _, head = next(records, (1, list[str]()))
    names = [name.strip() for name in head]
    _check_names(path, names, columns)
    return [CsvLine(number, _filled(path, number, names, cells)) for number, cells in records if cells]


def read_header(path: Path) -> list[str]:
    """The column names of a CSV file.

    Raises:
        DataError: it cannot be read.
    """
    _, head = next(_records(path, _text(path)), (1, list[str]()))
    return [name.strip() for name in head]


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        problem = Problem(str(path), "must be a readable file", error.strerror, "Check the path.")
        raise DataError(str(problem)) from error
    except UnicodeDecodeError as error:
        problem = Problem(str(path), "must be UTF-8", str(error), "Save it as CSV in UTF-8.")
        raise DataError(str(problem)) from error


def _records(path: Path, content: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line on which it begins; a quoted text may run over several."""
    text = io.StringIO(content, newline="")
    head = text.readline()
    text.seek(0)
    reader = csv.reader(text, delimiter=max(",;\t", key=head.count), strict=True)
    begins = 1
    try:
        for cells in reader:
            yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        problem = Problem(f"{path}, line {begins}", "must be CSV", str(error), "Mend the quotes.")
        raise DataError(str(problem)) from error


def _check_names(path: Path, names: Sequence[str], columns: Sequence[str]) -> None:
    if not names:
        fix = "Export the labels again."
        raise DataError(str(Problem(str(path), "must have a line of column names", "nothing", fix)))
    for name in names:
        if name not in columns:
            raise DataError(str(unknown(f"column of {path}", name, columns)))
        if names.count(name) > 1:
            raise DataError(str(Problem(str(path), "must have each column once", name, "Take one out.")))


def _filled(path: Path, number: int, names: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    if len(cells) > len(names):
        fix = "Put quotes around a text that holds the separator."
        rule = f"must have at most {len(names)} fields"
        raise DataError(str(Problem(f"{path}, line {number}", rule, len(cells), fix)))
    pairs = zip(names, cells, strict=False)
    texts = {name: cell if name in _AS_WRITTEN else cell.strip() for name, cell in pairs}
    return {name: text for name, text in texts.items() if text}
