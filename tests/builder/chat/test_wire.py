"""The OpenAI chat format on both ways."""

import json
from contextlib import suppress

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trajset.builder.chat.model import ChatRequest, Sampling
from trajset.builder.chat.wire import read_arguments, read_json, read_reply, read_usage, write_request
from trajset.builder.prompts import MALFORMED_ARGUMENTS, SEARCH_TOOL
from trajset.builder.schema import OBSERVATION_NAME, Message


def request(*messages: Message, **sampling) -> dict:
    chat = ChatRequest(messages, (SEARCH_TOOL,), Sampling(**sampling), seed=7, stop=("</search>",))
    return orjson.loads(write_request("teacher", chat))


def completion(**message) -> bytes:
    return orjson.dumps({"choices": [{"message": message, "finish_reason": "stop"}]})


def test_arguments_are_text_on_the_wire_and_names_stay_at_home():
    call = {"id": "c1", "type": "function", "function": {"name": "search", "arguments": {"query": "a"}}}
    sent = request(
        Message("assistant", "", reasoning_content="hm", tool_calls=(call,)),
        Message("tool", "found", tool_call_id="c1", name=OBSERVATION_NAME),
    )["messages"]
    assert sent[0]["tool_calls"][0]["function"]["arguments"] == '{"query":"a"}'
    assert sent[0]["reasoning_content"] == "hm"
    assert sent[1] == {"role": "tool", "content": "found", "tool_call_id": "c1"}


def test_top_k_is_sent_only_when_set():
    assert request(top_k=20)["top_k"] == 20
    assert "top_k" not in request(top_k=None)
    assert request()["stop"] == ["</search>"]


def test_calls_are_forbidden_by_name_and_the_tools_stay():
    assert "tool_choice" not in request()
    forced = ChatRequest((), (SEARCH_TOOL,), Sampling(), seed=7, may_call=False)
    sent = orjson.loads(write_request("teacher", forced))
    assert (sent["tool_choice"], sent["tools"]) == ("none", [SEARCH_TOOL])
    without = ChatRequest((), (), Sampling(), seed=7, may_call=False)
    assert "tool_choice" not in orjson.loads(write_request("teacher", without))


def test_a_lone_surrogate_in_a_question_is_sent_replaced():
    assert request(Message("user", "who\ud800?"))["messages"][0]["content"] == "who\ufffd?"


def test_reasoning_is_kept_apart_under_either_name():
    assert read_reply(completion(content="a", reasoning_content="r")).message.reasoning_content == "r"
    assert read_reply(completion(content="a", reasoning="r")).message.reasoning_content == "r"
    assert read_reply(completion(content="a", reasoning="")).message.reasoning_content is None


def test_usage_is_none_when_the_server_is_silent():
    assert read_reply(completion(content="a")).completion_tokens is None


def test_content_in_parts_is_joined():
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    assert read_reply(completion(content=parts)).message.content == "ab"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"choices": [',
        b"<!doctype html>",
        b'{"choices": []}',
        b'{"error": {"message": "overloaded"}}',
        b'{"choices": [{"message": {"content": 7}}]}',
        b"[" * 100_000,
        b'"\xff"',
    ],
)
def test_an_unreadable_reply_is_a_value_error(body):
    with pytest.raises(ValueError, match=r"."):
        read_reply(body)


@pytest.mark.parametrize(
    "raw",
    [
        '{"query": "a"',
        '["a"]',
        '"a"',
        "7",
        "null",
        "",
        None,
        ["a"],
        '{"a": NaN}',
        '{"a":' + "[" * 500 + "]" * 500 + "}",
    ],
)
def test_arguments_that_are_no_object_are_kept_as_text(raw):
    arguments = read_arguments(raw)
    assert list(arguments) == [MALFORMED_ARGUMENTS]
    assert isinstance(arguments[MALFORMED_ARGUMENTS], str)


@pytest.mark.parametrize("raw", ['{"query": "a"}', {"query": "a"}])
def test_arguments_become_an_object(raw):
    assert read_arguments(raw) == {"query": "a"}


def test_lone_surrogates_in_a_reply_are_replaced():
    body = b'{"choices": [{"message": {"content": "a\\ud800b", "tool_calls": [{"function": ' + (
        b'{"name": "search", "arguments": "{\\"query\\": \\"\\\\udfff\\"}"}}]}}]}'
    )
    message = read_reply(body).message
    assert message.content == "a\ufffdb"
    assert message.tool_calls is not None
    assert message.tool_calls[0]["function"]["arguments"] == {"query": "\ufffd"}


@given(st.text() | st.recursive(st.integers() | st.text(), lambda inner: st.lists(inner)).map(json.dumps))
def test_any_text_gives_arguments_that_can_be_written(raw):
    assert orjson.dumps(read_arguments(raw))


@given(st.binary())
def test_any_bytes_are_json_or_a_value_error(data):
    with suppress(ValueError):
        orjson.dumps(read_json(data))


SCHEMA = {"title": "verdict", "type": "object", "properties": {}, "additionalProperties": False}


def sent(**options) -> dict:
    chat = ChatRequest((Message("user", "Who?"),), (), Sampling(max_tokens=64), seed=7, **options)
    return orjson.loads(write_request("teacher", chat))


def test_a_schema_is_sent_in_the_form_that_openai_and_vllm_share():
    assert sent(response_schema=SCHEMA)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "verdict", "strict": True, "schema": SCHEMA},
    }
    assert "response_format" not in sent()


def test_the_reasoning_dialect_leaves_out_what_those_models_refuse():
    assert sent(dialect="reasoning", reasoning_effort="low") == {
        "model": "teacher",
        "messages": [{"role": "user", "content": "Who?"}],
        "max_completion_tokens": 64,
        "reasoning_effort": "low",
    }
    assert {"temperature", "top_p", "top_k", "max_tokens", "seed"} <= sent().keys()


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (b'{"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}', (7, 2)),
        (b'{"choices": []}', (None, None)),
        (b'{"usage": 3}', (None, None)),
        (b'{"choices": [', (None, None)),
        (b"[]", (None, None)),
    ],
)
def test_the_usage_of_an_unreadable_reply_is_read_where_it_is_there(body, tokens):
    assert read_usage(body) == tokens


def test_the_thinking_switch_goes_to_the_chat_template_only_when_set():
    assert request(thinking=False)["chat_template_kwargs"] == {"enable_thinking": False}
    assert request(thinking=True)["chat_template_kwargs"] == {"enable_thinking": True}
    assert "chat_template_kwargs" not in request()


def test_token_ids_are_asked_for_and_read():
    asked = ChatRequest((), (), Sampling(), 0, token_ids=True)
    assert orjson.loads(write_request("teacher", asked))["return_token_ids"] is True
    assert "return_token_ids" not in request()
    choice = {"message": {"content": "a"}, "finish_reason": "stop", "token_ids": [5, 6]}
    read = read_reply(orjson.dumps({"choices": [choice], "prompt_token_ids": [1, 2, 3]}))
    assert (read.prompt_token_ids, read.token_ids) == ((1, 2, 3), (5, 6))
    assert read_reply(completion(content="a")).token_ids is None


def test_several_calls_in_a_turn_are_all_there_in_order():
    functions = [{"name": "search", "arguments": f'{{"query": "{n}"}}'} for n in range(3)]
    calls = [{"id": f"c{n}", "type": "function", "function": functions[n]} for n in range(3)]
    found = read_reply(completion(content=None, tool_calls=calls))
    assert found.finish_reason == "tool_calls"
    assert [call["id"] for call in found.message.tool_calls or ()] == ["c0", "c1", "c2"]
    queries = [call["function"]["arguments"]["query"] for call in found.message.tool_calls or ()]
    assert queries == ["0", "1", "2"]
