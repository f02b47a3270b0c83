"""Nothing retrieved is ever read as the model's, in any grammar, table or chat template."""

import asyncio
import importlib.util
import io
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import pyarrow.parquet as pq
import pytest
from hostile_text import CONTROL_TOKENS, EVERY_TOKEN, FORGED, LONG_LINE, WORST, hostile_texts
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trajset.builder.chat.fence import unfenced
from trajset.builder.chat.model import ChatRequest, Sampling
from trajset.builder.chat.scripted import ScriptedChat
from trajset.builder.chat.wire import write_request
from trajset.builder.prompts import (
    NOTHING_HELPFUL,
    Call,
    Turn,
    load_prompt,
    neutralise,
    observation_text,
    render_turn,
)
from trajset.builder.replay import replay_row
from trajset.builder.retrieval.retriever import DictRetriever
from trajset.builder.rollout import Agent, Limits, rollout
from trajset.builder.rows import Origin, Sample, build_row
from trajset.builder.schema import (
    Grammar,
    Hit,
    Message,
    Passage,
    Question,
    Row,
    SearchCall,
    StopReason,
    Summary,
    Trajectory,
)
from trajset.builder.summarise import ChatSummariser, Found, summary_messages
from trajset.builder.table import rows_from_table, table_from_rows

GRAMMARS: tuple[Grammar, ...] = ("tools", "tags")
QUESTION = Question("q", "demo", "Who was it?", ("Ann Oslo",), 1, ("A title",))
both = pytest.mark.parametrize("grammar", GRAMMARS)


def run(hit: Hit, grammar: Grammar, summary: str | None, last: str) -> Trajectory:
    """A search that finds the passage, then a turn of the model."""
    search = render_turn(Turn(None, "", (Call("search", {"query": "q"}, "c"),)), grammar)
    writer = ScriptedChat(lambda _: Message("assistant", summary or ""))
    agent = Agent(
        ScriptedChat([search, Message("assistant", last)]),
        DictRetriever({"q": [hit]}),
        load_prompt("adaptive", grammar, force_answer=True),
        limits=Limits(turns=2),
        summariser=None if summary is None else ChatSummariser(writer, Sampling()),
    )
    return asyncio.run(rollout(QUESTION, agent, 0))


def written_and_read(row: Row) -> Row:
    """The row after Parquet."""
    file = io.BytesIO()
    pq.write_table(table_from_rows([row]), file)
    return next(rows_from_table(pq.read_table(file)))


@both
@settings(max_examples=100, deadline=None)
@given(title=hostile_texts, text=hostile_texts, summary=st.none() | hostile_texts)
@example(title=WORST, text=WORST, summary=None)
@example(title=WORST, text=WORST, summary=WORST)
@example(title="A title", text=LONG_LINE, summary=None)
@example(title=LONG_LINE, text="", summary=LONG_LINE)
def test_no_call_and_no_answer_is_forged_and_the_row_is_writable(
    grammar: Grammar, title: str, text: str, summary: str | None
) -> None:
    trajectory = run(Hit(Passage("p", title, text), 1.0), grammar, summary, "I do not know.")
    prompt = load_prompt("adaptive", grammar, force_answer=True)
    origin = Origin("run", prompt_id=prompt.id, policy="adaptive")
    row = build_row(trajectory, origin, Sample(), datetime(2026, 1, 1, tzinfo=UTC))
    assert row.outcome.stop_reason is StopReason.MALFORMED
    assert row.outcome.answer is None
    assert row.search_use.queries == ("q",)
    assert row.search_use.n_memory_cues == 0
    assert [message.role for message in row.conversation.messages if message.is_model] == ["assistant"] * 2
    assert written_and_read(row) == row
    assert asyncio.run(replay_row(row)).differences == ()
    (seen,) = [message.content for message in row.conversation.messages if message.is_observation]
    inside = seen.removeprefix("<information>\n").removesuffix("\n</information>")
    assert not any(token in folded(inside) for token in (*EVERY_TOKEN, *TAGS))


TAGS = ("<search>", "</search>", "<information>", "</information>", "<answer>", "</answer>")


def folded(text: str) -> str:
    """The text as the most forgiving tokenizer would see it: compatibility forms folded, lower case."""
    return unicodedata.normalize("NFKC", text).casefold()


@given(hostile_texts)
@example(WORST)
def test_neutralising_twice_changes_nothing_more(text: str) -> None:
    assert neutralise(neutralise(text)) == neutralise(text)


@pytest.mark.parametrize(
    "text", ["a < b > c", "<b>bold</b> and <em>", "x <- y | z", "[1] [note] [citation needed]", "2 <3 |x|"]
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert neutralise(text) == text


@settings(max_examples=100, deadline=None)
@given(hostile_texts, hostile_texts)
@example(WORST, LONG_LINE)
def test_the_summariser_gets_passages_as_data(title: str, text: str) -> None:
    found = Found("Who?", "q", (Hit(Passage("p", title, text), 1.0), Hit(Passage("2", "", ""), 0.5)))
    system, user = summary_messages(found)
    names = [section.name for section in unfenced(user.content)]
    assert names == ["question", "query", "passage 1", "passage 2"]
    assert not any(token in folded(user.content) for token in (*EVERY_TOKEN, *TAGS))
    request = ChatRequest((system, user), (), Sampling(), 0)
    assert write_request("m", request).startswith(b"{")


@both
@settings(max_examples=60, deadline=None)
@given(title=hostile_texts, text=hostile_texts)
@example(title=WORST, text=LONG_LINE)
def test_a_chat_server_can_be_sent_what_was_found(grammar: Grammar, title: str, text: str) -> None:
    trajectory = run(Hit(Passage("p", title, text), 1.0), grammar, None, "Hm.")
    request = ChatRequest(trajectory.conversation.messages, trajectory.conversation.tools, Sampling(), 0)
    assert write_request("m", request).startswith(b"{")


TEMPLATES = {
    "qwen": ("qwen2_5", "qwen3", "qwen3_training", "qwen3_instruct_2507", "qwen3_5_think"),
    "llama": ("llama3", "llama3_1", "llama3_2"),
    "phi": ("phi3", "phi3_5"),
    "gemma": ("gemma", "gemma3", "gemma4_v5"),
}
"""By family: chat templates as trl ships them (none of Mistral's)."""

needs_trl = pytest.mark.skipif(
    importlib.util.find_spec("trl") is None, reason="needs the extra [train]: pip install 'trajset[train]'"
)


@cache
def renderer(template: str) -> Callable[[list[dict[str, Any]], list[dict[str, Any]]], str]:
    from transformers.utils.chat_template_utils import render_jinja_template

    text = files("trl").joinpath(f"chat_templates/{template}.jinja").read_text("utf-8")
    specials = {"bos_token": "<bos>", "eos_token": "<eos>", "add_generation_prompt": False}

    def render(messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> str:
        rendered, _ = render_jinja_template([messages], tools=tools or None, chat_template=text, **specials)
        return rendered[0]

    return render


@cache
def tokenizer() -> Any:
    """One tokenizer that knows the control tokens of all families."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    bpe = Tokenizer(
        models.BPE(vocab={c: n for n, c in enumerate(pre_tokenizers.ByteLevel.alphabet())}, merges=[])
    )
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.add_special_tokens(list(EVERY_TOKEN))
    return bpe


def control_tokens(text: str) -> list[str]:
    """The control tokens that the text is encoded with, in order."""
    return [token for token in tokenizer().encode(text).tokens if token in EVERY_TOKEN]


def messages_of(found: str, grammar: Grammar, family: str) -> list[dict[str, Any]]:
    """A conversation whose search shows a text, as plain messages that the family's templates take."""
    row = build_row(
        run(Hit(Passage("p", "T", found), 1.0), grammar, None, "<answer>x</answer>"),
        Origin("run"),
        Sample(),
        datetime(2026, 1, 1, tzinfo=UTC),
    )
    messages = [
        {key: value for key, value in message.items() if value is not None and key != "name"}
        for message in row.to_record()["messages"]
    ]
    return alternating(messages) if family == "gemma" else messages


def alternating(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages in two roles that take turns: what Gemma's templates insist on."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if message["role"] == "assistant" else "user"
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += "\n\n" + message["content"]
        else:
            turns.append({"role": role, "content": message["content"]})
    return turns


@needs_trl
@both
@pytest.mark.parametrize(
    ("family", "template"), [(family, name) for family, names in TEMPLATES.items() for name in names]
)
@settings(max_examples=12, deadline=None)
@given(text=hostile_texts)
@example(text=WORST)
@example(text="".join(FORGED))
@example(text=LONG_LINE)
def test_no_control_token_in_a_rendered_conversation_comes_from_retrieved_text(
    family: str, template: str, grammar: Grammar, text: str
) -> None:
    render = renderer(template)
    tools = list(load_prompt("adaptive", grammar).tools)
    hostile, plain = (render(messages_of(found, grammar, family), tools) for found in (text, "Plain."))
    assert control_tokens(hostile) == control_tokens(plain)
    assert control_tokens(plain), "the template has control tokens of its own"


def test_the_control_tokens_would_be_seen() -> None:
    assert control_tokens("".join(EVERY_TOKEN)) == list(EVERY_TOKEN)
    assert set(CONTROL_TOKENS) == {"qwen", "llama", "phi", "gemma", "mistral"}


def test_a_hostile_summary_is_neutralised_and_an_empty_one_says_so() -> None:
    call = SearchCall("q", (Hit(Passage("1", "t", "x"), 1.0),), summary=Summary(WORST))
    assert not any(token in observation_text(call) for token in (*EVERY_TOKEN, *TAGS))
    trajectory = run(Hit(Passage("p", "T", "x"), 1.0), "tools", "Nothing helpful.", "Hm.")
    assert trajectory.searches[0].summary == Summary(NOTHING_HELPFUL)
