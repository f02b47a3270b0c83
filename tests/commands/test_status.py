"""`trajset status`: for people, for scripts, again and again, and its exit codes."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from trajset.builder.run_status import Failures, read_status, write_status
from trajset.builder.schema import StopReason
from trajset.commands.status import show_status


@pytest.fixture
def run(world: Path, tmp_path: Path, launch) -> Path:
    """A finished run of four rollouts."""
    out = tmp_path / "out"
    asked = ["collect", "--questions", world / "questions.jsonl", "--index", tmp_path / "index"]
    assert launch(*asked, "--teacher", "simulated", "--world", world, "--out", out) == 0
    return out


def shown(folder: Path, capsys: pytest.CaptureFixture[str], launch, *options: str) -> str:
    capsys.readouterr()
    assert launch("status", folder, *options) == 0
    return capsys.readouterr().out


def test_a_finished_run(run, capsys, launch):
    text = shown(run, capsys, launch)
    assert "complete" in text
    assert "4 done, 0 failed, 0 left of 4 (100.0%)" in text
    assert "over 4 scored rows" in text
    assert "answered 4" in text


def test_one_object_for_scripts(run, capsys, launch):
    told = json.loads(shown(run, capsys, launch, "--json"))
    assert (told["state"], told["total"], told["done"], told["left"]) == ("complete", 4, 4, 0)
    assert told["reasons"] == {"answered": 4}
    assert told["errors"] == []


@pytest.mark.parametrize("options", [["--watch"], ["--watch", "--json", "--every", "0.1"]])
def test_watching_ends_with_the_run(run, capsys, launch, options):
    assert "complete" in shown(run, capsys, launch, *options)


def test_a_running_one_with_failures_and_a_server(run, tmp_path):
    now = time.time()
    running = replace(
        read_status(run, now),
        state="running",
        at=now,
        total=18_000,
        done=9_000,
        failed=12,
        left=8_988,
        reasons={StopReason.ANSWERED: 9_000, StopReason.INFRASTRUCTURE: 12},
        recent_rate=0.5,
        rate=2.0,
        ends_at=now + 17_976,
        under_way=128,
        server="vLLM is starting: 41 s",
        errors=(Failures("x", 12, "ChatUnavailableError: [503] no answer", now - 90),),
    )
    write_status(run, running)
    console = Console(record=True, width=120)
    show_status(run, as_json=False, every_s=None, console=console)
    text = console.export_text()
    assert "9,000 done, 12 failed, 8,988 left of 18,000 (50.1%), 128 under way" in text
    assert "30.0/min in the last 5 minutes, 2.0/s overall" in text
    assert "(in 4:59:3" in text or "(in 4:59:2" in text
    assert "vLLM is starting: 41 s" in text
    assert "ChatUnavailableError: [503] no answer" in text
    assert "0:01:30 ago" in text or "0:01:31 ago" in text


def test_a_folder_without_a_run(tmp_path, launch, capsys):
    assert launch("status", tmp_path) == 2
    assert "run: must hold a journal" in capsys.readouterr().err


def test_from_another_shell_while_it_runs(world, tmp_path, launch, capsys):
    out = tmp_path / "long"
    asked = ["--questions", world / "questions.jsonl", "--index", tmp_path / "index", "--world", world]
    options = ["--teacher", "simulated", "--samples", "5000", "--out", out]
    command = [sys.executable, "-m", "trajset", "collect", *map(str, [*asked, *options])]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as collecting:
        try:
            told = {"done": 0, "state": ""}
            for _ in range(1200):
                if (out / "progress.json").exists():
                    told = json.loads(shown(out, capsys, launch, "--json"))
                if told["done"]:
                    break
                time.sleep(0.05)
        finally:
            collecting.kill()
    assert told["state"] == "running"
    assert 0 < told["done"] < 20_000
