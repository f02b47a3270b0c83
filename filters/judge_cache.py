"""The judges' memory: every reply that was paid for, by the content of its request.

One SQLite file, one commit per reply the moment it is there: after a SIGKILL the same command asks nothing
twice but what was under way, and what was spent is still known. A request is named by a hash of model,
revision, messages, sampling and schema, so equal rows share a reply, and any change of these asks anew.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ..builder.chat.model import Completion, FinishReason
from ..builder.errors import DataError, Problem
from ..builder.schema import Message
from ..builder.sealed import seal_text, unseal_text
from ..builder.sqlite_file import SqliteFile

FILE_NAME = "judge.sqlite"
CACHE_VERSION = 1

_SCHEMA = """
    CREATE TABLE replies (
        key TEXT PRIMARY KEY,
        content TEXT,
        finish_reason TEXT,
        prompt_tokens INTEGER,
        completion_tokens INTEGER,
        latency_s REAL,
        paid_prompt_tokens INTEGER NOT NULL,
        paid_completion_tokens INTEGER NOT NULL,
        unmetered INTEGER NOT NULL
    ) WITHOUT ROWID
"""
_PUT = """
    INSERT INTO replies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET
        content = excluded.content, finish_reason = excluded.finish_reason,
        prompt_tokens = excluded.prompt_tokens, completion_tokens = excluded.completion_tokens,
        latency_s = excluded.latency_s,
        paid_prompt_tokens = paid_prompt_tokens + excluded.paid_prompt_tokens,
        paid_completion_tokens = paid_completion_tokens + excluded.paid_completion_tokens,
        unmetered = unmetered + excluded.unmetered
    WHERE content IS NULL
"""


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens that were paid for; `unmetered` replies came without a count of theirs."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    unmetered: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.unmetered + other.unmetered,
        )

    @classmethod
    def of(cls, prompt_tokens: int | None, completion_tokens: int | None) -> Spent:
        """What one reply says of itself."""
        if prompt_tokens is None or completion_tokens is None:
            return cls(unmetered=1)
        return cls(prompt_tokens, completion_tokens)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one request: its reply, where one could be read, and all that was paid for it."""

    completion: Completion | None
    spent: Spent


class ReplyCache:
    """An open cache. Use it as a context manager; one process at a time has it."""

    def __init__(self, file: SqliteFile, connection: sqlite3.Connection, canary: str | None = None) -> None:
        self._file, self._db, self._canary = file, connection, canary

    @classmethod
    def open(cls, folder: Path, canary: str | None = None) -> ReplyCache:
        """The cache in a folder, made where there is none. With a canary, replies are sealed with it.

        Raises:
            DataError: the file there is no cache of this version.
            StorageError: the disk refuses, or another process has it open.
        """
        file = SqliteFile(folder / FILE_NAME, "judge cache", "cache", "run the same command again")
        cache = cls(file, file.open(), canary)
        try:
            cache._prepare()
        except DataError:
            cache.close()
            raise
        return cache

    def __enter__(self) -> ReplyCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let others at it."""
        with self._file.guarded():
            self._db.close()

    def get(self, key: str) -> Entry | None:
        """What is known of a request; None where it was never answered."""
        with self._file.guarded():
            row = self._db.execute("SELECT * FROM replies WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        key, content, *rest = row
        return _entry(key, unseal_text(content) if self._canary and content else content, *rest)

    def put(self, key: str, completion: Completion) -> Spent:
        """Commit a reply; what it cost.

        Raises:
            StorageError: the disk is full or not writable.
        """
        spent = Spent.of(completion.prompt_tokens, completion.completion_tokens)
        text = completion.message.content
        content = (seal_text(text, self._canary) if self._canary else text, completion.finish_reason)
        counts = (completion.prompt_tokens, completion.completion_tokens, completion.latency_s)
        self._write(key, (*content, *counts), spent)
        return spent

    def waste(self, key: str, prompt_tokens: int | None, completion_tokens: int | None) -> Spent:
        """Commit that a reply was paid for and could not be read, so that it has to be asked for again."""
        spent = Spent.of(prompt_tokens, completion_tokens)
        self._write(key, (None,) * 5, spent)
        return spent

    def _write(self, key: str, values: tuple[object, ...], spent: Spent) -> None:
        paid = (spent.prompt_tokens, spent.completion_tokens, spent.unmetered)
        with self._file.guarded():
            self._db.execute(_PUT, (key, *values, *paid))

    def _prepare(self) -> None:
        with self._file.guarded():
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                self._db.execute(_SCHEMA)
                self._db.execute(f"PRAGMA user_version = {CACHE_VERSION}")
        if version not in (0, CACHE_VERSION):
            fix = "Finish with the trajset that began it, or name another --cache."
            raise DataError(str(Problem("judge cache", f"must be of version {CACHE_VERSION}", version, fix)))


def _entry(_key: str, *values: object) -> Entry:
    content, finish, prompt_tokens, completion_tokens, latency_s, *paid = values
    spent = Spent(*cast("list[int]", paid))
    if content is None:
        return Entry(None, spent)
    completion = Completion(
        Message("assistant", str(content)),
        cast("FinishReason", finish),
        cast("int | None", prompt_tokens),
        cast("int | None", completion_tokens),
        cast("float", latency_s),
    )
    return Entry(completion, spent)
