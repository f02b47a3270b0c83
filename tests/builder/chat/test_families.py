"""Which family a model is of, what is settled by it, how messages are put into its form."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trajset.builder.chat.choice import sampling_of, settled
from trajset.builder.chat.families import FAMILIES, family_named, family_of_model
from trajset.builder.chat.fitting import FittedChat, fit, fitted
from trajset.builder.chat.scripted import ScriptedChat
from trajset.builder.collect_job import CollectJob, origin_of, settings_of
from trajset.builder.config import CollectConfig, TalkConfig
from trajset.builder.errors import ConfigError
from trajset.builder.prompts import load_prompt
from trajset.builder.retrieval.retriever import DictRetriever
from trajset.builder.rollout import Agent
from trajset.builder.schema import Message, Question

SERVER = CollectConfig("q.jsonl", Path("index"), Path("out"), "x", base_url=("http://127.0.0.1:1/v1",))


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("Qwen/Qwen3-0.6B", "qwen3"),
        ("Qwen/Qwen3-32B-AWQ", "qwen3"),
        ("qwen3-32b", "qwen3"),
        ("Qwen/Qwen3-30B-A3B", "qwen3"),
        ("Qwen/Qwen3-4B-Instruct-2507", "qwen3-instruct-2507"),
        ("Qwen/Qwen3-30B-A3B-Thinking-2507", "qwen3-thinking-2507"),
        ("me/qwen3-1.7b-search-sft", "qwen3"),
        ("Qwen/Qwen2.5-7B-Instruct", "qwen2.5"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1"),
        ("meta-llama/Llama-3.2-3B-Instruct", "llama-3.1"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama-3.1"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "llama-3"),
        ("microsoft/Phi-3.5-mini-instruct", "phi-3"),
        ("google/gemma-2-9b-it", "gemma-2"),
        ("google/gemma-3-4b-it", "gemma-3"),
        ("mistralai/Mistral-7B-Instruct-v0.3", "mistral"),
        ("mistralai/Mistral-7B-Instruct-v0.2", "mistral-v0.2"),
        ("mistralai/Mistral-Small-3.2-24B-Instruct-2506", "mistral"),
        ("openai/gpt-oss-20b", "gpt-oss"),
        ("Qwen/Qwen3.5-27B", None),
        ("Qwen/Qwen3-Coder-30B-A3B-Instruct", None),
        ("Qwen/Qwen3-VL-8B-Instruct", None),
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", None),
        ("deepseek-ai/DeepSeek-R1-0528-Qwen3-8B", None),
        ("NousResearch/Hermes-3-Llama-3.1-8B", None),
        ("microsoft/Phi-4-mini-instruct", None),
        ("meta-llama/Llama-2-7b-chat-hf", None),
        ("google/gemma-4-12b-it", None),
        ("gpt-4o", None),
        ("simulated", None),
    ],
)
def test_the_name_tells_the_family(model, family):
    found = family_of_model(model)
    assert (found.name if found else None) == family


def test_only_families_whose_template_carries_calls_have_a_parser():
    for family in FAMILIES:
        assert (family.grammar == "tools") == (family.tool_parser is not None)
        assert (family.thinking == "never") == (family.reasoning_parser is None)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_table_in_the_docs_is_that_of_the_code(family):
    text = (Path(__file__).resolve().parents[3] / "docs" / "models.md").read_text("utf-8")
    (row,) = (line for line in text.splitlines() if line.startswith(f"| `{family.name}` |"))
    _, _, grammar, parsers, sampling, thinking, _ = row.strip("| ").split(" | ")
    assert grammar == family.grammar
    named = [f"`{name}`" if name else "none" for name in (family.tool_parser, family.reasoning_parser)]
    assert parsers == (" / ".join(named) if family.tool_parser else "none")
    draws = [draw for draw in (family.draw, family.plain_draw) if draw]
    shown = [f"{draw.temperature} / {draw.top_p} / {draw.top_k or 'none'}" for draw in draws]
    assert sampling == ("; off: ".join(shown) or "as unknown")
    assert thinking == (family.thinking if family.thinking != "switch" else "on unless `--thinking off`")


def test_a_family_settles_what_is_left_to_it():
    qwen = settled(replace(SERVER, teacher="Qwen/Qwen3-32B"))
    assert (qwen.grammar, qwen.temperature, qwen.top_p, qwen.top_k) == ("tools", 0.6, 0.95, 20)
    gemma = settled(replace(SERVER, teacher="google/gemma-3-4b-it"))
    assert (gemma.grammar, gemma.temperature, gemma.top_k) == ("tags", 1.0, 64)
    llama = settled(replace(SERVER, teacher="meta-llama/Llama-3.2-3B-Instruct"))
    assert (llama.grammar, llama.top_p, llama.top_k, llama.talk.family) == ("tools", 0.9, None, "llama-3.1")
    unknown = settled(replace(SERVER, teacher="teacher"))
    assert (unknown.grammar, unknown.temperature, unknown.top_p, unknown.top_k) == ("tools", 0.6, 0.95, 20)
    assert unknown.talk.family == "none"


def test_what_is_given_wins_and_what_is_settled_stays():
    given_ = replace(
        SERVER, teacher="google/gemma-2-9b-it", grammar="tools", temperature=0.0, top_p=1.0, top_k=None
    )
    config = settled(given_)
    assert (config.grammar, config.temperature, config.top_p, config.top_k) == ("tools", 0.0, 1.0, None)
    assert settled(config) == config


def test_a_served_name_can_be_given_its_family():
    named = settled(replace(SERVER, teacher="teacher", talk=TalkConfig(family="gemma-2")))
    assert named.grammar == "tags"
    with pytest.raises(ConfigError, match="Did you mean 'gemma-2'"):
        settled(replace(SERVER, talk=TalkConfig(family="gemma2")))


def test_thinking_off_changes_the_sampling_and_is_sent():
    off = settled(replace(SERVER, teacher="Qwen/Qwen3-8B", talk=TalkConfig(thinking="off")))
    sampling = sampling_of(off)
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.thinking) == (0.7, 0.8, 20, False)
    assert sampling_of(settled(replace(SERVER, teacher="Qwen/Qwen3-8B"))).thinking is None
    plain = settled(replace(SERVER, teacher="Qwen/Qwen2.5-7B-Instruct", talk=TalkConfig(thinking="off")))
    assert sampling_of(plain).thinking is None
    unknown = settled(replace(SERVER, teacher="glm", talk=TalkConfig(thinking="on")))
    assert sampling_of(unknown).thinking is True


@pytest.mark.parametrize(
    ("teacher", "thinking"), [("Qwen/Qwen2.5-7B-Instruct", "on"), ("Qwen/Qwen3-4B-Thinking-2507", "off")]
)
def test_a_mode_that_the_family_lacks_is_refused(teacher, thinking):
    with pytest.raises(ConfigError, match="thinking: must be auto"):
        settled(replace(SERVER, teacher=teacher, talk=TalkConfig(thinking=thinking)))


def job(**changes) -> CollectJob:
    agent = Agent(ScriptedChat(()), DictRetriever({}), load_prompt("adaptive", "tools"))
    return replace(CollectJob((Question("q", "d", "?", ("a",), None, None),), agent, Path("out")), **changes)


def test_thinking_and_fitting_enter_ids_only_when_set():
    plain = job()
    assert {"thinking", "fitted_to"}.isdisjoint(settings_of(plain))
    off = replace(plain, agent=replace(plain.agent, sampling=replace(plain.agent.sampling, thinking=False)))
    for other in (off, job(fitted_to="gemma-2")):
        assert settings_of(other) != settings_of(plain)
        assert origin_of(other).settings != origin_of(plain).settings


def test_only_a_family_that_needs_it_is_fitted():
    model = ScriptedChat(())
    assert fitted(model, None) is model
    assert fitted(model, family_named("qwen3")) is model
    assert isinstance(fitted(model, family_named("gemma-2")), FittedChat)


def call(name: str, query: str) -> dict:
    return {"id": name, "type": "function", "function": {"name": "search", "arguments": {"query": query}}}


def test_calls_with_the_same_ids_in_every_turn_keep_their_results():
    """Some servers count calls from 0 in each turn."""
    messages = (
        Message("user", "Who?"),
        Message("assistant", "Look.", tool_calls=(call("c0", "a"), call("c1", "b"))),
        Message("tool", "found a", tool_call_id="c0"),
        Message("tool", "found b", tool_call_id="c1"),
        Message("assistant", "", tool_calls=(call("c0", "c"),)),
        Message("tool", "found c", tool_call_id="c0"),
    )
    family = family_named("llama-3.1")
    assert family is not None
    apart = fit(messages, family)
    assert [message.content for message in apart] == [
        "Who?",
        "Look.",
        "found a",
        "",
        "found b",
        "",
        "found c",
    ]
    assert all(len(message.tool_calls or ()) < 2 for message in apart)


texts = st.text(max_size=20)
ids = st.text(min_size=1, max_size=12)


@st.composite
def conversations(draw) -> tuple[Message, ...]:
    messages = [Message("system", draw(texts)), Message("user", draw(texts))]
    for _ in range(draw(st.integers(0, 3))):
        names = draw(st.lists(ids, max_size=3, unique=True))
        calls = tuple(call(name, draw(texts)) for name in names) or None
        messages.append(Message("assistant", draw(texts), tool_calls=calls))
        messages += [Message("tool", draw(texts), tool_call_id=name) for name in names]
        if not names:
            messages += [Message("user", draw(texts)) for _ in range(draw(st.integers(1, 2)))]
    return tuple(messages)


@given(conversations(), st.sampled_from(FAMILIES))
def test_fitting_keeps_every_word_and_every_call_in_order(messages, family):
    found = fit(messages, family)
    before = sorted(piece for message in messages for piece in message.content.split("\n\n"))
    after = sorted(piece for message in found for piece in message.content.split("\n\n"))
    added = len(after) - len(before)
    assert [piece for piece in after if piece] == [piece for piece in before if piece]
    assert added >= 0
    queries = [c["function"] for message in messages for c in message.tool_calls or ()]
    assert queries == [c["function"] for message in found for c in message.tool_calls or ()]
    answered = [message.content for message in messages if message.role == "tool"]
    assert answered == [message.content for message in found if message.role == "tool"]


@given(conversations())
def test_fitted_messages_obey_the_rules_of_their_family(messages):
    for family in FAMILIES:
        found = fit(messages, family)
        if not family.system:
            assert all(message.role != "system" for message in found)
        if family.alternate:
            assert not any(a.role == b.role == "user" for a, b in pairwise(found))
        if family.call_id_length:
            named = [c["id"] for message in found for c in message.tool_calls or ()]
            assert all(len(name) == 9 and name.isascii() and name.isalnum() for name in named)
            assert named == [message.tool_call_id for message in found if message.role == "tool"]
        assert fit(found, family) == found
