"""A SQLite file of ours: opened for one process at a time, safe against SIGKILL, its errors worded as ours.

WAL mode with `synchronous=NORMAL`: a killed process loses nothing that was committed; a machine that loses
power may lose the last commits, never the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .errors import DataError, Problem, StorageError


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """Where the file is, what messages call it, the option that names its place, and how to go on with it."""

    path: Path
    noun: str
    option: str
    go_on: str

    def open(self) -> sqlite3.Connection:
        """Open or make the file; it is locked until the connection is closed. Every statement commits.

        Raises:
            DataError: it is no SQLite file.
            StorageError: the disk refuses, or another process has it open.
        """
        with self.guarded():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self.path, isolation_level=None, timeout=1.0)
            for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=NORMAL"):
                db.execute(f"PRAGMA {pragma}")
            db.execute("BEGIN EXCLUSIVE")
            db.execute("COMMIT")
        return db

    @contextmanager
    def guarded(self) -> Generator[None]:
        """SQLite's and the system's errors as ours."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname == "SQLITE_ERROR":
                raise self._alien(error) from error
            raise self._refused(error) from error
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorname not in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
                raise
            raise self._alien(error) from error
        except OSError as error:
            fix = f"Name another --{self.option}, or mend its rights."
            rule = f"must be writable ({error})"
            raise StorageError(str(Problem(self.option, rule, str(self.path), fix))) from error

    def _refused(self, error: sqlite3.OperationalError) -> StorageError:
        if error.sqlite_errorname == "SQLITE_FULL":
            fix = f"Make room and {self.go_on}; what is in the {self.noun} stays."
        elif error.sqlite_errorname.startswith("SQLITE_BUSY"):
            fix = f"Another trajset works on this {self.noun}: wait for it, or name another --{self.option}."
        else:
            fix = f"Check the disk and its rights, then {self.go_on}."
        return StorageError(str(Problem(self.noun, f"must be writable ({error})", str(self.path), fix)))

    def _alien(self, error: sqlite3.Error) -> DataError:
        fix = f"Move the file away, or name another --{self.option}."
        rule = f"must be a {self.noun} of trajset ({error})"
        return DataError(str(Problem(self.noun, rule, str(self.path), fix)))
