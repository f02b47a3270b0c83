"""`trajset report` as a user runs it."""

import dataclasses
import json
import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from chat_server import ChatServer, says
from sample_rows import sample_row
from trajset.builder.dataset import Tables, write_dataset
from trajset.builder.manifest import MadeBy
from trajset.builder.schema import Row

MADE = MadeBy("test", datetime(2026, 1, 1, tzinfo=UTC))
FEW = ("--draws", 200)
Launch = Callable[..., int]


def row_of(number: int, teacher: str, policy: str, dataset: str) -> Row:
    """A row of a model; a red one is right more often."""
    right = number % (3 if teacher == "red" else 2) > 0
    row = sample_row(number, answer="Rome" if right else "Paris", f1=float(right))
    searches = 0 if policy == "closed_book" else 1 + number % 2
    return dataclasses.replace(
        row,
        identity=dataclasses.replace(row.identity, id=f"{teacher}-{policy}-{number}"),
        question=dataclasses.replace(row.question, dataset=dataset, hops=1 + number % 3),
        search_use=dataclasses.replace(row.search_use, n_searches=searches),
        provenance=dataclasses.replace(row.provenance, teacher=teacher, policy=policy),
    )


def write(folder: Path, teacher: str, policy: str = "always_search", dataset: str = "hotpotqa") -> None:
    rows = [row_of(number, teacher, policy, dataset) for number in range(20)]
    write_dataset(folder, Tables(rows, [], []), MADE)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two models with search and one of them without, each a dataset of its own."""
    write(tmp_path / "runs" / "red", "red")
    write(tmp_path / "runs" / "blue", "blue")
    write(tmp_path / "runs" / "closed", "red", "closed_book")
    return tmp_path / "runs"


def test_the_report_is_written_and_its_tables_are_printed(
    runs: Path, launch: Launch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    assert launch("report", runs, *FEW, "--out", out) == 0
    shown = capsys.readouterr().out
    assert "Leaderboard" in shown
    assert "closed book" in shown
    assert "Beside the published figures" in shown
    assert "Not measured: Reasoning alone" in shown
    assert str(out / "report.html") in shown.replace("\n", "")
    measures = pl.read_parquet(out / "measures.parquet")
    assert set(measures["model"]) == {"red", "blue"}
    assert set(measures["mode"]) == {"live", "closed_book"}
    f1 = measures.filter(measure="f1", model="red", mode="live").filter(pl.col("part").is_null())
    assert f1["value"].item() == pytest.approx(13 / 20)
    assert f1["questions"].item() == 20
    assert pl.read_parquet(out / "paired.parquet").height > 0


def test_the_command_in_the_report_makes_it_again_and_names_no_folder_of_this_machine(
    runs: Path, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs.parent)
    out = runs.parent / "a report"
    options = (
        "--baseline",
        "blue",
        "--correct",
        "em",
        "--examples",
        1,
        "--published",
        "never",
        "--min-f1",
        0.5,
    )
    assert launch("report", runs / "red", runs / "blue", *options, *FEW, "--out", "a report") == 0
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    told = json.loads(before["evaluation.json"])
    words = shlex.split(told["facts"]["command"])
    assert words[:4] == ["trajset", "report", "red", "blue"]
    assert str(runs.parent) not in before["report.html"].decode()
    monkeypatch.chdir(runs)
    assert launch(*words[1:]) == 0
    again = {path.name: path.read_bytes() for path in (runs / "a report").iterdir() if path.is_file()}
    assert again == before


def test_a_baseline_is_the_second_of_each_difference(runs: Path, launch: Launch, tmp_path: Path) -> None:
    out = tmp_path / "report"
    assert launch("report", runs, "--baseline", "red", *FEW, "--out", out) == 0
    assert set(pl.read_parquet(out / "paired.parquet")["second_model"]) == {"red"}


def test_a_judge_may_say_why_rows_are_wrong(runs: Path, launch: Launch, tmp_path: Path) -> None:
    out = tmp_path / "report"
    with ChatServer(lambda _: says('{"rationale": "So it is.", "failure": "reasoning"}')) as server:
        options = ("--failure-judge", "some-judge", "--base-url", server.url, "--published", "never")
        assert launch("report", runs, *options, *FEW, "--out", out) == 0
    counts = pl.read_parquet(out / "failures.parquet").filter(pl.col("failed") > 0)
    assert set(counts["failure"]) == {"reasoning"}
    assert counts["failed"].sum() == 24
    page = (out / "report.html").read_text("utf-8")
    assert "some-judge; 0 replies unreadable" in page
    assert "some-judge: So it is." in page
    assert "by rule" not in page


def test_the_demo_world_is_called_simulated(
    launch: Launch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "demo", "red", dataset="demo-world")
    assert launch("report", tmp_path / "demo", *FEW, "--out", tmp_path / "report") == 0
    assert "Simulated data: all figures here are." in capsys.readouterr().out
    assert "Leaderboard, simulated" in (tmp_path / "report" / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--baseline", "green"), "green"),
        (("--questions", "nowhere.jsonl"), "nowhere.jsonl"),
    ],
)
def test_a_wrong_option_is_one_clear_line(
    options: tuple[str, ...],
    said: str,
    runs: Path,
    launch: Launch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert launch("report", runs, *options, *FEW, "--out", tmp_path / "report") == 2
    shown = capsys.readouterr()
    assert said in shown.err.replace("\n", "")
    assert "Traceback" not in shown.err


def test_nothing_to_report_on_and_foreign_files_are_refused(
    runs: Path, launch: Launch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nothing").mkdir()
    assert launch("report", tmp_path / "nothing", "--out", tmp_path / "report") == 2
    assert launch("report", runs / "red", "--out", runs / "red" / "report") == 2
    assert "outside of the dataset" in capsys.readouterr().err.replace("\n", " ")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "report.md").write_text("mine", "utf-8")
    assert launch("report", runs, "--out", tmp_path / "mine") == 2
    assert (tmp_path / "mine" / "report.md").read_text("utf-8") == "mine"
