"""`trajset lab` as a user runs it; whole, in its smallest size, behind the marker `slow`."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Launch = Callable[..., int]

trained = pytest.mark.skipif(
    importlib.util.find_spec("trl") is None, reason="needs the extra [train]: pip install 'trajset[train]'"
)


@trained
def test_a_folder_with_other_files_is_left_alone(
    launch: Launch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine", "utf-8")
    assert launch("lab", "--out", tmp_path, "--smoke") == 2
    assert "must be a laboratory or empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_no_seed_is_refused(launch: Launch, tmp_path: Path) -> None:
    assert launch("lab", "--out", tmp_path / "lab", "--seeds", 0) == 2
    assert not (tmp_path / "lab").exists()


@trained
@pytest.mark.slow
def test_the_smallest_laboratory_from_end_to_end(tmp_path: Path) -> None:
    """Two seeds: rows, eight students each, exams, probes, the report; and again, when nothing is left."""
    out = tmp_path / "lab"
    command = [sys.executable, "-m", "trajset", "lab", "--smoke", "--seeds", "2", "--out", str(out)]
    first = subprocess.run(command, capture_output=True, text=True, check=True)
    assert all(f"({letter})" in first.stdout for letter in "abcdef")
    assert "exam-grpo-1" in first.stderr
    report = (out / "report" / "report.md").read_text("utf-8")
    assert "Claims" in report
    assert "imulated" in report
    record = json.loads((out / "lab.json").read_bytes())
    assert record["seeds"] == 2
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "exam" not in again.stderr
    assert again.stdout == first.stdout
