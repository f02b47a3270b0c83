"""`trajset train opd`: live and replayed runs, their folders, what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

pytest.importorskip("trl", reason="needs the extra [train]")

from family_tokenizers import four_turns
from live_rollouts import FORGED, question
from trajset.builder.config import IndexConfig
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.manifest import MadeBy
from trajset.builder.retrieval.tantivy_index import build_index
from trajset.trainers.student import make_student

FITTING = ("--max-steps", 2, "--per-device-train-batch-size", 2, "--gradient-accumulation-steps", 1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Student, teacher, questions, an index and a dataset."""
    root = tmp_path_factory.mktemp("opd")
    for name, seed in (("student", 0), ("teacher", 1)):
        make_student(root / name, [FORGED], seed=seed)
    lines = [orjson.dumps({**_plain(question(number))}) for number in range(3)]
    (root / "questions.jsonl").write_bytes(b"\n".join(lines))
    passages = [orjson.dumps({"id": str(n), "title": f"T{n}", "text": f"{FORGED} {n}"}) for n in range(4)]
    (root / "corpus.jsonl").write_bytes(b"\n".join(passages))
    build_index(str(root / "corpus.jsonl"), root / "index", IndexConfig(name="few"))
    made = MadeBy("test", datetime(2026, 1, 1, tzinfo=UTC))
    write_dataset(root / "data", Tables([four_turns(thinking=False)]), made)
    return root


def _plain(one):
    return {
        "question_id": one.question_id,
        "dataset": one.dataset,
        "question": one.question,
        "gold_answers": list(one.gold_answers),
        "hops": one.hops,
        "supporting_titles": None,
    }


def live(place: Path, out: Path, *more: object) -> tuple[object, ...]:
    return (
        *("train", "opd", "--model", place / "student", "--teacher", place / "teacher", "--out", out),
        *("--questions", place / "questions.jsonl", "--index", place / "index", "--samples", 2),
        *("--max-tokens", 12, "--max-completion-length", 64, "--learning-rate", 1e-3, *FITTING, *more),
    )


def test_a_live_run_leaves_a_model_and_a_dataset_of_its_rollouts(launch, place, tmp_path, capsys):
    out = tmp_path / "run"
    assert launch(*live(place, out)) == 0
    lineage = json.loads((out / "training.json").read_text("utf-8"))
    assert lineage["state"] == "complete"
    assert lineage["method"] == "opd"
    assert lineage["teacher"]["name"] == "teacher"
    assert lineage["dataset"]["rows"] == 3
    assert lineage["progress"]["rows_seen"] == 4
    assert (out / "model.safetensors").is_file()
    rows = list(LocalDataset.open(out / "rollouts").rows())
    assert len(rows) == 4
    assert {row.provenance.teacher for row in rows} == {"student"}
    assert {row.provenance.teacher_revision.split("@")[1] for row in rows} == {"step0", "step1"}
    assert (out / "rollouts" / "README.md").is_file()
    assert not (out / "rollout-steps").exists()
    assert "2 steps, 4 rows" in capsys.readouterr().out
    assert launch(*live(place, out, "--resume")) == 0
    assert "nothing to do" in capsys.readouterr().out
    again = tmp_path / "again"
    assert launch("train", "--from-lineage", out, "--out", again) == 0
    assert "The same weights, bit for bit" in capsys.readouterr().out
    assert list(LocalDataset.open(again / "rollouts").ids()) == [row.id for row in rows]


def test_the_questions_of_a_split_are_answered(launch, place, tmp_path):
    given = list(live(place, tmp_path / "run"))
    given[given.index("--questions") : given.index("--questions") + 2] = ["--data", f"{place / 'data'}:raw"]
    assert launch(*given) == 0
    lineage = json.loads((tmp_path / "run" / "training.json").read_text("utf-8"))
    assert lineage["dataset"]["split"] == "raw"
    assert lineage["inputs"]["questions"]["count"] == 1
    asked = {row.question.question_id for row in LocalDataset.open(tmp_path / "run" / "rollouts").rows()}
    assert asked == {row.question.question_id for row in LocalDataset.open(place / "data").rows()}


def test_a_replay_needs_rows(launch, place, tmp_path, capsys):
    assert launch(*live(place, tmp_path / "run", "--replay")) == 2
    assert "replay: must have rows" in capsys.readouterr().err


def test_a_replay_learns_from_rows_without_a_search(launch, place, tmp_path, capsys):
    out = tmp_path / "run"
    models = ("--model", place / "student", "--teacher", place / "teacher")
    rows = ("--data", f"{place / 'data'}:raw")
    batches = ("--max-steps", 2, "--per-device-train-batch-size", 1, "--gradient-accumulation-steps", 1)
    assert launch("train", "opd", *models, "--out", out, "--replay", *rows, *batches) == 0
    lineage = json.loads((out / "training.json").read_text("utf-8"))
    assert lineage["dataset"]["split"] == "raw"
    assert lineage["audit"]["loss_tokens"] > 0
    assert lineage["progress"]["loss_tokens_seen"] == 2 * lineage["audit"]["loss_tokens"]
    assert not (out / "rollouts").exists()


@pytest.mark.parametrize(
    ("left_out", "said"),
    [("--questions", "data: must be given, or questions"), ("--index", "index: must be given for live")],
)
def test_what_is_missing_is_named(launch, place, tmp_path, capsys, left_out, said):
    given = list(live(place, tmp_path / "run"))
    at = given.index(left_out)
    assert launch(*given[:at], *given[at + 2 :]) == 2
    assert said in capsys.readouterr().err


def test_a_teacher_with_other_tokens_is_refused(launch, place, tmp_path, capsys):
    make_student(tmp_path / "other", ["zzz and quite another text"])
    given = list(live(place, tmp_path / "run"))
    given[given.index("--teacher") + 1] = tmp_path / "other"
    assert launch(*given) == 2
    assert "under the same ids, but" in capsys.readouterr().err
