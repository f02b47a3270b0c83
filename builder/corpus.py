"""Passages of a corpus: read as a stream, checked, and hashed.

The rules: title and text are texts, of which one may be empty (or null); an id is a text or an integer and
stands once in the corpus. The first record that breaks one stops the reading; nothing is skipped silently.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from .errors import DataError, Problem
from .identity import canonical_json
from .schema import Passage
from .source_files import Record
from .sources import Source, missing_column, open_source

_FIRST_CHECK = 4096


@dataclass(frozen=True, slots=True)
class PassageFields:
    """Column names. Without `id` the column `id` is used where it exists, else the position from 0."""

    title: str = "title"
    text: str = "text"
    id: str | None = None


def read_passages(source: str | Source, fields: PassageFields | None = None) -> Iterator[Passage]:
    """The passages in order. Memory: 17 bytes a passage beside what the file format needs.

    Raises:
        DataError: a record breaks a rule of the module (file and line or row named), two share an id, or
            there is none.
        HubError: the Hub cannot be reached or refuses.
    """
    opened = open_source(source) if isinstance(source, str) else source
    fields = fields or PassageFields()
    seen = array("q")
    for _, passage in each_passage(opened, fields):
        yield passage
        seen.append(hash(passage.id))
        # At every doubling, so that a wrong id column is told early and the checks stay linear in total.
        if len(seen) >= _FIRST_CHECK and len(seen).bit_count() == 1:
            _check_ids(opened, fields, seen)
    if not seen:
        fix = "Give a file that holds passages with title and text."
        raise DataError(str(Problem(opened.name, "must hold at least one passage", "an empty corpus", fix)))
    _check_ids(opened, fields, seen)


def corpus_hash(passages: Iterable[Passage]) -> str:
    """SHA-256 over id, title and text of all passages in order, 64 hex digits."""
    digest = CorpusDigest()
    for passage in passages:
        digest.add(passage)
    return digest.hexdigest()


class CorpusDigest:
    """`corpus_hash` for passages that are looked at once, on their way somewhere else."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, passage: Passage) -> None:
        """Take the next passage in."""
        self._digest.update(canonical_json([passage.id, passage.title, passage.text]))

    def hexdigest(self) -> str:
        """The hash of all so far."""
        return self._digest.hexdigest()


def each_passage(source: Source, fields: PassageFields) -> Iterator[tuple[Record, Passage]]:
    """The passages with their records, checked one by one; whether an id stands twice is not looked at.

    Raises:
        DataError: a record breaks a rule of the module.
    """
    id_field = fields.id
    for position, record in enumerate(source.records()):
        if position == 0 and id_field is None and "id" in record.values:
            id_field = "id"
        passage_id = str(position) if id_field is None else _id(record, id_field)
        yield record, _passage(record, fields, passage_id)


def _passage(record: Record, fields: PassageFields, passage_id: str) -> Passage:
    title, text = _content(record, fields.title, "title"), _content(record, fields.text, "text")
    if not (title.strip() or text.strip()):
        fix = "Remove the passage: nothing can find it."
        raise DataError(str(Problem(record.place, "must have a title or a text", record.values, fix)))
    return Passage(passage_id, title, text)


def _content(record: Record, column: str, role: str) -> str:
    if column not in record.values:
        raise missing_column(record, column, f"Name the right one with --{role}-field.")
    value = record.values[column]
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DataError(str(Problem(record.place, f"{column!r} must be a text", value, "Write a string.")))
    return value


def _id(record: Record, column: str) -> str:
    if column not in record.values:
        raise missing_column(record, column, "Name the right one with --id-field.")
    value = record.values[column]
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        fix = "Give every passage an id."
        raise DataError(str(Problem(record.place, f"{column!r} must be a text or an integer", value, fix)))
    return str(value)


def _check_ids(source: Source, fields: PassageFields, hashes: array[int]) -> None:
    """Raise for an id that stands twice. Where hashes are equal the source is read again to compare."""
    # Sorting a copy takes 8 bytes a passage; a hash table of 21 million takes gigabytes.
    values = np.array(hashes, np.int64)
    values.sort()
    if (repeated := values[1:][values[1:] == values[:-1]]).size:
        _raise_repeated(source, fields, set(repeated.tolist()))


def _raise_repeated(source: Source, fields: PassageFields, suspects: set[int]) -> None:
    first: dict[str, str] = {}
    for record, passage in each_passage(source, fields):
        if hash(passage.id) not in suspects:
            continue
        if passage.id in first:
            rule = f"the passage id must stand once in the corpus, it also stands at {first[passage.id]}"
            fix = "Name another id column with --id-field, or repair the ids."
            raise DataError(str(Problem(record.place, rule, passage.id, fix)))
        first[passage.id] = record.place
