"""The collector's memory: one SQLite file, safe against SIGKILL. Rollouts that end together are one commit.

What a power cut may lose (see `sqlite_file`) is simply made again. The file is locked while a run is on, so
two collectors cannot write into one journal. Rows are kept as JSON text (zlib would save disk but not time,
and text can be looked at with any SQLite tool).
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import Path

import orjson

from .errors import ConfigError, DataError, Problem
from .schema import Row, StopReason
from .sqlite_file import SqliteFile
from .totals import FACTS_SQL, Fact, fact_from_sql

JOURNAL_VERSION = 2
FILE_NAME = "journal.sqlite"

Settings = Mapping[str, str | int | float | None]
"""What makes a run the run it is: two runs with equal settings would make the same rows."""

_SCHEMA = (
    "CREATE TABLE meta (version INTEGER NOT NULL, settings TEXT NOT NULL, total INTEGER NOT NULL)",
    """CREATE TABLE rollouts (
        position INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL CHECK (state IN ('done', 'broken')),
        attempts INTEGER NOT NULL,
        stop_reason TEXT NOT NULL,
        record TEXT NOT NULL
    )""",
)

_UNDO = ("DROP TABLE meta", "DROP TABLE rollouts")

_RECORD = """
    INSERT INTO rollouts VALUES (?, ?, ?, 1, ?, ?)
    ON CONFLICT (id) DO UPDATE SET
        state = excluded.state, stop_reason = excluded.stop_reason, record = excluded.record,
        attempts = attempts + 1
    WHERE state = 'broken'
"""


Placed = tuple[int, Row]
"""A row with its position: they count in question order, then by sample index."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a journal holds. `prefix` is how many rollouts are finished before the first unfinished one."""

    total: int
    counts: Mapping[StopReason, int]
    prefix: int

    @property
    def finished(self) -> int:
        """Rollouts with a row, broken ones included."""
        return sum(self.counts.values())

    @property
    def broken(self) -> int:
        """Rollouts that infrastructure broke."""
        return self.counts.get(StopReason.INFRASTRUCTURE, 0)


class Journal:
    """An open journal. Use it as a context manager; it is not thread-safe."""

    def __init__(self, file: SqliteFile, connection: sqlite3.Connection) -> None:
        self._file, self._db = file, connection

    @classmethod
    def begin(cls, path: Path, settings: Settings, total: int) -> Journal:
        """A new journal, for `total` rollouts. One in which no rollout has ended is begun anew.

        Raises:
            ConfigError: there is one with rollouts already.
            StorageError: the disk refuses, or another process writes to it.
        """
        journal = cls._open(path)
        begun = journal._settings() is not None
        if begun and journal._holds_rollouts():
            journal.close()
            fix = "Go on with that run through --resume, or name another --out."
            raise ConfigError(str(Problem("out", "must not hold a journal yet", str(path), fix)))
        with journal._guarded(), journal._db:
            journal._db.execute("BEGIN")
            for statement in (*(_UNDO if begun else ()), *_SCHEMA):
                journal._db.execute(statement)
            meta = (JOURNAL_VERSION, orjson.dumps(dict(settings)).decode(), total)
            journal._db.execute("INSERT INTO meta VALUES (?, ?, ?)", meta)
        return journal

    @classmethod
    def resume(cls, path: Path, settings: Settings, total: int) -> Journal:
        """The journal of an earlier run with equal settings; a new one where there is none.

        Raises:
            ConfigError: the earlier run had other settings; the message names them.
            DataError: the file is no journal, or one of another version.
            StorageError: the disk refuses, or another process writes to it.
        """
        journal = cls._open(path)
        earlier = journal._settings()
        if earlier is None:
            journal.close()
            return cls.begin(path, settings, total)
        try:
            _check_same(earlier, settings)
        except ConfigError:
            journal.close()
            raise
        return journal

    @classmethod
    def look(cls, path: Path, settings: Settings | None = None) -> Journal:
        """An existing journal, for reading; begun with these settings, where they are given.

        Raises:
            ConfigError: it was begun with other settings; the message names them.
            DataError: there is none, or it is no journal of this version.
            StorageError: another process writes to it.
        """
        if not path.exists():
            fix = "Run `trajset collect` first, or name the folder it wrote to."
            raise DataError(str(Problem("out", "must hold a journal", str(path), fix)))
        journal = cls._open(path)
        earlier = journal._settings()
        try:
            if earlier is None:
                fix = "Start one without --resume."
                raise DataError(str(Problem("journal", "must hold a run", str(path), fix)))
            if settings is not None:
                _check_same(earlier, settings)
        except (ConfigError, DataError):
            journal.close()
            raise
        return journal

    @classmethod
    def _open(cls, path: Path) -> Journal:
        file = SqliteFile(path, "journal", "out", "go on with --resume")
        return cls(file, file.open())

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let others at it."""
        with self._guarded():
            self._db.close()

    def done(self) -> set[str]:
        """Ids of the rollouts that need no other attempt."""
        with self._guarded():
            return {row_id for (row_id,) in self._db.execute("SELECT id FROM rollouts WHERE state = 'done'")}

    def record(self, rows: Iterable[Placed]) -> None:
        """Commit finished rollouts, all or none. A broken one may be replaced later; a finished one never is.

        Raises:
            StorageError: the disk is full or not writable; what was committed before stays.
        """
        values = [_values(position, row) for position, row in rows]
        with self._guarded(), self._db:
            self._db.execute("BEGIN")
            self._db.executemany(_RECORD, values)

    def progress(self) -> Progress:
        """Counts by stop reason, and the length of the finished prefix."""
        with self._guarded():
            (total,) = self._db.execute("SELECT total FROM meta").fetchone()
            ended = self._db.execute("SELECT position, stop_reason FROM rollouts ORDER BY 1").fetchall()
        prefix = sum(1 for _ in _leading(position for position, _ in ended))
        counts = Counter(reason for _, reason in ended)
        return Progress(total, {StopReason(reason): n for reason, n in counts.items()}, prefix)

    def rows(self, below: int) -> Iterator[Row]:
        """The rows at positions under `below`, in question order, then by sample index."""
        query = "SELECT record FROM rollouts WHERE position < ? ORDER BY position"
        with self._guarded():
            for (record,) in self._db.execute(query, (below,)):
                yield _row(record)

    def facts(self) -> Iterator[Fact]:
        """What is counted of each row, in the order in which they were committed."""
        with self._guarded():
            for values in self._db.execute(FACTS_SQL):
                yield fact_from_sql(values)

    def entries(self) -> Iterator[tuple[int, Row]]:
        """All rows with their positions, in order."""
        with self._guarded():
            for position, record in self._db.execute("SELECT position, record FROM rollouts ORDER BY 1"):
                yield position, _row(record)

    def _settings(self) -> dict[str, object] | None:
        with self._guarded():
            if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
                return None
            version, settings = self._db.execute("SELECT version, settings FROM meta").fetchone()
        if version != JOURNAL_VERSION:
            fix = "Finish it with the trajset that began it, or name another --out."
            raise DataError(str(Problem("journal", f"must be of version {JOURNAL_VERSION}", version, fix)))
        return orjson.loads(settings)

    def _holds_rollouts(self) -> bool:
        with self._guarded():
            return self._db.execute("SELECT 1 FROM rollouts LIMIT 1").fetchone() is not None

    def _guarded(self) -> AbstractContextManager[None]:
        return self._file.guarded()


def _values(position: int, row: Row) -> tuple[int, str, str, StopReason, str]:
    """What `_RECORD` takes."""
    reason = row.outcome.stop_reason
    state = "broken" if reason is StopReason.INFRASTRUCTURE else "done"
    return position, row.id, state, reason, orjson.dumps(row.to_record()).decode()


def _check_same(earlier: Mapping[str, object], now: Settings) -> None:
    keys = sorted(earlier.keys() | now.keys())
    changed = [key for key in keys if earlier.get(key) != now.get(key)]
    if changed:
        rule = "must be resumed with the settings it was begun with"
        got = ", ".join(f"{key}={now.get(key)!r} (begun with {earlier.get(key)!r})" for key in changed)
        options = dict.fromkeys(option for key in changed for option in _options(key))
        fix = f"Set back what decides it ({', '.join(options)}), or name another --out."
        raise ConfigError(f"journal: {rule}; got {got}. {fix}")


def _options(setting: str) -> tuple[str, ...]:
    """The options that may have changed a setting."""
    name = f"--{setting.replace('_', '-')}"
    return _DECIDED_BY.get(setting, (name, "--family") if setting in _OF_FAMILY else (name,))


_OF_FAMILY = frozenset({"temperature", "top_p", "top_k", "thinking"})
_DECIDED_BY = {
    "questions": ("--questions", "--limit", "--seed", "--question-field and its like"),
    "teacher_revision": ("--teacher", "--teacher-revision", "--world and the simulated teacher's knobs"),
    "prompt": ("--policy", "--grammar", "--force-answer", "--family"),
    "retriever": (
        "--index",
        "--noise",
        "--noise-seed",
        "--search-failures",
        "--search-latency",
        "--fusion-*",
    ),
    "corpus": ("--index",),
    "fitted_to": ("--family",),
    "summariser": ("--summariser and its like", "the teacher's sampling"),
}
"""Options behind a setting that has another name."""


def _leading(positions: Iterable[int]) -> Iterator[int]:
    """The positions up to the first gap, counted from 0."""
    return (position for _, position in takewhile(lambda pair: pair[0] == pair[1], enumerate(positions)))


def _row(record: str) -> Row:
    values = orjson.loads(record)
    return Row.from_record(values | {"created_at": datetime.fromisoformat(values["created_at"])})
