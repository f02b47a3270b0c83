"""`trajset diff`: two versions side by side in the terminal and in a file."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from sample_rows import CREATED, sample_row
from trajset.builder.dataset import Tables, write_dataset
from trajset.builder.hub import publish, pull
from trajset.builder.manifest import MadeBy
from trajset.builder.refs import DatasetRef
from trajset.filters.moves import MOVE_COLUMNS

MADE = MadeBy("test", CREATED)


def version(path: Path, *scores: float, launch) -> Path:
    rows = [sample_row(number, f1=f1) for number, f1 in enumerate(scores)]
    question = dataclasses.replace(rows[0].question, question='Who is "[bold]Ann"?\n' * 20)
    rows[0] = dataclasses.replace(rows[0], question=question)
    write_dataset(path, Tables(rows), MADE)
    assert launch("filter", path, "--recipe", "f1_only") == 0
    return path


@pytest.fixture
def versions(tmp_path: Path, launch) -> tuple[Path, Path]:
    old = version(tmp_path / "old", 1.0, 1.0, 0.0, launch=launch)
    return old, version(tmp_path / "new", 0.0, 1.0, 0.0, launch=launch)


def test_what_moved_and_why(versions, launch, capsys) -> None:
    capsys.readouterr()
    assert launch("diff", *versions, "--recipe", "llm_judge") == 0
    said = capsys.readouterr().out
    assert "f1_only: 1 left" in said
    assert "accepted -> rejected: f1 1.0 -> 0.0" in said
    assert 'Who is "[bold]Ann"? Who' in said
    assert "0 -> 0" in said
    assert "unknown" in said.split("llm_judge")[1]
    assert launch("diff", *versions, "--rows", "0") == 0
    assert "1 left" not in capsys.readouterr().out


def test_a_changed_text_shows_both_rates_under_both(versions, launch, capsys) -> None:
    assert launch("filter", versions[1], "--recipe", "f1_only", "--set", "min_f1=-1") == 0
    capsys.readouterr()
    assert launch("diff", *versions) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "f1_only changed its text. The old one, f1 > 0.65: 66.7% (2) -> 33.3% (1)." in said
    assert "The new one, f1 > -1.0: 100.0% (3) -> 100.0% (3)." in said


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".json"])
def test_all_moved_rows_in_a_file(versions, ending: str, tmp_path: Path, launch) -> None:
    out = tmp_path / f"moved{ending}"
    assert launch("diff", *versions, "--out", out) == 0
    read = {".parquet": pl.read_parquet, ".csv": pl.read_csv, ".json": pl.read_json}[ending]
    frame = read(out)
    assert tuple(frame.columns) == MOVE_COLUMNS
    (row,) = frame.to_dicts()
    assert (row["recipe"], row["move"], row["why"]) == ("f1_only", "left", "columns")
    assert row["question"] == 'Who is "[bold]Ann"?\n' * 20
    changes = row["changes"] if ending == ".json" else json.loads(row["changes"])
    assert changes == {"f1": [1.0, 0.0]}


@pytest.mark.parametrize("options", [("--out", "moved.xlsx"), ("--recipe", "f1_onli"), ("--rows", "-1")])
def test_bad_options(versions, options: tuple[str, str], launch, capsys) -> None:
    assert launch("diff", *versions, *options) == 2
    assert options[1] in capsys.readouterr().err


def test_versions_on_the_hub_name_their_parent(stub, tmp_path, launch) -> None:
    old = version(tmp_path / "data", 1.0, 1.0, launch=launch)
    publish(old, "me/data", "v1", site=stub.site)
    pulled = pull(DatasetRef.parse("me/data@v1"), tmp_path / "pulled", stub.site)
    write_dataset(pulled.path, Tables([sample_row(0, f1=1.0)]), MADE)
    publish(pulled.path, "me/data", "v2", site=stub.site)
    site = {"HF_ENDPOINT": stub.address, "HF_HOME": str(tmp_path / "hf"), "COLUMNS": "200"}
    command = [sys.executable, "-m", "trajset", "diff", "me/data@v1", "me/data@v2", "--recipe", "f1_only"]
    run = subprocess.run(command, env=os.environ | site, capture_output=True, text=True, check=True)
    said = " ".join(run.stdout.split())
    assert "The old version is the parent of the new one (me/data@" in said
    assert "f1_only: 1 left" in said
    assert "accepted -> absent: row removed" in said
