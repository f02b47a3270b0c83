"""What the sandbox's two processes say to each other: a request in, then rows and one status line out.

This module needs the standard library only: a query that is refused never waits for pyarrow.
The request is one line of JSON on the worker's standard input, which then stays open: when it closes, the
parent is gone and the worker ends. The result is an Arrow IPC stream on standard output, the status one line
of JSON on standard error, written last. Nothing is pickled.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

GRACE = 2.0
"""Seconds between the polite end of a query (interrupt) and the hard one (SIGALRM)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a query may use."""

    memory: int = 4_000_000_000
    """Bytes of memory; its result may not be larger, either."""
    seconds: float = 60.0
    """Seconds until it is ended."""
    rows: int | None = None
    """Rows returned; None for all."""


DEFAULT = Limits()


@dataclass(frozen=True, slots=True)
class Relation:
    """A table by name: Parquet files; without files an empty table of `schema` (Arrow IPC in base64)."""

    name: str
    files: tuple[str, ...] = ()
    schema: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """One query over the relations."""

    sql: str
    relations: tuple[Relation, ...]
    limits: Limits

    def to_line(self) -> bytes:
        """One line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Request:
        """The inverse of `to_line`."""
        record: dict[str, Any] = json.loads(line)
        relations = tuple(
            Relation(entry["name"], tuple(entry["files"]), entry["schema"]) for entry in record["relations"]
        )
        return cls(record["sql"], relations, Limits(**record["limits"]))


class Ending(StrEnum):
    """How a query ended."""

    DONE = "done"
    """All rows are out, or as many as were asked for."""
    REFUSED = "refused"
    """It is not a query that only reads the relations."""
    FAILED = "failed"
    """DuckDB says what is wrong with it."""
    TIME = "time"
    """It ran out of time."""
    MEMORY = "memory"
    """It ran out of memory."""
    SIZE = "size"
    """Its result is larger than the memory it may use."""
    CRASH = "crash"
    """It broke the engine."""
    DATA = "data"
    """A file of the dataset cannot be read."""


@dataclass(frozen=True, slots=True)
class Status:
    """The ending, what there is to say about it, and whether there are rows beyond `Limits.rows`."""

    ending: Ending
    message: str = ""
    more: bool = False

    def to_line(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Status | None:
        """The inverse of `to_line`; None for any other line."""
        try:
            record = json.loads(line)
            return cls(Ending(record["ending"]), str(record["message"]), bool(record["more"]))
        except (ValueError, TypeError, KeyError):
            return None


class TooLargeError(Exception):
    """The result outgrew the memory that the query may use."""
