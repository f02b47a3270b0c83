"""The client against a scripted server: retries, refusals, and the key that must not show."""

import asyncio
import socket

import pytest
from chat_server import Answer, ChatServer, calls, error, reply, says
from trajset.builder.chat.model import (
    ChatRequest,
    ChatUnavailableError,
    Completion,
    ContextLengthError,
    Sampling,
)
from trajset.builder.chat.openai_client import Endpoint, OpenAIChat
from trajset.builder.errors import ChatServerError, ConfigError
from trajset.builder.prompts import SEARCH_TOOL
from trajset.builder.schema import Message

REQUEST = ChatRequest((Message("user", "Who?"),), (SEARCH_TOOL,), Sampling(), seed=1)


def ask(endpoint: Endpoint) -> Completion:
    async def go() -> Completion:
        chat = OpenAIChat(endpoint)
        try:
            return await chat.complete(REQUEST)
        finally:
            await chat.aclose()

    return asyncio.run(go())


def answer_from(script: list[Answer], retries: int = 3, timeout_s: float = 5.0) -> tuple[Completion, int]:
    """The completion, and how many requests it took."""
    replies = iter(script)
    with ChatServer(lambda _: next(replies)) as server:
        endpoint = Endpoint("teacher", server.url, retries=retries, timeout_s=timeout_s)
        return ask(endpoint), len(server.requests)


def refusal_of(answer: Answer, kind: type[Exception], model: str = "teacher") -> str:
    with ChatServer(lambda _: answer, models=("teacher",)) as server, pytest.raises(kind) as caught:
        ask(Endpoint(model, server.url, retries=0))
    return str(caught.value)


def test_a_reply_becomes_a_message_with_its_price():
    completion, _ = answer_from([says("<answer>Oslo</answer>")])
    assert completion.message == Message("assistant", "<answer>Oslo</answer>")
    assert (completion.prompt_tokens, completion.completion_tokens) == (100, 20)
    assert completion.latency_s > 0


def test_parallel_calls_keep_their_order_and_ids():
    completion, _ = answer_from([calls('{"query": "a"}', '{"query": "b"}')])
    assert completion.finish_reason == "tool_calls"
    assert completion.message.tool_calls is not None
    assert [call["id"] for call in completion.message.tool_calls] == ["call_0", "call_1"]
    assert [call["function"]["arguments"]["query"] for call in completion.message.tool_calls] == ["a", "b"]


def test_the_retry_after_header_is_obeyed():
    completion, requests = answer_from([error(429, "slow down", retry_after="1"), says("ok")])
    assert requests == 2
    assert completion.latency_s > 1


TROUBLE = {
    "server error": error(500, "oops", retry_after="0.01"),
    "gateway": Answer(b"<html>bad gateway</html>", 502, {"Retry-After": "0.01"}),
    "cut short": Answer(says("ok").body, cut=True),
    "truncated JSON": Answer(says("ok").body[:-20]),
    "no choices": Answer(b'{"choices": []}'),
    "error in a 200": Answer(b'{"error": {"message": "overloaded"}}'),
    "too slow": Answer(says("ok").body, delay_s=1.0),
}


@pytest.mark.parametrize("trouble", TROUBLE.values(), ids=TROUBLE)
def test_trouble_is_tried_again(trouble):
    completion, requests = answer_from([trouble, says("ok")], timeout_s=0.5)
    assert completion.message.content == "ok"
    assert requests == 2


@pytest.mark.parametrize("trouble", TROUBLE.values(), ids=TROUBLE)
def test_trouble_that_lasts_makes_the_server_unavailable(trouble):
    with pytest.raises(ChatUnavailableError, match="must be a chat server that answers"):
        answer_from([trouble] * 2, retries=1, timeout_s=0.5)


def test_a_refused_connection_names_the_url_and_what_to_check():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(ChatUnavailableError, match=r"Check that the server runs") as caught:
        ask(Endpoint("teacher", url, retries=0))
    assert url in str(caught.value)


def test_a_wrong_key_is_told_without_showing_it(monkeypatch, caplog):
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    caplog.set_level("DEBUG")
    with ChatServer(lambda _: says("ok"), key="another") as server, pytest.raises(ChatServerError) as caught:
        ask(Endpoint("teacher", server.url, api_key_env="MY_KEY", retries=0))
    assert "MY_KEY" in str(caught.value)
    assert server.url in str(caught.value)
    shown = [
        str(caught.value),
        repr(caught.value.__cause__),
        *(record.getMessage() for record in caplog.records),
    ]
    assert not [text for text in shown if "sk-very-secret" in text]


def test_a_missing_key_says_that_the_variable_is_not_set(monkeypatch):
    monkeypatch.delenv("MY_KEY", raising=False)
    with (
        ChatServer(lambda _: says("ok"), key="another") as server,
        pytest.raises(ChatServerError, match=r"MY_KEY.*not set"),
    ):
        ask(Endpoint("teacher", server.url, api_key_env="MY_KEY", retries=0))


def test_a_wrong_model_lists_what_is_served():
    message = refusal_of(says("ok"), ChatServerError, model="teecher")
    assert "Did you mean 'teacher'" in message


def test_a_wrong_path_says_what_the_url_should_end_in():
    with ChatServer(lambda _: says("ok")) as server, pytest.raises(ChatServerError, match="/v1"):
        ask(Endpoint("teacher", server.url.removesuffix("/v1"), retries=0))


@pytest.mark.parametrize(
    "answer",
    [
        error(400, "too long", code="context_length_exceeded"),
        error(400, "This model's maximum context length is 1024 tokens. However, your prompt contains 2000."),
    ],
)
def test_a_full_context_has_an_error_of_its_own(answer):
    refusal_of(answer, ContextLengthError)


def test_a_refused_request_breaks_this_rollout_only_and_quotes_the_server():
    message = refusal_of(error(400, '"auto" tool choice requires a parser'), ChatUnavailableError)
    assert '"auto" tool choice requires a parser' in message


@pytest.mark.parametrize(
    "url", ["localhost:8000/v1", "ftp://host/v1", "http://me:secret@host/v1", "http://:x"]
)
def test_a_bad_url_is_refused_before_anything_is_sent(url):
    with pytest.raises(ConfigError, match="base_url") as caught:
        OpenAIChat(Endpoint("teacher", url))
    assert "secret" not in str(caught.value)


def test_a_password_in_a_url_that_cannot_be_read_is_not_shown():
    with pytest.raises(ConfigError, match="base_url") as caught:
        OpenAIChat(Endpoint("teacher", "http://me:secret@:x"))
    assert "secret" not in str(caught.value)


def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-very\nsecret")
    with pytest.raises(ConfigError, match="MY_KEY") as caught:
        OpenAIChat(Endpoint("teacher", api_key_env="MY_KEY"))
    assert "secret" not in f"{caught.value} {caught.value.__cause__}"


def test_white_space_around_a_key_is_not_sent(monkeypatch):
    monkeypatch.setenv("MY_KEY", "right\n")
    with ChatServer(lambda _: says("ok"), key="right") as server:
        assert ask(Endpoint("teacher", server.url, api_key_env="MY_KEY")).message.content == "ok"


def test_a_request_that_is_cancelled_does_not_wait_for_its_reply():
    async def go(url: str) -> None:
        chat = OpenAIChat(Endpoint("teacher", url))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await chat.complete(REQUEST)
        await chat.aclose()

    with ChatServer(lambda _: Answer(b"", delay_s=30.0)) as server:
        asyncio.run(asyncio.wait_for(go(server.url), 5.0))


def test_many_requests_go_out_at_once():
    async def go(url: str) -> float:
        chat, loop = OpenAIChat(Endpoint("teacher", url)), asyncio.get_running_loop()
        started = loop.time()
        await asyncio.gather(*(chat.complete(REQUEST) for _ in range(150)))
        await chat.aclose()
        return loop.time() - started

    slow = Answer(says("ok").body, delay_s=0.5)
    with ChatServer(lambda _: slow) as server:
        assert asyncio.run(go(server.url)) < 3.0


def test_nothing_reported_is_nothing_known():
    silent = reply({"content": "ok"}, usage={"prompt_tokens": None})
    completion, _ = answer_from([silent])
    assert completion.prompt_tokens is completion.completion_tokens is None


def test_a_request_carries_nothing_about_this_machine():
    seen: list[str] = []

    class Listening(ChatServer):
        async def handle(self, request):
            seen.extend(request.headers)
            return await super().handle(request)

    with Listening(lambda _: says("ok")) as server:
        ask(Endpoint("teacher", server.url))
    assert not [name for name in seen if name.startswith("X-Stainless-") and name.endswith(("OS", "Arch"))]


def test_a_path_that_names_the_model_is_sent_and_not_shown():
    with ChatServer(lambda _: says("yes"), models=("/home/me/qwen3",)) as server:
        endpoint = Endpoint("/home/me/qwen3", server.url)
        assert OpenAIChat(endpoint).name == "qwen3"
        ask(endpoint)
        assert [sent["model"] for sent in server.requests] == ["/home/me/qwen3"]
