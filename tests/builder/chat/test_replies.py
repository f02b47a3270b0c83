"""What local models write, read as messages."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trajset.builder.chat.families import CallFormat
from trajset.builder.chat.model import ChatRequest, Sampling
from trajset.builder.chat.replies import read_text
from trajset.builder.chat.wire import write_request
from trajset.builder.prompts import MALFORMED_ARGUMENTS, parse_turn
from trajset.builder.schema import Message


def queries(message: Message) -> list[str | None]:
    return [call.query for call in parse_turn(message, "tools").calls]


@pytest.mark.parametrize(
    ("call_format", "text", "said", "asked"),
    [
        (
            "hermes",
            'Look.\n<tool_call>\n{"name": "search", "arguments": {"query": "a"}}\n</tool_call>',
            "Look.",
            ["a"],
        ),
        (
            "hermes",
            '<tool_call>{"name": "search", "arguments": {"query": "a"}}</tool_call>\n'
            '<tool_call>{"name": "search", "arguments": "{\\"query\\": \\"b\\"}"}</tool_call>',
            "",
            ["a", "b"],
        ),
        ("hermes", '<tool_call>{"name": "search", "arguments": {"query": "a"}}', "", ["a"]),
        ("hermes", '<tool_call>{"name": "search", "argu', "", [None]),
        ("hermes", "<tool_call>[1, 2]</tool_call>", "", [None]),
        ("hermes", "<answer>Oslo</answer>", "<answer>Oslo</answer>", []),
        ("llama", '{"name": "search", "parameters": {"query": "a"}}', "", ["a"]),
        ("llama", '<|python_tag|>{"name": "search", "parameters": {"query": "a"}}', "", ["a"]),
        (
            "llama",
            '{"name": "search", "parameters": {"query": "a"}}; '
            '{"name": "search", "parameters": {"query": "b"}}',
            "",
            ["a", "b"],
        ),
        ("llama", '{"name": "search", "parameters": {"query": ', "", [None]),
        ("llama", '{"a": 1}', '{"a": 1}', []),
        ("llama", "<answer>Oslo</answer>", "<answer>Oslo</answer>", []),
        ("mistral", '[TOOL_CALLS] [{"name": "search", "arguments": {"query": "a"}}]', "", ["a"]),
        (
            "mistral",
            'So. [TOOL_CALLS][{"name": "search", "arguments": {"query": "a"}},'
            ' {"name": "search", "arguments": {"query": "b"}}]',
            "So.",
            ["a", "b"],
        ),
        ("mistral", '[TOOL_CALLS]search[ARGS]{"query": "a"}', "", ["a"]),
        ("mistral", '[TOOL_CALLS]search{"query": "a"}', "", ["a"]),
        (
            "mistral",
            '[TOOL_CALLS]search[ARGS]{"query": "a"}[TOOL_CALLS]search[ARGS]{"query": "b"}',
            "",
            ["a", "b"],
        ),
        ("mistral", "[TOOL_CALLS] [{", "", [None]),
        ("mistral", "<answer>Oslo</answer>", "<answer>Oslo</answer>", []),
        (None, "<tool_call>{}</tool_call>", "<tool_call>{}</tool_call>", []),
    ],
)
def test_calls_come_out_of_the_text(call_format: CallFormat | None, text, said, asked):
    message = read_text(text, call_format)
    assert message.content == said
    assert queries(message) == asked


def test_a_call_that_is_no_json_keeps_its_text():
    (call,) = read_text("<tool_call>search for a</tool_call>", "hermes").tool_calls or ()
    assert call["function"] == {"name": "search", "arguments": {MALFORMED_ARGUMENTS: "search for a"}}


@pytest.mark.parametrize(
    ("text", "opened", "reasoning", "said"),
    [
        ("<think>\nHm.\n</think>\n\nOslo", False, "Hm.", "Oslo"),
        ("Hm.\n</think>\n\nOslo", True, "Hm.", "Oslo"),
        ("Hm.\n</think>\n\nOslo", False, "Hm.", "Oslo"),
        ("<think>\nHm, and", False, "Hm, and", ""),
        ("<think>\n\n</think>\n\nOslo", False, None, "Oslo"),
        ("Oslo", False, None, "Oslo"),
    ],
)
def test_reasoning_is_kept_apart(text, opened, reasoning, said):
    message = read_text(text, "hermes", thinking=opened)
    assert (message.reasoning_content, message.content) == (reasoning, said)


def test_a_call_inside_the_thinking_is_no_call():
    message = read_text('<think>say <tool_call>{"name": "x"}</tool_call></think>Oslo', "hermes")
    assert message.tool_calls is None


pieces = st.lists(
    st.one_of(
        st.sampled_from(
            ["<tool_call>", "</tool_call>", "[TOOL_CALLS]", "<think>", "</think>", '{"name": ', "[", "{", "}"]
        ),
        st.text(max_size=8),
    ),
    max_size=12,
)


@given(pieces, st.sampled_from(["hermes", "llama", "mistral", None]), st.booleans())
def test_whatever_a_model_writes_is_a_message(parts, call_format, opened):
    message = read_text("".join(parts), call_format, thinking=opened)
    request = ChatRequest((message,), (), Sampling(), 0)
    assert orjson.loads(write_request("teacher", request))["messages"][0]["role"] == "assistant"
    assert len(parse_turn(message, "tools").calls) == len(message.tool_calls or ())
