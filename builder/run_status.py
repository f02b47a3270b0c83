"""How far a run is, for anybody who looks at its folder, also while it goes on.

A run holds its journal to itself (SQLite's exclusive mode, which works on file systems without shared
memory), so nobody can read the journal meanwhile. It writes `progress.json` beside it every few seconds
instead, which can also be read from another machine. When that says that the run is over it holds; when it
has fallen silent and the journal is free, the run was killed, and the journal itself is read, without write
access and without its lock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import orjson
from pydantic import TypeAdapter, ValidationError

from .errors import DataError, Problem, StorageError
from .journal import FILE_NAME as JOURNAL
from .journal import JOURNAL_VERSION
from .schema import StopReason
from .shards import write_file
from .totals import FACTS_SQL, Totals, fact_from_sql

FILE_NAME = "progress.json"
SILENT_S = 20.0
"""A run that goes on writes its progress several times in this time."""

State = Literal["running", "silent", "stopped", "complete"]
"""`silent`: it holds its journal and does not report (suspended, or on a machine that is overloaded).
`complete`: every rollout has a row. `stopped`: it is over, or was killed, before that."""


@dataclass(frozen=True, slots=True)
class Failures:
    """Errors of one kind: the rows that they broke, the last one's text, when (Unix seconds)."""

    kind: str
    count: int
    last: str
    at: float


@dataclass(frozen=True, slots=True)
class RunStatus:
    """How far a run is. Times are Unix seconds, rates rows a second; None is unknown.

    `done` are rows that need no other attempt, `failed` those that infrastructure broke, `left` those without
    a row. F1 is the mean of the `scored` rows, `searches` of the done ones. `rate` is over all sessions,
    `recent_rate` over the last minutes. `server` says what a server of ours is doing when it does not answer.
    """

    state: State
    total: int
    done: int
    failed: int
    left: int
    at: float
    reasons: Mapping[StopReason, int] = field(default_factory=dict[StopReason, int])
    f1: float | None = None
    scored: int = 0
    searches: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    rate: float | None = None
    recent_rate: float | None = None
    last_row_at: float | None = None
    ends_at: float | None = None
    under_way: int | None = None
    server: str | None = None
    errors: tuple[Failures, ...] = ()


_STATUS: TypeAdapter[RunStatus] = TypeAdapter(RunStatus)


def status_json(status: RunStatus) -> bytes:
    """A status as one JSON object, with the names of its fields."""
    return orjson.dumps(status, option=orjson.OPT_NON_STR_KEYS)


def status_of(totals: Totals, total: int, state: State, at: float) -> RunStatus:
    """The status that totals give."""
    done = totals.finished - totals.failed
    return RunStatus(
        state=state,
        total=total,
        done=done,
        failed=totals.failed,
        left=total - totals.finished,
        at=at,
        reasons={reason: count for reason, count in totals.reasons.most_common() if count},
        f1=totals.f1 / totals.scored if totals.scored else None,
        scored=totals.scored,
        searches=totals.searches / done if done else None,
        prompt_tokens=totals.prompt_tokens,
        completion_tokens=totals.completion_tokens,
        rate=totals.rate,
        last_row_at=totals.last_at,
        errors=_failures(totals),
    )


def _failures(totals: Totals) -> tuple[Failures, ...]:
    found = [Failures(name, kind.count, kind.last, kind.at) for name, kind in totals.errors.items()]
    return tuple(sorted(found, key=lambda failures: -failures.at))


def write_status(folder: Path, status: RunStatus) -> None:
    """Put a status where `read_status` finds it.

    Raises:
        StorageError: the disk refuses.
    """
    write_file(folder / FILE_NAME, status_json(status))


def read_status(folder: Path, now: float) -> RunStatus:
    """How far the run in a folder is.

    Raises:
        DataError: there is no run, or none of this version.
        StorageError: the run goes on and does not say how far it is.
    """
    journal = folder / JOURNAL
    if not journal.is_file():
        fix = "Name the folder given to `trajset collect --out`."
        raise DataError(str(Problem("run", "must hold a journal", str(folder), fix)))
    said = _said(folder)
    if said is not None and (said.state != "running" or now - said.at < SILENT_S):
        return said
    rested = _journal_status(journal, now)
    if rested is not None:
        return rested
    if said is None:
        fix = "Look again in a moment; a run of an older trajset says nothing."
        raise StorageError(str(Problem("run", "must say how far it is", str(folder), fix)))
    return replace(said, state="silent")


def _said(folder: Path) -> RunStatus | None:
    try:
        return _STATUS.validate_json((folder / FILE_NAME).read_bytes())
    except (OSError, ValidationError):
        return None


def _journal_status(path: Path, now: float) -> RunStatus | None:
    """What a journal at rest gives; None while a run holds it."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=1.0)) as db:
            version, total = db.execute("SELECT version, total FROM meta").fetchone()
            _check_version(version)
            totals = Totals()
            for values in db.execute(FACTS_SQL):
                totals.add(fact_from_sql(values))
    except sqlite3.Error as error:
        if error.sqlite_errorname.startswith("SQLITE_BUSY"):
            return None
        fix = "Name the folder given to `trajset collect --out`."
        rule = f"must hold a journal of trajset ({error})"
        raise DataError(str(Problem("run", rule, str(path), fix))) from error
    complete = totals.finished == total
    return status_of(totals, total, "complete" if complete else "stopped", now)


def _check_version(version: int) -> None:
    if version != JOURNAL_VERSION:
        fix = "Look at it with the trajset that began it."
        raise DataError(str(Problem("journal", f"must be of version {JOURNAL_VERSION}", version, fix)))
