"""Where questions and passages come from: a file, a folder of files, or a dataset on the Hub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Protocol

from .corpus_folder import corpus_files
from .errors import DataError, Problem, did_you_mean
from .identity import content_hash, file_hash
from .source_files import FILE_KINDS, Record, is_record_file, read_record_file
from .source_hub import HUB_FORM, HUB_PREFIX, open_hub_source

SOURCE_FORM = f"a file ({FILE_KINDS}), a folder of such files, or {HUB_FORM}"


class Source(Protocol):
    """A named sequence of records that can be read again and again."""

    @property
    def name(self) -> str:
        """A short name for rows and messages."""
        ...

    def fingerprint(self) -> str:
        """A hash that changes when the records may have changed, 64 hex digits; cheap beside indexing."""
        ...

    def records(self) -> Iterator[Record]:
        """All records, in an order that is the same every time."""
        ...


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file, all readable files of a folder and its sub-folders in the order of their names, or the
    shards of a corpus folder."""

    path: Path
    files: tuple[Path, ...]

    @property
    def name(self) -> str:
        """The file's or folder's name without endings."""
        return self.path.resolve().name.split(".")[0]

    def fingerprint(self) -> str:
        """A hash over the files' names (within the folder) and contents."""
        return content_hash([[_inside(self.path, file), file_hash(file)] for file in self.files], 64)

    def records(self) -> Iterator[Record]:
        """The records of all files.

        Raises:
            DataError: a file cannot be read; the message names the line or row.
        """
        return chain.from_iterable(map(read_record_file, self.files))


def open_source(text: str) -> Source:
    """The source that a path or a Hub reference names.

    Raises:
        DataError: nothing there, a file of an unknown kind, or a folder without a readable file.
        HubError: the Hub cannot be reached or refuses.
    """
    if text.startswith(HUB_PREFIX):
        return open_hub_source(text)
    path = Path(text)
    if not path.exists():
        raise _problem("must exist", text, f"Give {SOURCE_FORM}.")
    files = _files(path)
    if not files:
        raise _problem("must hold a file to read", text, f"Give {SOURCE_FORM}.")
    return FileSource(path, files)


def _files(path: Path) -> tuple[Path, ...]:
    if not path.is_dir():
        return (path,)
    if (listed := corpus_files(path)) is not None:
        return listed
    found = (file for file in path.rglob("*") if file.is_file() and is_record_file(file))
    return tuple(sorted(file for file in found if not _hidden(path, file)))


def _hidden(folder: Path, file: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def _inside(folder: Path, file: Path) -> str:
    return file.name if file == folder else file.relative_to(folder).as_posix()


def _problem(rule: str, value: object, fix: str) -> DataError:
    return DataError(str(Problem("source", rule, value, fix)))


def missing_column(record: Record, wanted: str, fix: str) -> DataError:
    """The error for a record without a column: the nearest name, then all that exist."""
    listing = did_you_mean(wanted, map(str, record.values))
    return DataError(
        str(
            Problem(
                record.place, f"must have the column {wanted!r}", sorted(record.values), f"{listing} {fix}"
            )
        )
    )
