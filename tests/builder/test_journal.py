"""The journal: one commit per rollout, settings that must fit, a disk that fills up."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from trajset.builder.errors import ConfigError, DataError, StorageError
from trajset.builder.journal import FILE_NAME, Journal
from trajset.builder.rows import Origin, Sample, build_row
from trajset.builder.schema import (
    Conversation,
    Message,
    Outcome,
    Question,
    Row,
    SearchCall,
    StopReason,
    Trajectory,
)

SETTINGS = {"teacher": "t", "seed": 0, "temperature": 0.6, "top_k": None}


def row(name: str, reason: StopReason = StopReason.ANSWERED, text: str = "hi") -> Row:
    call = {"id": "c", "type": "function", "function": {"name": "search", "arguments": {"query": "ü\u2028"}}}
    messages = (Message("user", text), Message("assistant", "", tool_calls=(call,)))
    trajectory = Trajectory(
        Question(name, "demo", "Who?", ("me",)),
        Conversation(messages, ({"type": "function"},), "tools"),
        Outcome(None, reason, "x" if reason is StopReason.INFRASTRUCTURE else None),
        (SearchCall("ü", error="none"),),
    )
    return build_row(trajectory, Origin("run"), Sample(), datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out" / FILE_NAME


def test_rows_come_back_equal_and_in_question_order(path):
    rows = [row("a"), row("b"), row("c")]
    with Journal.begin(path, SETTINGS, 3) as journal:
        for position in (2, 0, 1):
            journal.record([(position, rows[position])])
    with Journal.look(path) as journal:
        assert list(journal.rows(3)) == rows
        assert list(journal.rows(2)) == rows[:2]


def test_what_is_recorded_is_there_without_closing(path, tmp_path):
    journal = Journal.begin(path, SETTINGS, 1)
    journal.record([(0, row("a"))])
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in path.parent.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    journal.close()
    with Journal.resume(copy / FILE_NAME, SETTINGS, 1) as found:
        assert found.done() == {row("a").id}


def test_a_broken_rollout_is_replaced_and_a_finished_one_is_not(path):
    broken, mended = row("a", StopReason.INFRASTRUCTURE), row("a")
    with Journal.begin(path, SETTINGS, 1) as journal:
        journal.record([(0, broken)])
        assert journal.done() == set()
        assert journal.progress().broken == 1
        journal.record([(0, mended)])
        assert journal.done() == {mended.id}
        journal.record([(0, replace(mended, outcome=replace(mended.outcome, answer="other")))])
        assert list(journal.rows(1)) == [mended]
    attempts = sqlite3.connect(path).execute("SELECT attempts FROM rollouts").fetchone()
    assert attempts == (2,)


def test_the_prefix_ends_at_the_first_gap(path):
    with Journal.begin(path, SETTINGS, 5) as journal:
        assert journal.progress().prefix == 0
        for position, name in ((1, "b"), (0, "a"), (3, "d")):
            journal.record([(position, row(name))])
        progress = journal.progress()
    assert (progress.prefix, progress.finished, progress.total) == (2, 3, 5)


def test_rows_are_committed_together_or_not_at_all(path):
    with Journal.begin(path, SETTINGS, 3) as journal:
        with pytest.raises(sqlite3.IntegrityError):
            journal.record([(0, row("a")), (0, row("b"))])
        assert journal.progress().finished == 0
        journal.record([(0, row("a")), (1, row("b"))])
        assert journal.progress().finished == 2


def test_a_second_run_needs_resume(path):
    with Journal.begin(path, SETTINGS, 1) as journal:
        journal.record([(0, row("a"))])
    with pytest.raises(ConfigError, match=r"--resume"):
        Journal.begin(path, SETTINGS, 1)


def test_a_run_that_failed_before_its_first_rollout_may_begin_anew(path):
    Journal.begin(path, SETTINGS, 1).close()
    with Journal.begin(path, SETTINGS | {"seed": 1}, 2) as journal:
        journal.record([(1, row("a"))])
    with Journal.resume(path, SETTINGS | {"seed": 1}, 2) as journal:
        assert (journal.progress().total, journal.progress().finished) == (2, 1)


def test_resume_with_other_settings_names_what_differs(path):
    Journal.begin(path, SETTINGS, 1).close()
    with pytest.raises(ConfigError, match=r"seed=1 \(begun with 0\), top_k=20 \(begun with None\)") as caught:
        Journal.resume(path, SETTINGS | {"seed": 1, "top_k": 20}, 1)
    assert "temperature" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "options"),
    [
        ({"max_turns": 3}, "(--max-turns)"),
        ({"retriever": "noise(drop=0.1)/x"}, "(--index, --noise, --noise-seed,"),
        ({"prompt": "y", "top_k": 1}, "(--policy, --grammar, --force-answer, --family, --top-k)"),
        ({"questions": "z"}, "--question-field"),
    ],
)
def test_resume_with_other_settings_names_the_options_to_set_back(path, changed, options):
    Journal.begin(path, SETTINGS, 1).close()
    with pytest.raises(ConfigError) as caught:
        Journal.resume(path, SETTINGS | changed, 1)
    assert options in str(caught.value)


def test_resume_without_a_journal_begins_one(path):
    with Journal.resume(path, SETTINGS, 7) as journal:
        assert journal.progress().total == 7


def test_two_processes_cannot_share_a_journal(path):
    with Journal.begin(path, SETTINGS, 1), pytest.raises(StorageError, match="Another trajset"):
        Journal.resume(path, SETTINGS, 1)


def test_a_file_that_is_no_journal(path):
    path.parent.mkdir()
    path.write_text("not a database, but long enough to have a header of 100 bytes " * 3)
    with pytest.raises(DataError, match="must be a journal"):
        Journal.resume(path, SETTINGS, 1)


def test_another_database_is_no_journal(path):
    path.parent.mkdir()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE meta (key TEXT)")
    database.close()
    with pytest.raises(DataError, match="must be a journal"):
        Journal.resume(path, SETTINGS, 1)


def test_a_journal_of_another_version(path):
    Journal.begin(path, SETTINGS, 1).close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE meta SET version = 99")
    database.close()
    with pytest.raises(DataError, match="must be of version"):
        Journal.look(path)


def test_no_journal_to_look_at(path):
    with pytest.raises(DataError, match="must hold a journal"):
        Journal.look(path)
    assert not path.exists()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        Journal.begin(tmp_path / "file" / FILE_NAME, SETTINGS, 1)
