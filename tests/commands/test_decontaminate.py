"""`trajset decontaminate`: the columns, the splits that follow them, the manifest, the card, bad input."""

import dataclasses
import json
from pathlib import Path

import pytest
from sample_rows import CREATED, sample_row
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.manifest import MadeBy

CLEAN = """
name = "clean"
title = "Right, in no evaluation set, and once"
predicate = "f1 > 0.65 AND NOT contaminated AND duplicate_group = question_id"
"""


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Four rows over three questions, of which the last asks the first one again."""
    rows = [sample_row(number) for number in (0, 1, 2, 3)]
    again = dataclasses.replace(rows[2].question, question="what is capital 0")
    rows[2] = dataclasses.replace(rows[2], question=again)
    rows[3] = dataclasses.replace(rows[3], question=rows[1].question)
    write_dataset(tmp_path / "data", Tables(rows), MadeBy("test", CREATED))
    return tmp_path / "data"


@pytest.fixture
def evaluation(tmp_path: Path) -> Path:
    path = tmp_path / "dev set.txt"
    path.write_text("What is capital 1?\nWho else?\n", "utf-8")
    return path


def column(path: Path, name: str) -> list[object]:
    return LocalDataset.open(path).table(columns=[name]).column(name).to_pylist()


def test_columns_splits_manifest_and_card(dataset, evaluation, tmp_path, launch, capsys) -> None:
    recipe = tmp_path / "clean.toml"
    recipe.write_text(CLEAN, "utf-8")
    assert launch("filter", dataset, "--recipe", "f1_only") == 0
    assert launch("decontaminate", dataset, "--against", f"dev={evaluation}") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "3 questions: 1 repeat another word for word, 0 are near duplicates of another" in said
    assert "dev 2 3 1 0 2" in said
    assert "the same: What is capital 1?" in said
    assert column(dataset, "duplicate_group") == ["q0", "q1", "q0", "q1"]
    assert column(dataset, "contamination") == [None, "dev:exact", None, "dev:exact"]
    assert launch("filter", dataset, "--recipe", recipe) == 0
    opened = LocalDataset.open(dataset)
    opened.verify()
    assert opened.ids("clean") == opened.ids()[:1]
    assert opened.ids("f1_only") == opened.ids()
    (step,) = opened.manifest.steps
    assert step.command == "decontaminate"
    assert step.config["against"][0]["source"] == "dev set.txt"
    assert str(tmp_path) not in (dataset / "manifest.json").read_text("utf-8")


def test_a_second_run_replaces_the_first_and_splits_follow(
    dataset, evaluation, tmp_path, launch, capsys
) -> None:
    recipe = tmp_path / "clean.toml"
    recipe.write_text(CLEAN, "utf-8")
    assert launch("decontaminate", dataset, "--against", evaluation) == 0
    assert launch("filter", dataset, "--recipe", recipe) == 0
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"question": "Nobody asks this"}), "utf-8")
    assert launch("decontaminate", dataset, "--against", other) == 0
    assert "clean: 1 -> 3 rows (2 entered, 0 left)" in capsys.readouterr().out
    assert column(dataset, "contaminated") == [False] * 4
    assert launch("decontaminate", dataset) == 0
    said = capsys.readouterr().out
    assert "`contaminated` is unknown" in said
    assert "clean: its recipe accepts no row any more" in said
    assert column(dataset, "contaminated") == [None] * 4
    assert column(dataset, "duplicate_group") == ["q0", "q1", "q0", "q1"]
    assert len(LocalDataset.open(dataset).manifest.steps) == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--against", "nowhere.jsonl"), "nowhere.jsonl"),
        (("--near", "0.1"), "near"),
        (("--threshold", "0"), "threshold"),
        (("--ngram", "0"), "ngram"),
        (("--agains", "x"), "--against"),
    ],
)
def test_bad_input_changes_nothing(options, said, dataset, launch, capsys) -> None:
    before = (dataset / "manifest.json").read_bytes()
    assert launch("decontaminate", dataset, *options) == 2
    assert said in capsys.readouterr().err
    assert (dataset / "manifest.json").read_bytes() == before
