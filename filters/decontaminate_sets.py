"""Evaluation sets to compare with: any list of questions in a file or on the Hub, under a name."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..builder.errors import DataError, Problem
from ..builder.identity import content_hash
from ..builder.question_fields import find
from ..builder.question_sources import public_sets, reading_of
from ..builder.source_config import QuestionFields
from ..builder.source_files import Record
from ..builder.source_hub import HUB_PREFIX, HubSource
from ..builder.sources import missing_column

COLUMNS = ("question", "query", "problem", "Question", "input", "prompt")
"""Where a record keeps its question; the first that is there counts."""

_NAME = re.compile(r"[\w.+-]+")
_NAMED = re.compile(r"(?P<name>[\w.+-]+)=(?P<source>.+)", re.DOTALL)
_TEXT = (".txt", ".txt.gz")


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """A named list of questions, repeats left out. `source` is fit to be published: a file's name, or the
    Hub reference at its commit. `hash` is over the questions in order."""

    name: str
    source: str
    questions: tuple[str, ...]

    @property
    def hash(self) -> str:
        """16 hex digits over the questions."""
        return content_hash(self.questions)


def read_sets(references: Sequence[str]) -> tuple[EvaluationSet, ...]:
    """Read `FILE`, a public set, `hf:REPO[@REVISION][:SPLIT]` or `NAME=` any of them, else named by itself.

    Answers are not needed and not read. A `.txt` file holds one question a line.

    Raises:
        DataError: nothing there, no question column or no question, or two sets of one name.
        HubError: the Hub cannot be reached or refuses.
    """
    sets = tuple(_read(reference) for reference in references)
    names = [entry.name for entry in sets]
    for name in names:
        if names.count(name) > 1:
            fix = "Name one of them otherwise, as in --against test=FILE."
            raise DataError(str(Problem("--against", "must be sets with names of their own", name, fix)))
    return sets


def _read(reference: str) -> EvaluationSet:
    match = None if Path(reference).exists() else _NAMED.fullmatch(reference)
    given, place = (match["name"], match["source"]) if match else (None, reference)
    if given in public_sets() and public_sets()[given].cipher:
        place = reference  # a copy of an encrypted set, to be read as such
    name, source, questions = _text_file(Path(place)) if place.endswith(_TEXT) else _records(place)
    distinct = tuple(dict.fromkeys(question for question in questions if question.strip()))
    if not distinct:
        fix = "Give a file with questions."
        raise DataError(str(Problem(place, "must hold at least one question", "none", fix)))
    return EvaluationSet(given or _fit(name), source, distinct)


def _fit(name: str) -> str:
    """A file's name as the name of a set: what cannot stand in one becomes `_`."""
    return name if _NAME.fullmatch(name) else re.sub(r"[^\w.+-]+", "_", name)


def _text_file(path: Path) -> tuple[str, str, list[str]]:
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        return path.name.split(".")[0], path.name, data.decode("utf-8-sig").splitlines()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        fix = "Check the path; the text must be UTF-8."
        raise DataError(
            str(Problem(str(path), f"must be a readable text file ({error})", path, fix))
        ) from error


def _records(place: str) -> tuple[str, str, Iterator[str]]:
    reading = reading_of(place, QuestionFields())
    opened, path = reading.open(), reading.fields.question_field
    published = (
        f"{HUB_PREFIX}{opened.repo}@{opened.commit}:{opened.split}"
        if isinstance(opened, HubSource)
        else Path(place).name
    )
    return (
        reading.dataset or opened.name,
        published,
        (_question(one, path) for one in reading.records(opened)),
    )


def _question(record: Record, path: str | None) -> str:
    column = path or next((name for name in COLUMNS if name in record.values), None)
    if column is None:
        raise missing_column(record, "question", "Rename the column that holds the question.")
    value = find(record, column, "question-field")
    if not isinstance(value, str):
        problem = Problem(
            record.place, f"{column!r} must be a text", value, "Write the question as a string."
        )
        raise DataError(str(problem))
    return value
