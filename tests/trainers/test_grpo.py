"""GRPO: what is rewarded, what is masked, groups, runs that go on bit for bit, the command."""

from __future__ import annotations

import dataclasses
import importlib.util
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

if importlib.util.find_spec("trl") is None:
    pytest.skip("needs the extra [train]", allow_module_level=True)

import torch
from live_rollouts import HITS, Library, question
from rich.console import Console
from trajset.builder.errors import ConfigError, DataError, RetrieverError
from trajset.builder.refs import DatasetRef, open_ref
from trajset.builder.schema import Hit, StopReason
from trajset.cli import app
from trajset.trainers import grpo_rollouts
from trajset.trainers.collapse_watch import CollapseWatch
from trajset.trainers.grpo import RecordedGrpo, grpo_trainer, open_practice, train_grpo
from trajset.trainers.grpo_options import CollapseOptions, GrpoConfig, RewardOptions, TurnOptions
from trajset.trainers.grpo_rollouts import Practice
from trajset.trainers.lineage import Lineage, read_lineage, write_lineage
from trajset.trainers.live import Writer
from trajset.trainers.options import GrpoFitting
from trajset.trainers.rewards import answer_reward, format_reward
from trajset.trainers.run_book import RunBook
from trajset.trainers.run_folder import RunFolder
from trajset.trainers.search_options import SearchOptions
from trajset.trainers.step_store import StepStore
from trajset.trainers.student import make_student
from trajset.trainers.student_model import find_student
from trajset.trainers.training_run import Audience, Ended

CALL = '<tool_call>{"name": "search", "arguments": {"query": "%s"}}</tool_call><|im_end|>'
SCRIPTS = {  # by the query that each begins with; the first finds the gold answer and a forged one
    "Ana Kohl born": "<answer>Trondheim</answer><|im_end|>",
    "Vesna director": "<answer>Oslo</answer><|im_end|>",
    "broken": "So it is Oslo, and nothing more<|im_end|>",
    "down": "never asked",
}
QUERIES = list(SCRIPTS)


class Away(Library):
    """Breaks as a whole at one query."""

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        if "down" in queries:
            raise RetrieverError("connection refused")
        return super().search(queries, k)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A micro student with random weights."""
    texts = [hit.passage.text for hits in HITS.values() for hit in hits]
    return make_student(tmp_path_factory.mktemp("model") / "student", texts).folder


FITTING = GrpoFitting(
    learning_rate=1e-3,
    per_device_train_batch_size=8,
    gradient_accumulation_steps=1,
    num_generations=4,
    max_steps=2,
    use_cpu=True,
)
TURNS = TurnOptions(max_tokens=64, max_completion_length=300)
SHORT = TurnOptions(max_tokens=24, max_completion_length=120)


def settings(student: Path, out: Path, **changes: Any) -> GrpoConfig:
    config = GrpoConfig("none", str(student), out, SearchOptions(("none",), k=1, max_turns=3))
    return dataclasses.replace(config, **{"turns": TURNS, "fitting": FITTING} | changes)


def scripted(config: GrpoConfig, monkeypatch: pytest.MonkeyPatch, questions: int = 2) -> RecordedGrpo:
    """A trainer whose student says the scripts, the n-th line the n-th of them."""

    def turn(trainer: RecordedGrpo, prompts: list[list[int]], *_: Any) -> tuple[list[list[int]], None]:
        texts = trainer.processing_class.batch_decode(prompts)
        said = [next((SCRIPTS[query] for query in QUERIES if f'"{query}"' in text), None) for text in texts]
        chosen = [one or CALL % QUERIES[line % len(QUERIES)] for line, one in enumerate(said)]
        return [trainer.processing_class(one)["input_ids"] for one in chosen], None

    async def no_pause(seconds: float) -> None:
        """No waiting in tests."""

    monkeypatch.setattr("trajset.builder.rollout.asyncio.sleep", no_pause)
    monkeypatch.setattr(RecordedGrpo, "_generate_single_turn", turn)
    return built(config, questions)


def built(config: GrpoConfig, questions: int = 2) -> RecordedGrpo:
    """A trainer as the command builds it."""
    files = find_student(config.model, None)
    lineage = Lineage("grpo", datetime.now(UTC), {"name": "t", "split": "t"}, {"name": "m"}, {})
    asked = {one.question_id: one for one in map(question, range(questions))}
    practice = Practice(asked, Writer("micro", "abc"), config.rewards, StepStore(config.out / "rollouts"))
    book = RunBook(RunFolder(config.out), lineage, print)
    trainer = grpo_trainer(config, files, open_practice(config, files, Away(HITS)), practice, book)
    trainer.model.train()
    return trainer


def step_of(trainer: RecordedGrpo, prompts: Sequence[str] = ("q0",) * 4 + ("q1",) * 4) -> dict[str, Any]:
    return trainer._generate_and_score_completions([{"prompt": prompt} for prompt in prompts])


def test_only_the_answer_earns(student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    trainer = scripted(settings(student, tmp_path), monkeypatch)
    step_of(trainer)
    rows = list(trainer.groups.practice.store.rows())
    assert [row.outcome.stop_reason for row in rows[:4]] == [
        StopReason.ANSWERED,
        StopReason.ANSWERED,
        StopReason.MALFORMED,
        StopReason.INFRASTRUCTURE,
    ]
    observed = rows[0].conversation.messages[3].content
    assert "Oslo" in observed
    assert "answer>Bergen" in observed
    assert [row.scores.f1 for row in rows] == [0.0, 1.0, 0.0, None] * 2
    told = trainer._metrics["train"]
    assert told["rewards/f1/mean"] == [pytest.approx(1 / 3)]
    assert told["rollouts/answered"] == [0.5]
    assert told["rollouts/failed"] == [0.25]
    assert told["frac_reward_zero_std"] == [0.0]


def test_advantages_are_those_of_the_paper_within_each_group(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    found = step_of(scripted(settings(student, tmp_path), monkeypatch))["advantages"].tolist()
    deviation = (2 / 9 * 3 / 2) ** 0.5  # of 0, 1, 0: the broken one has no say
    wanted = [-1 / 3 / deviation, 2 / 3 / deviation, -1 / 3 / deviation, 0.0]
    assert found == pytest.approx(wanted * 2, abs=1e-3)


def test_the_loss_is_on_what_the_student_wrote(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    trainer = scripted(settings(student, tmp_path), monkeypatch)
    found = step_of(trainer)
    mask = (found["tool_mask"] * found["completion_mask"]).bool()
    written = [
        trainer.processing_class.decode(ids[line])
        for ids, line in zip(found["completion_ids"], mask, strict=True)
    ]
    said = [CALL % query + SCRIPTS[query] for query in QUERIES[:3]]
    assert written == [*said, ""] * 2
    read = trainer.processing_class.decode(found["completion_ids"][1][~mask[1]])
    assert "Vesna is a film by Ana Kohl." in read


def test_a_rollout_that_broke_moves_nothing(student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    trainer = scripted(settings(student, tmp_path), monkeypatch)
    monkeypatch.setitem(globals(), "QUERIES", ["down"])
    found = step_of(trainer)
    assert found["advantages"].tolist() == [0.0] * 8
    assert int((found["tool_mask"] * found["completion_mask"]).sum()) == 0
    trainer.current_gradient_accumulation_steps = 1  # set by `train`
    loss = trainer._compute_loss(trainer.model, found)
    loss.backward()
    assert all(weight.grad is None or not weight.grad.any() for weight in trainer.model.parameters())


def test_a_conversation_without_room_is_masked(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    turns = dataclasses.replace(TURNS, max_length=4)
    found = step_of(scripted(settings(student, tmp_path, turns=turns), monkeypatch))
    assert found["completion_ids"].shape == (8, 1)
    assert int((found["tool_mask"] * found["completion_mask"]).sum()) == 0


def test_a_form_reward_is_added_where_it_is_asked_for(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    rewards = RewardOptions(reward="em", format_reward=0.1)
    trainer = scripted(settings(student, tmp_path, rewards=rewards), monkeypatch)
    step_of(trainer)
    told = trainer._metrics["train"]
    assert told["rewards/em/mean"] == [pytest.approx(1 / 3)]
    assert told["rewards/format/mean"] == [pytest.approx(2 / 3)]
    assert told["reward"] == [pytest.approx(1 / 3 + 0.1 * 2 / 3)]


def test_groups_are_samples_of_one_question_with_seeds_of_their_own(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    trainer = scripted(settings(student, tmp_path), monkeypatch)
    batch = next(iter(trainer.get_train_dataloader()))
    names = [line["prompt"] for line in batch]
    assert sorted(names) == ["q0"] * 4 + ["q1"] * 4
    assert names == [names[0]] * 4 + [names[4]] * 4
    step_of(trainer, names)
    rows = list(trainer.groups.practice.store.rows())
    assert [row.question.question_id for row in rows] == names
    assert [row.identity.sample_index for row in rows] == [0, 1, 2, 3] * 2
    assert len({row.identity.id for row in rows}) == 8
    assert {row.provenance.teacher_revision for row in rows} == {"abc@step0"}


def test_rewards_are_pure_and_null_where_unknown(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    trainer = scripted(settings(student, tmp_path), monkeypatch)
    seen: list[Any] = []
    monkeypatch.setattr(grpo_rollouts, "answer_reward", lambda one, kind: seen.append(one) or 0.0)
    step_of(trainer)
    assert [answer_reward(one, "em") for one in seen[:4]] == [0.0, 1.0, 0.0, None]
    assert [format_reward(one) for one in seen[:4]] == [1.0, 1.0, 0.0, None]


@pytest.mark.parametrize("grammar", ["tools", "tags"])
def test_a_turn_ends_where_the_grammar_ends_it(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grammar: str
):
    turns = TurnOptions(max_tokens=5, max_completion_length=20, grammar=grammar)
    trainer = built(settings(student, tmp_path, turns=turns))
    seen: list[dict[str, Any]] = []
    generate = trainer.model.generate

    def watched(**given: Any) -> Any:
        room = given["generation_config"].max_new_tokens  # the same object is set anew for the next turn
        seen.append(given | {"room": room})
        return generate(**given)

    monkeypatch.setattr(trainer.model, "generate", watched)
    step_of(trainer)
    assert all(("stopping_criteria" in given) is (grammar == "tags") for given in seen)
    assert seen[0]["room"] == 5


def test_what_was_told_before_a_resume_is_not_told_again(tmp_path: Path):
    said: list[str] = []
    lineage = Lineage("grpo", datetime.now(UTC), {"name": "t", "split": "t"}, {"name": "m"}, {})
    book = RunBook(RunFolder(tmp_path), lineage, said.append)
    points = [{"step": step, "reward": 0.0, "frac_reward_zero_std": 1.0} for step in range(1, 5)]
    state, control = SimpleNamespace(log_history=points[:2], global_step=2), SimpleNamespace()
    options = CollapseOptions(collapse_window=2, stop_on_collapse=True)
    watch = CollapseWatch(options, book)
    watch.on_train_begin(None, state, control)
    assert [one["step"] for one in book.lineage.result["collapse"]] == [2]
    state.log_history = points
    watch.on_log(None, state, control)
    assert said == []
    assert not hasattr(control, "should_training_stop")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain world with index, rows, a split and a student of random weights."""
    folder = tmp_path_factory.mktemp("place")
    world = ("--plain", "--entities", 60, "--questions", 12, "--one-hop", 1, "--comparison", 0)
    teacher = ("--teacher", "simulated", "--world", folder / "world", "--k", 1)
    run("world", folder / "world", *world, "--lookalikes", 0)
    run("index", folder / "world" / "corpus.jsonl", folder / "index")
    questions = folder / "world" / "questions.jsonl"
    run("collect", "--questions", questions, "--index", folder / "index", "--out", folder / "data", *teacher)
    run("filter", folder / "data", "--recipe", "f1_search")
    run("student", folder / "student", "--world", folder / "world")
    return folder


def run(*tokens: object) -> int:
    """`trajset TOKENS`, in this process; its exit code."""
    before = app.config
    try:
        return int(app.meta([str(token) for token in tokens], result_action="return_value") or 0)
    finally:
        app.config = before


def options(place: Path, out: Path) -> list[object]:
    return [
        *("--data", f"{place}/data:f1_search", "--model", place / "student", "--index", place / "index"),
        *("--out", out, "--k", 1, "--max-turns", 2, "--max-tokens", 24, "--max-completion-length", 120),
        *("--per-device-train-batch-size", 4, "--gradient-accumulation-steps", 2, "--num-generations", 4),
        *("--learning-rate", 1e-3, "--use-cpu"),
    ]


def test_the_command_tells_of_collapse_and_repeats_itself(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "run"
    assert run("train", "grpo", *options(place, out), "--max-steps", 3, "--collapse-window", 2) == 0
    told = capsys.readouterr().out
    assert "collapse: no learning signal at step 2 (100% of the groups earn the same)" in told
    assert "reward 0.000 -> 0.000" in told
    assert "collapsed: no learning signal at step 2." in told
    lineage = read_lineage(out)
    assert lineage.state == "complete"
    assert lineage.dataset["questions"] == lineage.dataset["rows"]
    assert lineage.inputs["search"]["retriever"].startswith("bm25")
    assert [one["what"] for one in lineage.result["collapse"]] == ["no learning signal"]
    assert lineage.progress.rows_seen == 24
    assert lineage.progress.loss_tokens_seen < lineage.progress.tokens_seen
    assert str(place) not in (out / "training.json").read_text("utf-8")
    card = (out / "README.md").read_text("utf-8")
    assert "| no learning signal | at step 2, to 1 |" in card
    assert "bm25" in card
    assert (out / "curves.png").is_file()
    rows = list(open_ref(DatasetRef.parse(f"{out}/rollouts:raw")).rows("raw"))
    assert len(rows) == 24
    assert {row.provenance.teacher for row in rows} == {"student"}
    assert (out / "rollouts" / "README.md").is_file()
    assert not (out / "rollout-steps").exists()
    assert run("train", "--from-lineage", out, "--out", tmp_path / "again") == 0
    assert "The same weights, bit for bit" in capsys.readouterr().out


def test_a_collapsed_run_stops_where_that_is_asked_for(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    more = ("--max-steps", 5, "--collapse-window", 2, "--stop-on-collapse")
    assert run("train", "grpo", *options(place, tmp_path / "run"), *more) == 0
    assert "stopping at step 2" in capsys.readouterr().out
    lineage = read_lineage(tmp_path / "run")
    assert (lineage.state, lineage.progress.step) == ("complete", 2)


def letters(trajectory: Any, kind: str) -> float:
    """A reward that random weights can earn: of the letters they wrote."""
    written = "".join(message.content for message in trajectory.conversation.messages if message.is_model)
    return sum(map(ord, written)) % 5 / 4


def practice_in(place: Path, out: Path, **changes: Any) -> GrpoConfig:
    """A short run on the questions of the place."""
    config = settings(place / "student", out, turns=SHORT, **changes)
    search = SearchOptions((str(place / "index"),), k=1, max_turns=2)
    return dataclasses.replace(config, data=f"{place}/data:f1_search", search=search)


def trained(config: GrpoConfig) -> Ended:
    return train_grpo(config, Audience(Console(quiet=True), lambda text: None), lambda folder: None)


@pytest.mark.parametrize(("iterations", "batch"), [(1, 16), (2, 8)], ids=["second epoch", "rollouts reused"])
def test_a_run_that_goes_on_ends_with_the_same_weights(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, iterations: int, batch: int
):
    monkeypatch.setattr(grpo_rollouts, "answer_reward", letters)
    fitting = dataclasses.replace(
        FITTING,
        max_steps=4,
        save_steps=3,
        per_device_train_batch_size=batch,
        num_iterations=iterations,
        beta=0.01,
        weight_decay=0.01,
    )
    config = practice_in(place, tmp_path / "whole", fitting=fitting)
    whole = trained(config).lineage
    assert (whole.progress.epoch > 1) is (iterations == 1)
    assert whole.result["weights"] != weights_of(place / "student")

    broken = tmp_path / "broken"
    shutil.copytree(
        tmp_path / "whole", broken, ignore=shutil.ignore_patterns("checkpoint-4", "*.safetensors")
    )
    shutil.copytree(tmp_path / "whole" / "checkpoint-3", broken / "checkpoint-3", dirs_exist_ok=True)
    write_lineage(broken, read_lineage(broken / "checkpoint-3"))
    resumed = trained(dataclasses.replace(config, out=broken, resume=True)).lineage
    assert resumed.result["weights"] == whole.result["weights"]
    assert resumed.progress.rows_seen == whole.progress.rows_seen
    assert history(broken) == history(tmp_path / "whole")


def weights_of(folder: Path) -> str:
    from trajset.trainers.lineage import weights_hash

    return weights_hash(folder)


def history(folder: Path) -> list[dict[str, Any]]:
    """The points of the curves but for what a clock measured."""
    points = map(orjson.loads, (folder / "history.jsonl").read_bytes().splitlines())
    return [
        {name: value for name, value in point.items() if "time" not in name and "per_second" not in name}
        for point in points
        if "reward" in point
    ]


def test_a_batch_that_holds_no_whole_groups_is_refused(place: Path, tmp_path: Path):
    fitting = dataclasses.replace(FITTING, num_generations=3)
    with pytest.raises(ConfigError, match="must be divisible by num_generations"):
        trained(practice_in(place, tmp_path / "run", fitting=fitting))


def test_fewer_questions_than_are_asked_at_once_are_refused(place: Path, tmp_path: Path):
    fitting = dataclasses.replace(FITTING, per_device_train_batch_size=64)
    with pytest.raises(ConfigError, match="questions: must be at least the 16 that are asked at once"):
        trained(practice_in(place, tmp_path / "run", fitting=fitting))


def test_what_keeps_the_model_from_loading_is_told(place: Path, tmp_path: Path):
    fitting = dataclasses.replace(FITTING, attn_implementation="flash_attention_2")
    with pytest.raises(ConfigError, match="must be one that the trainer takes"):
        trained(practice_in(place, tmp_path / "run", fitting=fitting))


def test_questions_without_a_gold_answer_cannot_be_practised(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from trajset.trainers.named_split import NamedSplit

    real: Callable[[NamedSplit], Iterator[Any]] = NamedSplit.rows
    monkeypatch.setattr(
        NamedSplit,
        "rows",
        lambda split: (
            dataclasses.replace(row, question=dataclasses.replace(row.question, gold_answers=()))
            for row in real(split)
        ),
    )
    with pytest.raises(DataError, match="must hold a question with a gold answer"):
        trained(practice_in(place, tmp_path / "run"))
