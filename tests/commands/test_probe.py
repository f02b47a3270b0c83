"""`trajset probe` from two datasets to files and a sentence, with a micro student that was never trained.

The rows are made up: closed book is right where the question begins with "Wh", which any hidden state at its
end lets a probe see.
"""

import dataclasses
import importlib.util
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from probe_samples import closed_row, live_row
from trajset.builder.dataset import Tables, write_dataset
from trajset.builder.manifest import MadeBy
from trajset.builder.schema import Row
from trajset.builder.world.world import World, generate
from trajset.builder.world_config import WorldConfig

if any(importlib.util.find_spec(name) is None for name in ("torch", "transformers")):
    pytest.skip("needs the extra [local]: pip install 'trajset[local]'", allow_module_level=True)

from trajset.builder.chat.model_files import find_files
from trajset.eval.results_json import read_probe
from trajset.trainers.student import make_student, world_texts

FILES = ["adaptive.svg", "features.npz", "histogram.svg", "probe.json", "reliability.svg"]


@pytest.fixture(scope="module")
def world() -> World:
    return generate(WorldConfig(entities=100, questions=150, one_hop=1.0, comparison=0.0), "plain")


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory, world: World) -> Path:
    folder = tmp_path_factory.mktemp("probe") / "student"
    make_student(folder, world_texts(world))
    return folder


@pytest.fixture
def data(tmp_path: Path, world: World, student: Path) -> Path:
    """Closed-book and live rows of the student on the world's questions, 150 of each."""
    revision = find_files(str(student), None).revision
    rows: list[Row] = []
    for number, question in enumerate(world.questions):
        known = question.question.startswith("Wh")
        for row in (closed_row(number, float(known)), live_row(number, 0.75, searches=2)):
            made = dataclasses.replace(row.provenance, teacher="student", teacher_revision=revision)
            rows.append(dataclasses.replace(row, question=question, provenance=made))
    return written(rows, tmp_path / "data")


def written(rows: Iterable[Row], folder: Path) -> Path:
    write_dataset(folder, Tables(rows), MadeBy("test", datetime(2026, 1, 1, tzinfo=UTC)))
    return folder


def test_from_rows_to_files_and_a_sentence(launch, data, student, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    assert launch("probe", "--model", student, "--closed-book", data, "--out", out) == 0
    said = capsys.readouterr().out
    assert "layer 1 of 3, last token of the question" in said
    assert "150 questions" in said
    assert "Adaptive search pays: F1 rises at" in said
    assert "Simulated:" in said
    assert sorted(path.name for path in out.iterdir()) == FILES
    file = read_probe(out)
    assert file.probe.auroc is not None
    assert file.probe.auroc > 0.9
    assert file.probe.simulated
    assert file.versions["trajset"]
    assert str(tmp_path) not in (out / "probe.json").read_text("utf-8")
    assert file.command == "trajset probe --model student --closed-book data --out out"
    assert [point.percent for point in file.probe.curve] == [0, 1, 5, 10, 20, 50, 100]
    assert file.probe.curve[0].f1.value == pytest.approx(0.75)
    assert file.probe.curve[-1].f1.value == pytest.approx(file.probe.right / 150)
    assert (out / "reliability.svg").read_text("utf-8").startswith("<svg")


def test_a_second_run_reads_the_kept_features_and_says_the_same(
    launch, data, student, tmp_path, capsys
) -> None:
    command = ("probe", "--model", student, "--closed-book", data, "--live", data, "--out", tmp_path / "out")
    assert launch(*command) == 0
    first, said = read_probe(tmp_path / "out").probe, capsys.readouterr().out
    (student / "model.safetensors").rename(student / "away")  # the weights are not needed any more
    try:
        revision = find_files(str(student), None).revision
        assert revision != first.revision  # but then it is another model
        assert launch(*command) == 2
    finally:
        (student / "away").rename(student / "model.safetensors")
    capsys.readouterr()
    assert launch(*command) == 0
    assert read_probe(tmp_path / "out").probe == first
    assert capsys.readouterr().out == said


def test_without_live_rows_it_says_what_is_not_known(launch, data, student, tmp_path, capsys) -> None:
    from trajset.builder.dataset import LocalDataset

    closed = [row for row in LocalDataset.open(data).rows() if row.provenance.policy == "closed_book"]
    alone = written(closed, tmp_path / "alone")
    command = ("probe", "--model", student, "--closed-book", alone, "--out", tmp_path / "out")
    assert launch(*command, "--layer", 3, "--at", "prompt", "--right-by", "f1") == 0
    said = capsys.readouterr().out
    assert "not known: there are no live rows" in said
    assert "layer 3 of 3, last token of the prompt" in said
    assert not (tmp_path / "out" / "adaptive.svg").exists()
    assert launch(*command, "--live", alone) == 2
    assert "--live: must hold rows of this model" in capsys.readouterr().err


def test_rows_of_another_name_are_taken_and_told(launch, data, student, tmp_path, capsys) -> None:
    from trajset.builder.dataset import LocalDataset

    renamed = [
        dataclasses.replace(row, provenance=dataclasses.replace(row.provenance, teacher="served"))
        for row in LocalDataset.open(data).rows()
    ]
    served = written(renamed, tmp_path / "served")
    assert launch("probe", "--model", student, "--closed-book", served, "--out", tmp_path / "out") == 0
    assert "The rows name their model served; the hidden states are of student." in capsys.readouterr().out


def test_what_is_wrong_is_said_in_a_line(launch, data, student, tmp_path, capsys) -> None:
    command = ("probe", "--model", student, "--closed-book", data)
    for more, rule in (
        (("--layer", 9, "--out", tmp_path / "a"), "layer: must be from 0"),
        (("--layer", 0, "--out", tmp_path / "f"), "features: must differ between questions"),
        (("--benchmark", "frames", "--out", tmp_path / "b"), "must hold closed-book rows"),
        (("--noise", "drop=0.1", "--live", data, "--out", tmp_path / "c"), "--live: must hold rows"),
        (("--out", data), "must lie outside of a dataset"),
        (("--right-by", "llm_judge", "--out", tmp_path / "d"), "must have llm_judge"),
    ):
        assert launch(*command, *more) == 2
        assert rule in capsys.readouterr().err
    assert launch("probe", "--model", tmp_path, "--closed-book", data, "--out", tmp_path / "e") == 2
    assert "must be a folder with a model" in capsys.readouterr().err


def test_a_foreign_file_is_not_overwritten(launch, data, student, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "probe.json").write_text(json.dumps({"mine": 1}), "utf-8")
    assert launch("probe", "--model", student, "--closed-book", data, "--out", out) == 2
    assert "probe.json" in capsys.readouterr().err
    assert json.loads((out / "probe.json").read_text("utf-8")) == {"mine": 1}
