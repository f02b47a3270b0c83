"""What an annotator has answered, on disk the moment it is given: one JSON line an answer, never rewritten.

The journal lies in the dataset's own folder for this copy (`.trajset/`, never published), one file an
annotator. A killed process loses nothing; a line that a crash cut short is skipped. The labels table is
brought up to date from it (`pending`) when a session ends and when the next one begins. It is kept after
that: should the table be lost or written anew, the answers come back.
"""

from __future__ import annotations

import os
from collections.abc import Container, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from ..builder.errors import Problem, StorageError
from ..builder.identity import text_hash
from ..builder.schema import Label
from ..builder.shards import storage
from ..builder.upstream import OWN_FOLDER

Key = tuple[str, str]
"""A row's id and an annotator: at most one label."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: a label, or None where the annotator was not sure; that takes an earlier label back."""

    row_id: str
    annotator: str
    at: datetime
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What to do to a table of labels: add or replace some, take others away."""

    labels: tuple[Label, ...] = ()
    withdrawn: frozenset[Key] = frozenset()


_ADAPTER = TypeAdapter(Entry)


@dataclass(frozen=True, slots=True)
class LabelJournal:
    """The answers of one annotator over one dataset."""

    path: Path

    @classmethod
    def of(cls, dataset: Path, annotator: str) -> LabelJournal:
        """The journal of that annotator; its file need not exist yet."""
        return cls(dataset / OWN_FOLDER / f"labels-{text_hash(annotator, 12)}.jsonl")

    def record(self, entry: Entry) -> None:
        """Append a line and see it to the disk.

        Raises:
            StorageError: the disk is full or not writable; what stands there already stays.
        """
        with storage(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                # A line that a crash cut short is closed first, so that it spoils no other.
                file.write(b"\n" + _ADAPTER.dump_json(entry) + b"\n")
                file.flush()
                os.fsync(file.fileno())

    def entries(self) -> Iterator[Entry]:
        """What stands there, oldest first."""
        if not self.path.is_file():
            return
        for line in self.path.read_bytes().split(b"\n"):
            try:
                entry = _ADAPTER.validate_json(line)
            except ValidationError:
                continue
            yield entry

    def skipped(self) -> set[str]:
        """Rows of which the last word was that the annotator is not sure."""
        last = {entry.row_id: entry for entry in self.entries()}
        return {row_id for row_id, entry in last.items() if entry.label is None}

    @contextmanager
    def in_session(self) -> Generator[None]:
        """Hold the journal against a second session of the same annotator.

        Raises:
            StorageError: there is one already.
        """
        with held(self.path.with_suffix(".lock"), 0.0):
            yield


def journals(dataset: Path) -> list[LabelJournal]:
    """The journals of all annotators of a dataset."""
    return [LabelJournal(path) for path in sorted((dataset / OWN_FOLDER).glob("labels-*.jsonl"))]


def pending(entries: Iterable[Entry], table: Iterable[Label], known: Container[str]) -> Changes:
    """What the table lacks of a journal's last words. It has the say where it is as new.

    Rows that the dataset does not hold (any more) are passed over.
    """
    times = {(label.row_id, label.annotator): label.labelled_at for label in table}
    last = {(entry.row_id, entry.annotator): entry for entry in entries if entry.row_id in known}
    newer = {key: entry for key, entry in last.items() if key not in times or entry.at > times[key]}
    labels = tuple(entry.label for entry in newer.values() if entry.label is not None)
    return Changes(
        labels, frozenset(key for key, entry in newer.items() if entry.label is None and key in times)
    )


@contextmanager
def held(path: Path, wait_s: float) -> Generator[None]:
    """Hold a lock file; the system lets go of it when the process ends, however it ends.

    Raises:
        StorageError: another process holds it after `wait_s` seconds, or the disk is not writable.
    """
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    with storage(path):
        try:
            lock.acquire(timeout=wait_s)
        except Timeout as error:
            rule = "must not be in use by another `trajset label`"
            fix = "End the other session, or wait until it is done."
            raise StorageError(str(Problem("labels", rule, str(path), fix))) from error
    try:
        yield
    finally:
        lock.release()
