"""Records of a CSV file -> labels or a sample: every line is checked, and named where it is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, Field, ValidationError

from ..builder.errors import DataError, Problem
from ..builder.schema import Label
from .audit_sample import SampledRow
from .label_csv import COLUMNS, DESIGN, CsvLine, read_lines

_SHOWN = 5
"""Problems of a file that are told; the rest is counted."""


@dataclass(frozen=True, slots=True)
class ReadLabels:
    """The labels of a file, and how many of its rows nobody has labelled yet."""

    labels: tuple[Label, ...]
    blank: int


@dataclass(frozen=True, slots=True)
class Reader:
    """What labels must fit: the ids of the dataset's rows; and what stands in for what a file leaves out.

    `annotator` takes the place of every name in the file; None keeps those.
    """

    known: Container[str]
    now: datetime
    annotator: str | None = None


class _Design(BaseModel):
    row_id: str
    stratum: str
    stratum_size: Annotated[int, Field(ge=1)]
    inclusion_probability: Annotated[float, Field(gt=0, le=1)]


class _Label(BaseModel):
    row_id: str
    annotator: str
    correct: bool
    grounded: bool | None = None
    note: str | None = None
    labelled_at: datetime | None = None
    stratum: str | None = None
    stratum_size: Annotated[int, Field(ge=1)] | None = None
    inclusion_probability: Annotated[float, Field(gt=0, le=1)] | None = None


_TRUTH = "must be true or false (also yes or no, 1 or 0)"
_RULES = {
    "row_id": "must name a row",
    "annotator": "must say who labelled",
    "correct": _TRUTH,
    "grounded": f"{_TRUTH}, or empty where nobody looked",
    "labelled_at": "must be a time such as 2026-01-31T12:00:00+00:00, or empty",
    "stratum": "must name the stratum",
    "stratum_size": "must be a whole number of rows, at least 1",
    "inclusion_probability": "must be a number above 0 and at most 1",
}

_Model = TypeVar("_Model", bound=BaseModel)


class _Findings:
    """What is wrong with a file, to be said all at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._problems: list[Problem] = []

    def wrong(self, line: CsvLine, field: str, rule: str) -> None:
        """Note a problem with a field of a record."""
        place = f"{self._path}, line {line.number}: {field}"
        value = line.values.get(field, "")
        self._problems.append(Problem(place, rule, value, "Mend it in the file."))

    def checked(self, line: CsvLine, kind: type[_Model]) -> _Model | None:
        """The record's values, or None where one does not fit."""
        try:
            return kind.model_validate(line.values)
        except ValidationError as error:
            for field in dict.fromkeys(str(detail["loc"][0]) for detail in error.errors()):
                self.wrong(line, field, _RULES[field])
        return None

    def done(self) -> None:
        """Raise what was found: the first few in words, the rest as a number."""
        if self._problems:
            told = [str(problem) for problem in self._problems[:_SHOWN]]
            rest = len(self._problems) - len(told)
            raise DataError("\n".join(told + ([f"... and {rest} more."] if rest else [])))


def read_plan(path: Path) -> tuple[SampledRow, ...]:
    """The sample that a CSV file holds, in its order; what is labelled in it already is passed over.

    Raises:
        DataError: as for `read_lines`; a row without its design, or there twice; no rows.
    """
    findings, rows = _Findings(path), dict[str, SampledRow]()
    for line in read_lines(path, COLUMNS):
        fields = findings.checked(line, _Design)
        if fields is not None and fields.row_id in rows:
            findings.wrong(line, "row_id", "must be in the sample once")
        elif fields is not None:
            rows[fields.row_id] = SampledRow(**fields.model_dump())
    findings.done()
    if not rows:
        fix = "Draw one with `trajset label sample`."
        raise DataError(str(Problem(str(path), "must hold a sample", "no rows", fix)))
    return tuple(rows.values())


def read_labels(path: Path, lines: Iterable[CsvLine], reader: Reader) -> ReadLabels:
    """The labels that records hold. One without `correct` and `grounded` is not labelled yet.

    Raises:
        DataError: a value that its column cannot hold, an unknown row, a row labelled twice by one annotator,
            a design that is half there or contradicts itself.
    """
    findings = _Findings(path)
    all_lines = list(lines)
    filled = [line for line in all_lines if line.values.keys() & {"correct", "grounded"}]
    found = [(line, label) for line in filled if (label := _label(line, reader, findings)) is not None]
    _check_rows(found, reader, findings)
    _check_strata(found, findings)
    findings.done()
    return ReadLabels(tuple(label for _, label in found), len(all_lines) - len(filled))


def _label(line: CsvLine, reader: Reader, findings: _Findings) -> Label | None:
    who = {"annotator": reader.annotator} if reader.annotator else {}
    fields = findings.checked(CsvLine(line.number, line.values | who), _Label)
    if fields is None:
        return None
    at = fields.labelled_at or reader.now
    return Label(
        fields.row_id,
        fields.annotator,
        fields.correct,
        fields.grounded,
        fields.note,
        at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC),
        fields.stratum,
        fields.stratum_size,
        fields.inclusion_probability,
    )


def _check_rows(found: Sequence[tuple[CsvLine, Label]], reader: Reader, findings: _Findings) -> None:
    first: dict[tuple[str, str], int] = {}
    for line, label in found:
        if label.row_id not in reader.known:
            findings.wrong(line, "row_id", "must be the id of a row in the dataset")
        before = first.setdefault((label.row_id, label.annotator), line.number)
        if before != line.number:
            rule = f"must be labelled once by {label.annotator}, who did so on line {before} already"
            findings.wrong(line, "row_id", rule)


def _check_strata(found: Sequence[tuple[CsvLine, Label]], findings: _Findings) -> None:
    sizes: dict[tuple[str, str], int] = {}
    drawn = Counter[tuple[str, str]]()
    for line, label in found:
        design = (label.stratum, label.stratum_size, label.inclusion_probability)
        given = [value is not None for value in design]
        if any(given) and not all(given):
            rule = "must stand together with the other two of stratum, stratum_size, inclusion_probability"
            findings.wrong(line, DESIGN[given.index(False)], rule)
        if label.stratum is None or label.stratum_size is None:
            continue
        stratum = (label.annotator, label.stratum)
        drawn[stratum] += 1
        size = sizes.setdefault(stratum, label.stratum_size)
        if label.stratum_size != size:
            rule = f"must be the same for every row of the stratum, of which an earlier line says {size}"
            findings.wrong(line, "stratum_size", rule)
        elif drawn[stratum] > size:
            findings.wrong(line, "stratum_size", "must not be less than the labels of the stratum")
