"""On-policy distillation: the loss is TRL's, runs are repeatable, replay and served teachers agree."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from typing import Any

import pytest

if importlib.util.find_spec("trl") is None:
    pytest.skip("needs the extra [train]", allow_module_level=True)

import torch
from datasets import Dataset
from live_rollouts import HITS, Canned, Library, question
from teacher_stub import TeacherStub
from trajset.builder.chat.openai_client import Endpoint
from trajset.builder.errors import ChatServerError, ConfigError, DataError, RetrieverError
from trajset.builder.prompts import SEARCH_TOOL, load_prompt, observation_text
from trajset.builder.retrieval.retriever import DictRetriever
from trajset.builder.schema import SearchCall, StopReason
from trajset.trainers.chat_tokenizer import open_tokenizer
from trajset.trainers.completions import Live, Replay
from trajset.trainers.live import LiveSettings, Writer
from trajset.trainers.live_chat import Room
from trajset.trainers.lockstep import Batch
from trajset.trainers.opd import LocalTeacher, OpdParts, opd_trainer
from trajset.trainers.render import Rendered, Renderer
from trajset.trainers.step_store import StepStore
from trajset.trainers.student import make_student, micro_tokenizer
from trajset.trainers.target import Target, choose_target
from trajset.trainers.teacher_server import TeacherServer
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import DistillationConfig, DistillationTrainer

CALL = '<tool_call>{"name": "search", "arguments": {"query": "%s"}}</tool_call><|im_end|>'
TURNS = {
    0: (CALL % "Vesna director", CALL % "Ana Kohl born", "So it is.\n<answer>Oslo</answer><|im_end|>"),
    1: (CALL % "Vesna director", "<answer>Bergen</answer><|im_end|>"),
    2: ("<answer>Oslo</answer><|im_end|>",),
    3: (CALL % "Ana Kohl born", "no action at all<|im_end|>"),
}
TEXTS = [hit.passage.text for hits in HITS.values() for hit in hits]
QUESTIONS = tuple(question(number) for number in range(4))
STUDENT = Writer("micro", "abc")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A student and a teacher with the same tokens and other weights."""
    place = tmp_path_factory.mktemp("models")
    made = [
        make_student(place / name, TEXTS, seed=seed).folder for name, seed in (("student", 0), ("teacher", 1))
    ]
    return made[0], made[1]


@pytest.fixture(scope="module")
def target(folders: tuple[Path, Path]) -> Target:
    return choose_target(open_tokenizer(str(folders[0])), "tools")


def model_of(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def local_teacher(folder: Path) -> LocalTeacher:
    return LocalTeacher(model_of(folder), AutoTokenizer.from_pretrained(folder))


def config(out: Path, **changes: Any) -> DistillationConfig:
    fixed = {
        "output_dir": str(out),
        "per_device_train_batch_size": 4,
        "max_completion_length": 256,
        "learning_rate": 1e-3,
        "max_steps": 2,
        "logging_steps": 1,
        "bf16": False,
        "use_cpu": True,
        "gradient_checkpointing": False,
        "report_to": [],
        "save_strategy": "no",
        "disable_tqdm": True,
        "shuffle_dataset": False,
        "seed": 7,
    }
    return DistillationConfig(**fixed | changes)


def settings(**changes: Any) -> LiveSettings:
    return LiveSettings(**{"retriever": Library(HITS), "room": Room(64, 512, 2048)} | changes)


def parts(
    folders: tuple[Path, Path], target: Target, store: StepStore | None = None, **changes: Any
) -> OpdParts:
    teacher = changes.pop("teacher", None) or local_teacher(folders[1])
    live = Live(QUESTIONS, STUDENT, samples=1, store=store)
    return OpdParts(model_of(folders[0]), target, teacher, live, settings(**changes))


def scripted(monkeypatch: pytest.MonkeyPatch, target: Target) -> None:
    """Let students say `TURNS`, in our trainer and in TRL's."""
    model: dict[int, Canned] = {}

    def single_turn(
        trainer: Any, prompts: list[list[int]], *_: Any, has_tool_images: bool = False
    ) -> list[list[int]]:
        if id(trainer) not in model or len(prompts) >= model[id(trainer)].rollouts:  # a batch begins
            model[id(trainer)] = Canned(target, lambda who, turn: TURNS[who][turn])
        return [list(said.ids) for said in model[id(trainer)](Batch(prompts, 64, ()))]

    monkeypatch.setattr(DistillationTrainer, "_generate_single_turn", single_turn)


class Tool(dict[str, Any]):
    """The search tool for bare TRL, with the schema that rows have."""

    __name__ = "search"

    def __init__(self) -> None:
        super().__init__(SEARCH_TOOL)

    def __call__(self, query: str) -> str:
        (hits,) = Library(HITS).search([query], 5)
        return observation_text(SearchCall(query, tuple(hits)))


def bare(folders: tuple[Path, Path], args: DistillationConfig) -> DistillationTrainer:
    prompt = load_prompt("always_search", "tools")
    prompts = [
        [{"role": "system", "content": prompt.text}, {"role": "user", "content": one.question}]
        for one in QUESTIONS
    ]
    return DistillationTrainer(
        model=model_of(folders[0]),
        teacher_model=model_of(folders[1]),
        args=args,
        train_dataset=Dataset.from_dict({"prompt": prompts}),
        processing_class=AutoTokenizer.from_pretrained(folders[0]),
        tools=[Tool()],
    )


def losses(trainer: Any) -> list[float]:
    trainer.train()
    return [point["loss"] for point in trainer.state.log_history if "loss" in point]


@pytest.mark.parametrize("beta", [1.0, 0.0, 0.5])
def test_on_the_same_rollouts_the_loss_is_that_of_bare_trl(folders, target, tmp_path, monkeypatch, beta):
    scripted(monkeypatch, target)
    args = config(tmp_path, beta=beta, max_steps=1)
    ours, theirs = opd_trainer(args, parts(folders, target)), bare(folders, args)
    made = [
        trainer._generate_and_score_completions([trainer.train_dataset[place] for place in range(4)])
        for trainer in (ours, theirs)
    ]
    for name in ("prompt_ids", "prompt_mask", "completion_ids", "completion_mask", "tool_mask"):
        assert torch.equal(made[0][name], made[1][name]), name
    values = [
        trainer.compute_loss(trainer.model.train(), batch)
        for trainer, batch in zip((ours, theirs), made, strict=True)
    ]
    assert values[0].item() == values[1].item() > 0
    for value in values:
        value.backward()
    pairs = zip(ours.model.parameters(), theirs.model.parameters(), strict=True)
    assert all(torch.equal(a.grad, b.grad) for a, b in pairs)


def test_a_step_tells_of_its_rollouts_and_keeps_their_rows(folders, target, tmp_path, monkeypatch):
    scripted(monkeypatch, target)
    store = StepStore(tmp_path / "steps")
    trainer = opd_trainer(config(tmp_path / "run", max_steps=1), parts(folders, target, store))
    trainer.train()
    (point,) = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert point["rollouts/f1"] == 0.5
    assert point["rollouts/answered"] == 0.75
    assert point["rollouts/searches"] == 1.0
    assert (
        point["rollouts/failed"] == point["rollouts/failed_searches"] == point["rollouts/token_limit"] == 0.0
    )
    assert point["entropy"] > 0
    rows = list(store.rows())
    assert [row.question.question_id for row in rows] == ["q0", "q1", "q2", "q3"]
    assert [row.scores.f1 for row in rows] == [1.0, 0.0, 1.0, 0.0]
    assert {row.provenance.teacher for row in rows} == {"micro"}
    assert {row.provenance.teacher_revision for row in rows} == {"abc@step0"}
    assert len({row.id for row in rows}) == 4
    assert rows[0].conversation.tools == (SEARCH_TOOL,)


def test_the_same_seed_makes_the_same_run_and_another_another(folders, target, tmp_path):
    runs = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        store = StepStore(tmp_path / name / "steps")
        trainer = opd_trainer(config(tmp_path / name, seed=seed), parts(folders, target, store))
        runs.append((losses(trainer), [row.conversation for row in store.rows()]))
    assert runs[0] == runs[1]
    assert runs[0][1] != runs[2][1]


class StopAt(TrainerCallback):
    """Ends a run before its time."""

    def __init__(self, step: int) -> None:
        self._step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        control.should_training_stop = state.global_step >= self._step


def test_a_run_that_goes_on_from_a_checkpoint_makes_the_same_rollouts(folders, target, tmp_path):
    def run(name: str, stop: int, resume: bool = False) -> tuple[list[float], list[Any]]:
        store = StepStore(tmp_path / name / "steps")
        args = config(tmp_path / name, max_steps=4, save_strategy="steps", save_steps=2, shuffle_dataset=True)
        trainer = opd_trainer(args, parts(folders, target, store))
        trainer.add_callback(StopAt(stop))
        trainer.train(resume_from_checkpoint=resume)
        kept = [(row.id, row.conversation.messages, row.outcome) for row in store.rows()]
        return [point["loss"] for point in trainer.state.log_history if "loss" in point], kept

    whole = run("whole", 4)
    run("cut", 3)
    assert not (tmp_path / "cut" / "checkpoint-3").exists(), "step 3 has rows and no checkpoint"
    assert run("cut", 4, resume=True) == whole


def test_gradient_accumulation_divides_one_batch_of_rollouts(folders, target, tmp_path, monkeypatch):
    scripted(monkeypatch, target)
    args = config(tmp_path, per_device_train_batch_size=2, gradient_accumulation_steps=2, max_steps=1)
    store = StepStore(tmp_path / "steps")
    (loss,) = losses(opd_trainer(args, parts(folders, target, store)))
    assert len(list(store.rows())) == 4
    (whole,) = losses(opd_trainer(config(tmp_path, max_steps=1), parts(folders, target)))
    assert loss == pytest.approx(whole, rel=1e-5)


class Down(DictRetriever):
    """A search engine that is away."""

    def search(self, queries, k):
        raise RetrieverError("connection refused")


async def no_pause(seconds: float) -> None:
    """No waiting in tests."""


def test_nothing_is_learnt_where_infrastructure_fails(folders, target, tmp_path, monkeypatch):
    scripted(monkeypatch, target)
    monkeypatch.setattr("trajset.builder.rollout.asyncio.sleep", no_pause)
    store = StepStore(tmp_path / "steps")
    trainer = opd_trainer(config(tmp_path, max_steps=1), parts(folders, target, store, retriever=Down({})))
    trainer.model.train()
    batch = trainer._generate_and_score_completions([trainer.train_dataset[place] for place in range(4)])
    learnt = (batch["completion_mask"] * batch["tool_mask"]).sum(dim=1).tolist()
    assert [bool(tokens) for tokens in learnt] == [False, False, True, False]
    assert batch["num_items_in_batch"] == sum(learnt)
    assert trainer._metrics["train"]["rollouts/failed"] == [0.75]
    reasons = [row.outcome.stop_reason for row in store.rows()]
    assert reasons.count(StopReason.INFRASTRUCTURE) == 3


def test_a_batch_without_anything_to_learn_changes_no_weight(folders, target, tmp_path, monkeypatch):
    scripted(monkeypatch, target)
    trainer = opd_trainer(config(tmp_path, max_steps=1), parts(folders, target, room=Room(64, 512, 8)))
    before = [weights.clone() for weights in trainer.model.parameters()]
    (loss,) = losses(trainer)
    assert loss == 0.0
    assert all(torch.equal(a, b) for a, b in zip(before, trainer.model.parameters(), strict=True))


def replayed(target: Target, rows: Any) -> Dataset:
    found = [one for one in Renderer(target).rows(rows) if isinstance(one, Rendered)]
    return Dataset.from_dict(
        {"input_ids": [list(one.input_ids) for one in found], "labels": [list(one.labels) for one in found]}
    )


def test_a_replay_of_what_was_written_has_the_loss_of_the_live_step(folders, target, tmp_path, monkeypatch):
    scripted(monkeypatch, target)
    store = StepStore(tmp_path / "steps")
    given = parts(folders, target, store)
    live = opd_trainer(config(tmp_path, max_steps=1, per_device_train_batch_size=3), given)
    first = live._generate_and_score_completions([live.train_dataset[place] for place in range(3)])
    again = dataclasses.replace(
        given, model=model_of(folders[0]), source=Replay(replayed(target, store.rows())), settings=None
    )
    replay = opd_trainer(config(tmp_path, max_steps=1, per_device_train_batch_size=3), again)
    second = replay._generate_and_score_completions([replay.train_dataset[place] for place in range(3)])
    for name in ("prompt_ids", "completion_ids", "completion_mask", "tool_mask"):
        assert torch.equal(first[name], second[name]), name
    assert replay.compute_loss(replay.model.train(), second) == live.compute_loss(live.model.train(), first)
    assert losses(replay)[0] > 0


@pytest.mark.parametrize("beta", [1.0, 0.0, 0.5])
def test_a_teacher_behind_a_server_with_all_its_tokens_is_a_local_one(
    folders, target, tmp_path, monkeypatch, beta
):
    scripted(monkeypatch, target)
    args, teacher = config(tmp_path, beta=beta, max_steps=1), local_teacher(folders[1])
    local = opd_trainer(args, parts(folders, target))
    size = local.model.config.vocab_size
    with TeacherStub(teacher.model, teacher.tokenizer) as stub:
        values = {}
        for top_k in (size, 16):
            server = TeacherServer(Endpoint("teacher", stub.url), top_k)
            remote = opd_trainer(args, parts(folders, target, teacher=server))
            for trainer in (local, remote):
                batch = trainer._generate_and_score_completions([trainer.train_dataset[i] for i in range(4)])
                value = trainer.compute_loss(trainer.model.train(), batch)
                trainer.model.zero_grad()
                value.backward()
                grads = torch.cat([weights.grad.flatten() for weights in trainer.model.parameters()])
                values[trainer is local, top_k] = (value.item(), grads)
    whole, all_tokens, few = values[True, size], values[False, size], values[False, 16]
    assert all_tokens[0] == pytest.approx(whole[0], rel=1e-5)
    assert (all_tokens[1] - whole[1]).norm() < 1e-5 * whole[1].norm()
    assert 0 < few[0] < whole[0], "merging tokens takes something off"


def test_training_with_a_teacher_behind_a_server(folders, target, tmp_path, monkeypatch):
    scripted(monkeypatch, target)
    teacher = local_teacher(folders[1])
    with TeacherStub(teacher.model, teacher.tokenizer, failing=1) as stub:
        server = TeacherServer(Endpoint("teacher", stub.url), 20)
        args = config(tmp_path, max_steps=1, per_device_train_batch_size=2, gradient_accumulation_steps=2)
        trainer = opd_trainer(args, parts(folders, target, teacher=server))
        (loss,) = losses(trainer)
    assert loss > 0
    assert trainer.state.log_history[0]["entropy"] > 0
    assert [body["max_tokens"] for body in stub.requests] == [1] * 5


def test_a_server_that_tells_too_few_tokens_is_named_with_the_fix(folders, target, tmp_path, monkeypatch):
    scripted(monkeypatch, target)
    teacher = local_teacher(folders[1])
    with TeacherStub(teacher.model, teacher.tokenizer, max_logprobs=20) as stub:
        server = TeacherServer(Endpoint("teacher", stub.url), 64)
        trainer = opd_trainer(config(tmp_path), parts(folders, target, teacher=server))
        with pytest.raises(ChatServerError, match="--max-logprobs 64"):
            trainer.train()


def test_a_temperature_that_a_server_cannot_give_is_refused(folders, target, tmp_path):
    server = TeacherServer(Endpoint("teacher", "http://127.0.0.1:9/v1"))
    with pytest.raises(ConfigError, match="temperature: must be 1 with a teacher behind a server"):
        opd_trainer(config(tmp_path, temperature=0.6), parts(folders, target, teacher=server))


def test_fewer_lines_than_a_step_takes_are_refused(folders, target, tmp_path):
    with pytest.raises(DataError, match="must be enough for one step, which takes 5; got 4"):
        opd_trainer(config(tmp_path, per_device_train_batch_size=5), parts(folders, target))


def other_tokenizer() -> Any:
    return micro_tokenizer(["quite another text, zzz zzz zzz"] * 3, 600)


def test_a_teacher_with_other_tokens_is_refused(folders, target, tmp_path):
    teacher = dataclasses.replace(local_teacher(folders[1]), tokenizer=other_tokenizer())
    with pytest.raises(
        ConfigError, match=r"under the same ids, but .* is \d+ in the student and \d+ in the teacher"
    ):
        opd_trainer(config(tmp_path), parts(folders, target, teacher=teacher))


@pytest.mark.parametrize("tokenize", [True, False])
def test_a_server_with_other_tokens_is_refused(folders, target, tmp_path, tokenize):
    teacher = model_of(folders[1])
    with TeacherStub(teacher, other_tokenizer(), tokenize=tokenize) as stub:
        server = TeacherServer(Endpoint("teacher", stub.url))
        with pytest.raises(ConfigError, match="must cut text into the student's ids; at token"):
            opd_trainer(config(tmp_path), parts(folders, target, teacher=server))
    with TeacherStub(teacher, AutoTokenizer.from_pretrained(folders[1]), tokenize=tokenize) as stub:
        server = TeacherServer(Endpoint("teacher", stub.url))
        opd_trainer(config(tmp_path), parts(folders, target, teacher=server))


def test_a_padded_vocabulary_is_named(folders, target, tmp_path):
    teacher = local_teacher(folders[1])
    teacher.model.resize_token_embeddings(teacher.model.config.vocab_size + 8)
    with pytest.raises(ConfigError, match=r"vocab_size of .* as the student"):
        opd_trainer(config(tmp_path), parts(folders, target, teacher=teacher))


def test_the_tags_grammar_stops_generation_at_a_search(folders, tmp_path):
    target = choose_target(open_tokenizer(str(folders[0])), "tags")
    trainer = opd_trainer(config(tmp_path), parts(folders, target))
    (stop,) = trainer._stopping
    inner = target.tokenizer.inner
    stop.begin()
    rows = ["<search>Vesna</search>", "<search>Vesna a lot mor"]
    ids = [inner(row)["input_ids"] for row in rows]
    size = min(map(len, ids))
    done = [stop(torch.tensor([row[: place + 1] for row in ids]), None).tolist() for place in range(size)]
    assert done[-1] == [len(ids[0]) == size, False]


def test_a_student_that_ends_its_search_is_not_let_go_on(folders, tmp_path):
    target = choose_target(open_tokenizer(str(folders[0])), "tags")
    (end,) = target.tokenizer.inner("</search>")["input_ids"]
    wants_nothing_else = {"sequence_bias": [[[end], 1e4]]}
    store = StepStore(tmp_path / "steps")
    args = config(tmp_path, max_steps=1, generation_kwargs=wants_nothing_else)
    trainer = opd_trainer(args, parts(folders, target, store))
    read = []
    monitored = trainer.single_turn

    def single_turn(prompts: list[list[int]]) -> Any:
        said = monitored(prompts)
        read.append(max(len(one.ids) for one in said))
        return said

    trainer._source.generate._single_turn = single_turn
    losses(trainer)
    assert read == [1], "transformers itself stopped"
    assert [row.conversation.messages[-1].content for row in store.rows()] == [""] * 4


def test_adapters_are_trained_alone(folders, target, tmp_path, monkeypatch):
    from peft import LoraConfig

    scripted(monkeypatch, target)
    adapters = LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear")
    for teacher in (None, "served"):
        local = local_teacher(folders[1])
        with TeacherStub(local.model, local.tokenizer) as stub:
            served = TeacherServer(Endpoint("teacher", stub.url), 20) if teacher else None
            given = dataclasses.replace(parts(folders, target, teacher=served), peft_config=adapters)
            trainer = opd_trainer(config(tmp_path, max_steps=1), given)
            before = {name: weights.clone() for name, weights in trainer.model.named_parameters()}
            assert losses(trainer)[0] > 0
        moved = {
            name for name, weights in trainer.model.named_parameters() if not weights.equal(before[name])
        }
        assert moved
        assert all("lora_" in name for name in moved)
