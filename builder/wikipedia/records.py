"""Articles or passages out of records (Hub, JSONL, TSV, Parquet): which of the two, and in batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from ..corpus import PassageFields, each_passage
from ..errors import ConfigError, DataError, Problem
from ..schema import JsonObject, Passage
from ..source_files import Record
from ..sources import Source

RecordKind = Literal["articles", "passages"]

_CONTENTS = "contents"
_DPR_COLUMNS = ["id", "text", "title"]


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Consecutive records of a source; `place` says where the first stood."""

    place: str
    kind: RecordKind
    items: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class TitleInContents:
    """A source whose records hold title and text in one column, `"Title"\\ntext`, as those of wiki-18 do."""

    source: Source

    @property
    def name(self) -> str:
        """The source's."""
        return self.source.name

    def fingerprint(self) -> str:
        """The source's."""
        return self.source.fingerprint()

    def records(self) -> Iterator[Record]:
        """Records with the columns id (where there is one), title and text.

        Raises:
            DataError: `contents` is no text.
        """
        for record in self.source.records():
            yield Record(record.place, _parted(record))


def _parted(record: Record) -> JsonObject:
    contents = record.values.get(_CONTENTS)
    if not isinstance(contents, str):
        rule = f"{_CONTENTS!r} must be a text"
        raise DataError(str(Problem(record.place, rule, contents, 'Write "Title"\\ntext.')))
    title, _, text = contents.partition("\n")
    return {**record.values, "title": title.strip().strip('"'), "text": text}


def first_record(source: Source) -> Record:
    """Raises:
    DataError: the source is empty.
    """
    records = source.records()
    first = next(records, None)
    if first is None:
        fix = "Give a source with articles or passages."
        raise DataError(str(Problem(source.name, "must hold at least one record", "none", fix)))
    return first


def kind_of(first: Record) -> RecordKind:
    """What records with such columns are: passages in `contents` (wiki-18, Search-R1) or in the columns id,
    text, title in this order (the DPR passages); articles where there is a `url` (wikimedia/wikipedia).

    Raises:
        ConfigError: the columns do not tell.
    """
    columns = list(first.values)
    if _CONTENTS in columns or columns == _DPR_COLUMNS:
        return "passages"
    if "url" in columns:
        return "articles"
    fix = "Say --kind articles (to be cut into passages) or --kind passages (kept as they are)."
    raise ConfigError(
        str(Problem("--kind", f"must be named, the columns of {first.place} do not tell", columns, fix))
    )


def readable(source: Source, first: Record) -> Source:
    """The source with title and text in columns of their own."""
    both = "title" in first.values and "text" in first.values
    return TitleInContents(source) if _CONTENTS in first.values and not both else source


@dataclass(frozen=True, slots=True)
class Part:
    """How much of a source to read: no more than `limit` records, in batches of about `size` characters."""

    limit: int | None = None
    size: int = 16 << 20


def batches(source: Source, kind: RecordKind, fields: PassageFields, part: Part) -> Iterator[RecordBatch]:
    """The records in batches, in order; the same batches every time.

    Raises:
        DataError: a record breaks a rule of `corpus`, with its place.
        HubError: the Hub cannot be reached or refuses.
    """
    place, items, characters = "", list[Passage](), 0
    for record, item in islice(each_passage(source, fields), part.limit):
        place = place or record.place
        items.append(item)
        characters += len(item.title) + len(item.text)
        if characters >= part.size:
            yield RecordBatch(place, kind, tuple(items))
            place, items, characters = "", [], 0
    if items:
        yield RecordBatch(place, kind, tuple(items))
