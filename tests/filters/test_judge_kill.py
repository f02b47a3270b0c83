"""`trajset judge` killed in the middle, and told to stop: nothing is paid twice, the end is the same."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from chat_server import ChatServer
from sample_rows import CREATED, sample_row
from scripted_judge import ScriptedJudge, judged_alike
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.manifest import MadeBy
from trajset.filters.judge import judge_dataset
from trajset.filters.judge_cache import ReplyCache
from trajset.filters.judge_config import JudgeConfig
from trajset.filters.judge_open import open_job

ROWS, CREW = 80, 4
REPLY_TOKENS = 1000
"""More than any reply of the scripted judge has, read and written."""


def dataset(folder: Path) -> Path:
    rows = [sample_row(number, f"Oslo {number}" if number % 3 else "Rome") for number in range(ROWS)]
    write_dataset(folder, Tables(rows), MadeBy("test", CREATED))
    return folder


def start(folder: Path, url: str, *options: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "trajset", "judge", str(folder), "--model", "judge", "--base-url", url]
    command += ["--reflect", "--concurrency", str(CREW), "--price-in", "1", "--price-out", "4", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def undisturbed(folder: Path) -> LocalDataset:
    with ChatServer(ScriptedJudge()) as server:
        config = JudgeConfig("judge", base_url=server.url, reflect=True, concurrency=CREW)
        judge_dataset(dataset(folder), open_job(config))
    return LocalDataset.open(folder)


def kill_after(folder: Path, server: ChatServer, requests: int) -> None:
    """Start the command and kill it when it has asked that often."""
    goal = len(server.requests) + requests
    with start(folder, server.url) as process:
        wait(lambda: len(server.requests) >= goal, process)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("kills", [2, pytest.param(12, marks=pytest.mark.slow)])
def test_killed_and_run_again_it_pays_for_nothing_twice_but_what_was_under_way(tmp_path, kills):
    folder = dataset(tmp_path / "killed")
    judge = ScriptedJudge(delay_s=0.02)
    with ChatServer(judge) as server:
        for kill in range(kills):
            kill_after(folder, server, 5 + (17 * kill) % 11)
            assert list(LocalDataset.open(folder).judgements()) == []
        with start(folder, server.url) as process:
            output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    ended = LocalDataset.open(folder)
    assert judged_alike([*undisturbed(tmp_path / "undisturbed").judgements()], [*ended.judgements()])
    again = judge.asked.total() - 2 * ROWS
    assert len(judge.asked) == 2 * ROWS
    assert 0 <= again <= kills * CREW
    assert max(judge.asked.values()) <= 1 + kills
    kept = sum(j.tokens or 0 for j in ended.judgements() if j.judge == "llm_judge_reflect")
    assert 0 <= judge.tokens.total() - kept <= again * REPLY_TOKENS
    assert sum_of(output) == kept


def sum_of(output: str) -> int:
    """Tokens read and written, as the command tells them."""
    words = output.replace(",", "").split()
    plus = words.index("+")
    return int(words[plus - 1]) + int(words[plus + 1])


def test_ctrl_c_finishes_what_is_under_way_and_resume_goes_on(tmp_path):
    folder = dataset(tmp_path / "data")
    judge = ScriptedJudge(delay_s=0.05)
    with ChatServer(judge) as server:
        with start(folder, server.url) as process:
            wait(lambda: len(server.requests) >= 20, process)
            os.kill(process.pid, signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        assert process.returncode == 130, errors
        done = len(list(LocalDataset.open(folder).judgements()))
        assert 0 < done < 2 * ROWS
        assert done == judge.asked.total()
        with start(folder, server.url, "--resume") as process:
            _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert set(judge.asked.values()) == {1}
    assert len(judge.asked) == 2 * ROWS


def test_two_runs_at_once_do_not_pay_twice(tmp_path):
    folder = dataset(tmp_path / "data")
    with ChatServer(ScriptedJudge()) as server, ReplyCache.open(folder):
        with start(folder, server.url) as process:
            _, errors = process.communicate(timeout=60)
        assert process.returncode == 4
        assert "Another trajset works on this judge cache" in errors
        assert server.requests == []
