"""The judges' cache: replies by key, what they cost, a lock, a file that is something else."""

import sqlite3
from pathlib import Path

import pytest
from trajset.builder.chat.model import Completion
from trajset.builder.errors import DataError, StorageError
from trajset.builder.schema import Message
from trajset.filters.judge_cache import FILE_NAME, Entry, ReplyCache, Spent

REPLY = Completion(Message("assistant", '{"verdict": "correct"}'), "stop", 100, 20, 1.5)


def test_a_reply_comes_back_as_it_was(tmp_path: Path):
    with ReplyCache.open(tmp_path) as cache:
        assert cache.get("k") is None
        assert cache.put("k", REPLY) == Spent(100, 20)
        assert cache.get("k") == Entry(REPLY, Spent(100, 20))
    with ReplyCache.open(tmp_path) as cache:
        assert cache.get("k") == Entry(REPLY, Spent(100, 20))


def test_what_an_unreadable_reply_cost_is_kept_and_added(tmp_path: Path):
    with ReplyCache.open(tmp_path) as cache:
        cache.waste("k", 100, 7)
        cache.waste("k", None, None)
        assert cache.get("k") == Entry(None, Spent(100, 7, 1))
        cache.put("k", REPLY)
        assert cache.get("k") == Entry(REPLY, Spent(200, 27, 1))


def test_a_reply_is_never_replaced(tmp_path: Path):
    with ReplyCache.open(tmp_path) as cache:
        cache.put("k", REPLY)
        cache.put("k", Completion(Message("assistant", "other"), "stop", 1, 1))
        assert cache.get("k") == Entry(REPLY, Spent(100, 20))


def test_an_unmetered_reply_has_no_tokens(tmp_path: Path):
    unmetered = Completion(Message("assistant", ""), "length")
    with ReplyCache.open(tmp_path) as cache:
        cache.put("k", unmetered)
        assert cache.get("k") == Entry(unmetered, Spent(unmetered=1))


def test_a_second_run_is_told_to_wait(tmp_path: Path):
    with (
        ReplyCache.open(tmp_path),
        pytest.raises(StorageError, match="Another trajset works on this judge cache"),
    ):
        ReplyCache.open(tmp_path)


@pytest.mark.parametrize(
    "text", [b"no database at all, but long enough to be read as the header of one" * 20]
)
def test_a_file_that_is_no_cache_is_left_alone(tmp_path: Path, text: bytes):
    (tmp_path / FILE_NAME).write_bytes(text)
    with pytest.raises(DataError, match="judge cache: must be a judge cache of trajset"):
        ReplyCache.open(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == text


def test_a_cache_of_another_version_is_refused(tmp_path: Path):
    ReplyCache.open(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(DataError, match="must be of version 1; got 99"):
        ReplyCache.open(tmp_path)
