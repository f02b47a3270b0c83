"""RFT: rounds of sampling, filtering and training. The simulated teacher speaks in the student's place."""

import asyncio
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="needs the extra [train]: pip install 'trajset[train]'")

from trajset.builder.collect import Collected, collect
from trajset.builder.collect_job import CollectJob
from trajset.builder.config import CollectConfig, TeacherKnobs
from trajset.builder.dataset import LocalDataset
from trajset.builder.errors import DataError
from trajset.builder.prompts import load_prompt
from trajset.builder.questions import load_questions
from trajset.builder.retrieval.tantivy_index import TantivyRetriever
from trajset.builder.rollout import Agent
from trajset.builder.world.files import write_world
from trajset.builder.world.teacher import SimulatedTeacher
from trajset.builder.world.world import generate
from trajset.trainers import rft
from trajset.trainers.lineage import read_lineage
from trajset.trainers.options import RftFitting
from trajset.trainers.render import Refused
from trajset.trainers.rft_options import RftConfig, SamplingOptions
from trajset.trainers.search_options import SearchOptions
from trajset.trainers.training_run import Audience

from .conftest import Lab

Sampled = Callable[[CollectConfig], Collected]


@pytest.fixture
def sampled(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[CollectConfig]:
    """What was sampled; the simulated teacher answers in the student's place."""
    asked: list[CollectConfig] = []
    other = dataclasses.replace(lab.world.config, questions=120)
    world = generate(other, "plain")
    write_world(world, tmp_path / "world")

    def answered(config: CollectConfig) -> Collected:
        asked.append(config)
        questions = tuple(load_questions(config.questions, config.limit, config.seed))
        agent = Agent(
            SimulatedTeacher(world, TeacherKnobs(known=0.3, misreading=0.0)),
            TantivyRetriever.open(Path(config.index[0])),
            load_prompt("always_search", "tools"),
            k=config.k,
        )
        job = CollectJob(questions, agent, config.out, seed=config.seed, resume=config.resume)
        return asyncio.run(collect(job))

    monkeypatch.setattr(rft, "run_collect", answered)
    return asked


def config(lab: Lab, tmp_path: Path, **changes: Any) -> RftConfig:
    fitting = RftFitting(
        learning_rate=1e-3, num_train_epochs=1.0, per_device_train_batch_size=8, save_steps=2
    )
    values: dict[str, Any] = {
        "data": lab.data,
        "model": lab.student,
        "questions": str(tmp_path / "world" / "questions.jsonl"),
        "out": tmp_path / "rft",
        "search": SearchOptions((lab.index,), k=1),
        "min_kept": 5,
        "fitting": fitting,
    }
    return RftConfig(**values | changes)


def train(config: RftConfig, audience: Audience) -> Any:
    return rft.train_rft(config, audience, lambda folder: None)


def test_every_round_leaves_a_dataset_and_a_model(
    lab: Lab, tmp_path: Path, audience: Audience, said: list[str], sampled: list[CollectConfig]
) -> None:
    ended = train(config(lab, tmp_path, rounds=2), audience)
    assert [Path(one.teacher) for one in sampled] == [Path(lab.student), tmp_path / "rft/round-1/model"]
    assert sampled[0].seed != sampled[1].seed
    known = {row.question.question_id for row in LocalDataset.open(lab.folder / "data").rows("f1_search")}
    lineage = read_lineage(tmp_path / "rft")
    assert lineage == ended.lineage
    assert lineage.state == "complete"
    assert len(lineage.stages) == 2
    for number, stage in enumerate(lineage.stages, 1):
        data = LocalDataset.open(tmp_path / f"rft/round-{number}/data")
        kept = data.manifest.split("f1_search").rows
        assert not known & {row.question.question_id for row in data.rows()}
        assert stage["dataset"]["mixed"]["rows"] == min(kept, lab.rows)
        assert stage["audit"]["rows"] == kept + stage["dataset"]["mixed"]["rows"]
    assert lineage.stages[1]["model"]["name"] == "model"
    first, last = tmp_path / "rft/round-2/model/model.safetensors", tmp_path / "rft/model.safetensors"
    assert first.read_bytes() == last.read_bytes()
    assert lineage.result["weights"] == lineage.stages[1]["result"]["weights"]
    assert any(line.startswith("round 2: ") for line in said)


def test_a_run_that_stopped_in_a_rounds_training_goes_on_there(
    lab: Lab,
    tmp_path: Path,
    audience: Audience,
    sampled: list[CollectConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from trajset.trainers.watch import StopOnSignal

    step = StopOnSignal.on_step_end

    def asked(self: StopOnSignal, args: Any, state: Any, control: Any, **others: Any) -> Any:
        self.asked = state.global_step == 3
        return step(self, args, state, control, **others)

    with monkeypatch.context() as patch:
        patch.setattr(StopOnSignal, "on_step_end", asked)
        assert train(config(lab, tmp_path), audience).interrupted
    assert read_lineage(tmp_path / "rft/round-1/model").progress.step == 3
    ended = train(config(lab, tmp_path, resume=True), audience)
    assert len(sampled) == 1
    whole = train(config(lab, tmp_path, out=tmp_path / "whole"), audience)
    assert ended.lineage.progress.step == whole.lineage.progress.step
    assert ended.lineage.result["weights"] == whole.lineage.result["weights"]


def test_a_round_that_keeps_too_little_is_an_error(
    lab: Lab, tmp_path: Path, audience: Audience, sampled: list[CollectConfig]
) -> None:
    with pytest.raises(DataError, match=r"round 1: must keep at least 50 rows .* of 20'\. Sample more"):
        train(config(lab, tmp_path, min_kept=50, sampling=SamplingOptions(limit=20)), audience)


def test_what_breaks_the_grammar_is_left_out_and_told(
    lab: Lab,
    tmp_path: Path,
    audience: Audience,
    said: list[str],
    sampled: list[CollectConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Picky(rft.Renderer):
        """Refuses the first row, as if the student had called with arguments that are no JSON."""

        def rows(self, rows: Any) -> Any:
            yield from (
                Refused(row.id, "broken") if not at else self.render(row) for at, row in enumerate(rows)
            )

    monkeypatch.setattr(rft, "Renderer", Picky)
    ended = train(config(lab, tmp_path, mix=0.0), audience)
    kept = LocalDataset.open(tmp_path / "rft/round-1/data").manifest.split("f1_search").rows
    assert ended.lineage.stages[0]["audit"]["rows"] == kept - 1
    assert any("of which 1 break the grammar and are left out" in line for line in said)


def test_only_new_questions_are_asked(
    lab: Lab, tmp_path: Path, audience: Audience, sampled: list[CollectConfig]
) -> None:
    train(config(lab, tmp_path, mix=0.0), audience)
    lineage = read_lineage(tmp_path / "rft")
    assert lineage.stages[0]["dataset"]["mixed"]["rows"] == 0
    assert lineage.inputs["search"]["corpus"].startswith("demo-world@")
    with pytest.raises(DataError, match="questions: must not all be those of --data"):
        train(config(lab, tmp_path, out=tmp_path / "none", questions=own_questions(lab, tmp_path)), audience)


def own_questions(lab: Lab, folder: Path) -> str:
    """A file of the questions that the split is about."""
    import orjson

    file = folder / "own.jsonl"
    rows = LocalDataset.open(lab.folder / "data").rows("f1_search")
    file.write_bytes(b"".join(orjson.dumps(row.question) + b"\n" for row in rows))
    return str(file)


def test_a_split_without_a_recipe_needs_one(
    lab: Lab, tmp_path: Path, audience: Audience, sampled: list[CollectConfig]
) -> None:
    raw = f"{lab.folder / 'data'}:raw"
    with pytest.raises(DataError, match="must be a split with a recipe"):
        train(config(lab, tmp_path, data=raw), audience)
    ended = train(config(lab, tmp_path, data=raw, recipe="f1_only", mix=0.0), audience)
    assert ended.lineage.inputs["recipe"]["name"] == "f1_only"
