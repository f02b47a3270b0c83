"""`trajset ablate` as a user runs it."""

import dataclasses
import json
import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from sample_rows import CREATED, sample_row
from trajset.builder.dataset import Tables, write_dataset
from trajset.builder.manifest import MadeBy
from trajset.builder.schema import Judgement, Label

MADE = MadeBy("test", datetime(2026, 1, 1, tzinfo=UTC))
Launch = Callable[..., int]
QUICK = ("--recipes", "f1_only", "f1_search")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Twelve rows of two teachers, ten of them labelled by each of two annotators, judged by one judge."""
    rows = [sample_row(number, f1=(1.0, 0.7, 0.4, 0.0)[number % 4]) for number in range(12)]
    rows = [
        dataclasses.replace(
            row,
            provenance=dataclasses.replace(row.provenance, teacher=("red", "blue")[number % 2]),
            search_use=dataclasses.replace(row.search_use, n_searches=0)
            if number % 3 == 0
            else row.search_use,
        )
        for number, row in enumerate(rows)
    ]
    labels = [
        Label(
            row.identity.id,
            who,
            correct=number % 4 < 2,
            grounded=number % 3 > 0,
            note=None,
            labelled_at=CREATED,
        )
        for who in ("ann", "bob")
        for number, row in enumerate(rows[:10])
    ]
    judgements = [
        Judgement(row.identity.id, "strict", "some-model", None, number % 4 == 0, None, None, None, None)
        for number, row in enumerate(rows)
    ]
    write_dataset(tmp_path / "data", Tables(rows, judgements, labels), MADE)
    return tmp_path / "data"


def test_the_report_is_written_and_its_tables_are_printed(
    data: Path, launch: Launch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    sweep = ("--sweep", "min_f1=0.3:0.9:0.3", "--by", "teacher", "--annotator", "ann")
    assert launch("ablate", data, *QUICK, *sweep, "--out", out) == 0
    shown = capsys.readouterr().out
    assert "judge:strict" in shown
    assert "10 labelled, 2 unlabelled" in shown
    assert "not counted: bob" in shown
    assert str(out / "report.html") in shown.replace("\n", "")
    results = pl.read_parquet(out / "results.parquet")
    assert set(results["recipe"]) == {"f1_only", "f1_search", "judge:strict"}
    assert set(results["source"]) == {None, "red", "blue"}
    assert pl.read_parquet(out / "sweeps.parquet")["value"].unique().sort().to_list() == [0.3, 0.6, 0.9]


def test_the_command_in_the_report_makes_it_again_and_names_no_folder_of_this_machine(
    data: Path, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data.parent)
    out = data.parent / "a report"
    options = ("--set", "min_f1=0.5", "--annotator", "bob", "--target", "correct", "--examples", 1)
    assert launch("ablate", data, *QUICK, *options, "--out", out) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    command = shlex.split(json.loads(before["ablation.json"])["config"]["command"])
    assert command[:3] == ["trajset", "ablate", data.name]
    assert not any(str(data.parent).encode() in content for content in before.values())
    assert launch(*command[1:]) == 0
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


def test_options_come_from_a_file_too(data: Path, launch: Launch, tmp_path: Path) -> None:
    config = tmp_path / "ablation.toml"
    words = 'recipes = ["f1_only"]\nset = ["min_f1=0.9"]\nannotator = "ann"\nout = "{}"\n'
    config.write_text(words.format(tmp_path / "report"), "utf-8")
    assert launch("ablate", data, "--config", config) == 0
    results = pl.read_parquet(tmp_path / "report" / "results.parquet")
    assert results.filter(recipe="f1_only")["sql"].to_list() == ["f1 > 0.9"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--annotator", "carl"), "Known: ann, bob"),
        ((), "must be chosen where several labelled"),
        (("--annotator", "ann", "--set", "min_f2=1"), "Did you mean 'min_f1'?"),
        (("--annotator", "ann", "--sweep", "min_f1=1:0:0.1"), "must go upwards"),
        (("--annotator", "ann", "--sweep", "temperature=0,1"), "temperature"),
        (("--annotator", "ann", "--by", "teachr"), "teacher"),
        (("--annotator", "ann", "--by", "messages"), "messages"),
        (("--annotator", "ann", "--recipes", "f1_onyl"), "Did you mean 'f1_only'?"),
        (("--annotator", "ann", "--target", "nice"), "nice"),
    ],
)
def test_what_is_wrong_is_one_message(
    options: tuple[str, ...],
    message: str,
    data: Path,
    launch: Launch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipes = () if "--recipes" in options else QUICK
    assert launch("ablate", data, *recipes, *options, "--out", tmp_path / "report") != 0
    told = capsys.readouterr()
    assert message in " ".join((told.err + told.out).replace("│", " ").split())
    assert "Traceback" not in told.err
    assert not list((tmp_path / "report").glob("*"))


def test_a_folder_with_another_file_of_that_name_is_refused_at_once(
    data: Path, launch: Launch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report.md").write_text("mine", "utf-8")
    assert launch("ablate", data, *QUICK, "--annotator", "ann", "--out", tmp_path) == 2
    assert "another origin" in capsys.readouterr().err
    assert (tmp_path / "report.md").read_text("utf-8") == "mine"


def test_the_report_never_goes_into_the_dataset(
    data: Path, launch: Launch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(data.rglob("*"))
    assert launch("ablate", data, *QUICK, "--annotator", "ann", "--out", data / "report") == 2
    assert "outside of the dataset" in " ".join(capsys.readouterr().err.split())
    assert sorted(data.rglob("*")) == before
