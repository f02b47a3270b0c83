"""`read_status`: the same numbers from a run that goes on, from one that ended, and from what a kill left."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import scripted_collection
from scripted_collection import QUESTIONS, job, with_delays
from trajset.builder.chat.model import ChatRequest, ChatUnavailableError
from trajset.builder.chat.scripted import Reply
from trajset.builder.collect import collect
from trajset.builder.errors import DataError, StorageError
from trajset.builder.journal import FILE_NAME as JOURNAL
from trajset.builder.notices import Notices
from trajset.builder.run_status import FILE_NAME, RunStatus, read_status, write_status
from trajset.builder.schema import StopReason
from trajset.builder.watching import Audience


def only_the_journal(folder: Path) -> RunStatus:
    """The status without what the run wrote of itself."""
    (folder / FILE_NAME).unlink()
    return read_status(folder, 1.0)


def broken_half(request: ChatRequest) -> Reply:
    """Fails for every other question, each with another number."""
    number = int(request.messages[1].content.removeprefix("What is ").removesuffix("?"))
    if number % 2:
        return ChatUnavailableError(f"base_url: must answer (port {number} refused); got 'x'. Check it.")
    return scripted_collection.reply(request)


def test_a_run_at_rest_says_what_its_journal_says(tmp_path):
    done = asyncio.run(collect(job(tmp_path)))
    rows = list(done.rows())
    told = read_status(tmp_path, time.time())
    assert (told.state, told.total, told.done, told.failed, told.left) == ("complete", 20, 20, 0, 0)
    assert told.reasons == {StopReason.ANSWERED: 20}
    assert told.f1 == pytest.approx(sum(row.scores.f1 or 0.0 for row in rows) / 20)
    assert told.searches == pytest.approx(sum(row.search_use.n_searches for row in rows) / 20)
    assert told.prompt_tokens == sum(row.cost.prompt_tokens or 0 for row in rows)
    assert told.completion_tokens == sum(row.cost.completion_tokens or 0 for row in rows)
    assert told.last_row_at == max(row.provenance.created_at for row in rows).timestamp()
    assert only_the_journal(tmp_path) == replace(told, at=1.0)


def test_failures_are_told_by_kind_and_go_when_they_are_mended(tmp_path):
    asyncio.run(collect(job(tmp_path, broken_half)))
    told = read_status(tmp_path, time.time())
    assert (told.state, told.done, told.failed, told.left) == ("complete", 10, 10, 0)
    (kind,) = told.errors
    assert (kind.kind, kind.count) == ("ChatUnavailableError: base_url: must answer (port # refused)", 10)
    assert "Check it." in kind.last
    assert told.scored == 10
    asyncio.run(collect(job(tmp_path, resume=True)))
    mended = read_status(tmp_path, time.time())
    assert (mended.done, mended.failed, mended.errors, mended.scored) == (20, 0, (), 20)
    again = only_the_journal(tmp_path)
    assert replace(again, rate=None) == replace(mended, at=1.0, rate=None)


def test_a_run_that_goes_on_is_seen_from_outside(tmp_path):
    async def go() -> list[RunStatus]:
        slow = replace(
            with_delays(job(tmp_path), 0, 0.2), audience=Audience(Notices(now="loading"), every_s=0.05)
        )
        run = asyncio.create_task(collect(slow))
        seen: list[RunStatus] = []
        while not run.done():
            await asyncio.sleep(0.05)
            if (tmp_path / FILE_NAME).exists():
                seen.append(await asyncio.to_thread(read_status, tmp_path, time.time()))
        return seen

    seen = [status for status in asyncio.run(go()) if status.state == "running"]
    assert len({status.done for status in seen}) > 2
    assert all(status.done + status.left == 20 for status in seen)
    assert {status.under_way for status in seen} <= set(range(5))
    assert any(status.recent_rate and status.ends_at and status.ends_at > status.at for status in seen)
    assert {status.server for status in seen} == {"loading"}


def killed_in_the_middle(folder: Path) -> None:
    """A collection in another process, killed after some rows."""
    program = Path(scripted_collection.__file__)
    command = [sys.executable, str(program), str(folder), str(len(QUESTIONS)), "0", "0.1"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as run:
        for _ in range(1200):
            if (folder / FILE_NAME).exists() and read_status(folder, time.time()).done > 20:
                break
            time.sleep(0.05)
        run.send_signal(signal.SIGKILL)


def test_what_a_kill_left_is_read_from_the_journal(tmp_path):
    killed_in_the_middle(tmp_path)
    later = time.time() + 60
    told = read_status(tmp_path, later)
    assert (told.state, told.total, told.at) == ("stopped", 200, later)
    assert 20 < told.done < 200
    assert told.left == 200 - told.done
    with closing(sqlite3.connect(tmp_path / JOURNAL)) as db:
        assert db.execute("SELECT count(*) FROM rollouts").fetchone() == (told.done,)


def test_a_run_that_holds_its_journal_and_says_nothing_is_silent(tmp_path):
    asyncio.run(collect(job(tmp_path)))
    told = read_status(tmp_path, 1.0)
    write_status(tmp_path, replace(told, state="running", at=100.0))
    with closing(sqlite3.connect(tmp_path / JOURNAL, isolation_level=None)) as db:
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        assert read_status(tmp_path, 110.0).state == "running"
        assert read_status(tmp_path, 200.0).state == "silent"
        (tmp_path / FILE_NAME).unlink()
        with pytest.raises(StorageError, match="run: must say how far it is"):
            read_status(tmp_path, 200.0)


def test_looking_does_not_change_the_journal(tmp_path):
    asyncio.run(collect(job(tmp_path)))
    (tmp_path / FILE_NAME).unlink()
    before = (tmp_path / JOURNAL).read_bytes()
    read_status(tmp_path, 1.0)
    assert (tmp_path / JOURNAL).read_bytes() == before
    assert asyncio.run(collect(job(tmp_path, resume=True))).complete


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(DataError, match="run: must hold a journal"):
        read_status(tmp_path, 1.0)
    (tmp_path / JOURNAL).write_bytes(b"no database" * 1000)
    with pytest.raises(DataError, match="must hold a journal of trajset"):
        read_status(tmp_path, 1.0)
    (tmp_path / JOURNAL).unlink()
    sqlite3.connect(tmp_path / JOURNAL).close()
    with pytest.raises(DataError, match="must hold a journal of trajset"):
        read_status(tmp_path, 1.0)


def test_progress_that_is_cut_or_of_another_version_is_passed_over(tmp_path):
    asyncio.run(collect(job(tmp_path)))
    (tmp_path / FILE_NAME).write_text('{"state": "running", "tot')
    assert read_status(tmp_path, 1.0).done == 20
