"""`trajset collect` on a folder that holds something already, and stopped by a signal."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from trajset.builder.dataset import LocalDataset


@pytest.fixture
def collect(world: Path, tmp_path: Path) -> list[object]:
    questions = world / "questions.jsonl"
    asked = ["collect", "--questions", questions, "--index", tmp_path / "index"]
    return [*asked, "--teacher", "simulated", "--world", world]


def test_a_dataset_from_elsewhere_is_not_replaced(collect, tmp_path, launch, capsys):
    transcript = tmp_path / "a.jsonl"
    transcript.write_text('{"messages": [{"role": "user", "content": "Who?"}]}\n', "utf-8")
    imported = tmp_path / "imported"
    assert launch("import", transcript, "--out", imported, "--format", "openai") == 0
    before = LocalDataset.open(imported).ids()
    for options in ([], ["--resume"]):
        assert launch(*collect, "--out", imported, *options) == 2
        assert "must not hold a dataset yet" in capsys.readouterr().err
    assert LocalDataset.open(imported).ids() == before


def test_resuming_what_is_complete_keeps_the_splits(collect, tmp_path, launch, capsys):
    out = tmp_path / "out"
    assert launch(*collect, "--out", out) == 0
    assert launch("filter", out, "--recipe", "f1_only", "--set", "min_f1=-1") == 0
    assert launch(*collect, "--out", out, "--resume") == 0
    assert "nothing new" in capsys.readouterr().out
    assert LocalDataset.open(out).splits == ("raw", "f1_only")


def test_resuming_mends_a_damaged_dataset_and_says_which_splits_are_gone(collect, tmp_path, launch, capsys):
    out = tmp_path / "out"
    assert launch(*collect, "--out", out) == 0
    assert launch("filter", out, "--recipe", "f1_only", "--set", "min_f1=-1") == 0
    for shard in (out / "data").glob("raw-*"):
        shard.write_bytes(b"PAR1")
    assert launch(*collect, "--out", out, "--resume") == 0
    assert "filter again: f1_only" in capsys.readouterr().out
    assert len(LocalDataset.open(out).ids()) == 4


def test_a_stopped_run_says_so_with_its_exit_code(collect, tmp_path):
    command = [sys.executable, "-m", "trajset", *map(str, collect), "--samples", "2000", "--out", "out"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as run:
        wait_for(tmp_path / "out" / "journal.sqlite-wal")
        os.kill(run.pid, signal.SIGINT)
        said = run.communicate(timeout=60)[0]
    assert run.returncode == 130
    assert "go on with --resume" in said


def wait_for(path: Path) -> None:
    """Until the first rollouts are committed, for a minute at most."""
    for _ in range(1200):
        if path.is_file() and path.stat().st_size > 100_000:
            return
        time.sleep(0.05)
