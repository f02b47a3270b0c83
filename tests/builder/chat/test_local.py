"""A model in this process: batches, stops, seeds, and a whole collection with a tiny Qwen3."""

import asyncio
import dataclasses
import json
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from trajset.builder.chat.choice import settled
from trajset.builder.chat.local import LocalChat, open_local
from trajset.builder.chat.model import (
    ChatRequest,
    ChatUnavailableError,
    Completion,
    ContextLengthError,
    Sampling,
)
from trajset.builder.chat.opening import open_teacher
from trajset.builder.chat.token_log import FILE_NAME, read_token_ids, turn_key
from trajset.builder.collect_run import open_job, run_collect
from trajset.builder.config import (
    CollectConfig,
    IndexConfig,
    LocalConfig,
    ScaleConfig,
    TalkConfig,
    WorldConfig,
)
from trajset.builder.errors import ConfigError, MissingExtraError
from trajset.builder.prompts import SEARCH_TOOL, load_prompt
from trajset.builder.retrieval.tantivy_index import build_index
from trajset.builder.schema import Message, StopReason
from trajset.builder.world.files import write_world
from trajset.builder.world.world import generate

tiny_model = pytest.importorskip("tiny_model", reason="needs the extra [train]")
WORDS = ("river", "town", "film", "director", "album", "band", "company", "founder", "bridge", "castle")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads on a busy machine take eight times as long for so small a model."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> CollectConfig:
    """Eight questions of a small world and a model that has learnt the form of a search."""
    folder: Path = tmp_path_factory.mktemp("local")
    world = generate(WorldConfig(entities=60, questions=8))
    write_world(world, folder)
    build_index(str(folder / "corpus.jsonl"), folder / "index", IndexConfig())
    draw = random.Random(0)
    texts = [" ".join(draw.choices(WORDS, k=60)) for _ in range(40)]
    tiny_model.make_tiny_qwen3(folder / "tiny-model", texts, steps=220)
    return CollectConfig(
        questions=str(folder / "questions.jsonl"),
        index=(str(folder / "index"),),
        out=folder / "out",
        teacher=str(folder / "tiny-model"),
        max_tokens=48,
        max_turns=3,
        k=1,
        temperature=0.0,
    )


def asks(text: str, seed: int = 0, **changes) -> ChatRequest:
    system = load_prompt("always_search", "tools").text
    sampling = Sampling(temperature=0.0, max_tokens=48)
    request = ChatRequest((Message("system", system), Message("user", text)), (SEARCH_TOOL,), sampling, seed)
    return dataclasses.replace(request, **changes)


def answers(config: CollectConfig, requests: Sequence[ChatRequest], batch_size: int) -> list[Completion]:
    async def ask() -> list[Completion]:
        sized = dataclasses.replace(config, local=LocalConfig("cpu", batch_size))
        model = open_local(settled(sized))
        try:
            return await asyncio.gather(*(model.complete(request) for request in requests))
        finally:
            await model.aclose()

    return asyncio.run(ask())


def said(completions: Sequence[Completion]) -> list[object]:
    return [(c.message, c.finish_reason, c.prompt_tokens, c.completion_tokens) for c in completions]


QUESTIONS = [" ".join(WORDS[: 1 + 3 * (n % 4)]) + f" {n}?" for n in range(8)]


def test_a_batch_of_eight_says_what_eight_batches_of_one_say(config):
    requests = [asks(text) for text in QUESTIONS]
    one, eight = answers(config, requests, 1), answers(config, requests, 8)
    assert said(one) == said(eight)
    assert len({completion.prompt_tokens for completion in eight}) > 1
    assert any(completion.message.tool_calls for completion in eight)


def test_where_no_call_is_allowed_none_is_read(config):
    requests = [asks(text) for text in QUESTIONS]
    free = answers(config, requests, 8)
    forbidden = answers(config, [dataclasses.replace(request, may_call=False) for request in requests], 8)
    assert any(completion.message.tool_calls for completion in free)
    assert not any(completion.message.tool_calls for completion in forbidden)
    assert "tool_calls" not in [completion.finish_reason for completion in forbidden]
    assert [c.prompt_tokens for c in forbidden] == [c.prompt_tokens for c in free]


def test_a_model_that_does_not_fit_the_memory_is_a_wrong_setting(config, monkeypatch):
    import torch

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", full)
    with pytest.raises(ConfigError, match="must fit the memory of cpu"):
        answers(config, [asks(QUESTIONS[0])], 1)


def test_a_model_without_a_chat_template_is_a_wrong_setting(config, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(config.teacher, base)
    (base / "chat_template.jinja").unlink(missing_ok=True)
    settings = json.loads((base / "tokenizer_config.json").read_text("utf-8"))
    settings.pop("chat_template", None)
    (base / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    with pytest.raises(ConfigError, match="must have a chat template"):
        answers(dataclasses.replace(config, teacher=str(base), grammar="tags"), [asks("Who?", tools=())], 1)


def test_a_sampled_reply_depends_on_its_seed_and_not_on_its_neighbours(config):
    hot = Sampling(temperature=1.5, top_p=0.95, top_k=50, max_tokens=12)
    requests = [asks(QUESTIONS[0], seed, sampling=hot) for seed in range(6)]
    alone, together = answers(config, requests, 1), answers(config, requests, 6)
    assert said(alone) == said(together)
    assert len({str(completion.message) for completion in together}) > 3


def test_every_row_has_its_own_limit_and_its_own_sampling(config):
    greedy, hot = Sampling(0.0, max_tokens=3), Sampling(1.2, 1.0, None, max_tokens=9)
    mixed = [asks(QUESTIONS[0], 5, sampling=greedy), asks(QUESTIONS[1], 5, sampling=hot)]
    assert said(answers(config, mixed, 2)) == said(answers(config, mixed, 1))
    cut = answers(config, mixed, 2)[0]
    assert (cut.completion_tokens, cut.finish_reason) == (3, "length")


def test_a_stop_string_ends_the_row_it_stands_in(config):
    (whole,) = answers(config, [asks(QUESTIONS[0], tools=())], 1)
    text = whole.message.reasoning_content or whole.message.content
    stop = text[4:9]
    requests = [asks(QUESTIONS[0], tools=(), stop=(stop,)), asks(QUESTIONS[0], tools=())]
    stopped, free = answers(config, requests, 2)
    kept = stopped.message.reasoning_content or stopped.message.content
    assert stop not in kept
    assert text.startswith(kept)
    assert said([free]) == said([whole])
    assert (stopped.completion_tokens or 0) < (whole.completion_tokens or 0)


def test_token_ids_come_when_asked_for(config):
    asked, not_asked = answers(config, [asks(QUESTIONS[0], token_ids=True), asks(QUESTIONS[0])], 2)
    assert len(asked.token_ids or ()) == asked.completion_tokens
    assert len(asked.prompt_token_ids or ()) == asked.prompt_tokens
    assert not_asked.token_ids is None


def test_thinking_off_is_told_to_the_template(config):
    off = Sampling(0.0, max_tokens=4, thinking=False)
    plain, closed = answers(config, [asks(QUESTIONS[0]), asks(QUESTIONS[0], sampling=off)], 2)
    assert (closed.prompt_tokens or 0) > (plain.prompt_tokens or 0)


def test_what_does_not_fit_the_context_fails_alone(config):
    async def ask() -> list[Completion | BaseException]:
        model = open_local(settled(config))
        requests = (asks("word " * 5000), asks(QUESTIONS[0]))
        try:
            return await asyncio.gather(*map(model.complete, requests), return_exceptions=True)
        finally:
            await model.aclose()

    long, short = asyncio.run(ask())
    assert isinstance(long, ContextLengthError)
    assert isinstance(short, Completion)


def test_messages_that_the_template_refuses_fail_as_behind_a_server(config, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(config.teacher, other)
    (other / "chat_template.jinja").write_text("{{ raise_exception('System role not supported') }}", "utf-8")
    with pytest.raises(ChatUnavailableError, match="System role not supported"):
        answers(dataclasses.replace(config, teacher=str(other)), [asks(QUESTIONS[0])], 1)


def test_nobody_waits_for_a_dropped_request(config):
    async def ask() -> Completion:
        model = open_local(settled(config))
        endless = Sampling(1.0, max_tokens=3000)
        dropped = asyncio.create_task(model.complete(asks(QUESTIONS[0], sampling=endless)))
        await asyncio.sleep(0.5)
        dropped.cancel()
        try:
            return await asyncio.wait_for(model.complete(asks(QUESTIONS[1])), 60)
        finally:
            await model.aclose()

    assert asyncio.run(ask()).completion_tokens


def test_a_folder_as_teacher_gives_rows_with_real_searches(config, tmp_path):
    first = run_collect(dataclasses.replace(config, out=tmp_path / "a"))
    again = run_collect(
        dataclasses.replace(config, out=tmp_path / "b", local=LocalConfig("cpu", 1), concurrency=2)
    )
    rows, others = list(first.rows()), list(again.rows())
    assert len(rows) == 8
    assert StopReason.INFRASTRUCTURE not in {row.outcome.stop_reason for row in rows}
    assert sum(row.search_use.n_searches for row in rows) > 0
    assert [row.conversation for row in rows] == [row.conversation for row in others]
    assert {row.provenance.teacher for row in rows} == {"tiny-model"}
    assert all(row.provenance.teacher_revision and row.cost.completion_tokens for row in rows)
    saved = (tmp_path / "a" / "config.toml").read_text("utf-8")
    assert 'family = "qwen3"' in saved
    assert "top-k = 20" in saved


def test_the_token_log_names_the_turns_of_rows(config, tmp_path):
    logged = dataclasses.replace(config, out=tmp_path, talk=TalkConfig(token_ids=True), limit=3)
    rows = list(run_collect(logged).rows())
    ids = read_token_ids(tmp_path / FILE_NAME)
    for row in rows:
        keys = [
            turn_key(row.question.question, row.provenance.seed or 0, n + 1)
            for n in range(row.search_use.n_turns)
        ]
        assert sum(len(ids[key]) for key in keys) == row.cost.completion_tokens


def test_a_local_run_has_no_more_rollouts_under_way_than_fit_a_batch(config):
    job = open_job(dataclasses.replace(config, concurrency=32, local=LocalConfig("cpu", 4)))
    assert job.concurrency == 4


def test_on_a_cluster_the_rollouts_are_those_of_all_workers_batches(config):
    several = dataclasses.replace(config, local=LocalConfig("cpu", 4), scale=ScaleConfig(ray=True))
    assert open_job(dataclasses.replace(several, concurrency=32)).concurrency == 32


def test_the_revision_changes_with_the_weights(config, tmp_path):
    model = open_local(settled(config))
    other = tiny_model.make_tiny_qwen3(tmp_path / "tiny-model", ["a b c"], steps=0, seed=1)
    changed = open_local(settled(dataclasses.replace(config, teacher=str(other))))
    assert isinstance(model, LocalChat)
    assert model.name == changed.name
    assert model.revision != changed.revision


def test_a_teacher_without_server_or_libraries_says_what_to_do(config, monkeypatch):
    for name in ("torch", "transformers"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(MissingExtraError, match=r"--base-url.*trajset\[local\]"):
        settled(dataclasses.replace(config, teacher="Qwen/Qwen3-0.6B"))


def test_calls_that_nothing_reads_are_refused_before_the_run(config):
    asked = dataclasses.replace(config, talk=TalkConfig(family="gpt-oss"))
    with pytest.raises(ConfigError, match="must be tags in this process"):
        open_teacher(settled(asked))
    assert open_teacher(settled(dataclasses.replace(asked, grammar="tags"))).name == "tiny-model"


def test_a_model_of_no_known_family_is_read_by_its_template(config, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(config.teacher, other)
    (other / "config.json").write_text('{"model_type": "own"}', "utf-8")
    generation = '{"temperature": 0.3, "top_p": 0.7}'
    (other / "generation_config.json").write_text(generation, "utf-8")
    asked = dataclasses.replace(config, teacher=str(other), temperature="auto")
    known = settled(asked)
    assert (known.grammar, known.temperature, known.top_p, known.top_k) == ("tools", 0.3, 0.7, None)
    (other / "chat_template.jinja").write_text("{{ messages }}", "utf-8")
    assert settled(asked).grammar == "tags"


def test_a_folder_without_a_model_is_named(config, tmp_path):
    with pytest.raises(ConfigError, match=r"must hold a config\.json"):
        open_teacher(settled(dataclasses.replace(config, teacher=str(tmp_path))))


def test_a_model_that_cannot_be_fetched_points_to_base_url(config, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigError, match="--base-url"):
        settled(dataclasses.replace(config, teacher="nobody/no model"))
