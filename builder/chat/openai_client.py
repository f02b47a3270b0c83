"""Chat models behind an OpenAI-compatible server (vLLM, SGLang, llama.cpp, hosted services).

What is tried again, and after which pause, is the `openai` library's policy (429 with Retry-After, 408, 409,
5xx, timeouts, broken connections). The library itself stays out: its request path and its response models
cost more than all the rest of a turn (benchmarks/collect_overhead.py).
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import re
import time
from dataclasses import dataclass

import orjson
from pyreqwest.http import Url

from ..errors import ChatServerError, ConfigError, Problem, did_you_mean, shorten
from ..identity import without_folder
from .model import (
    ChatRequest,
    ChatUnavailableError,
    Completion,
    ContextLengthError,
    UnreadableReplyError,
)
from .transport import NoReplyError, RefusedError, Transport, pause_before
from .wire import read_reply, read_usage, write_request

_CONTEXT = re.compile(r"context[ _](?:length|window|size)|maximum context|too many tokens", re.IGNORECASE)

_UNSUPPORTED = re.compile(
    r"response_format|json_schema|structured.?output|guided|unsupported (?:parameter|value)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Which model at which server, and how patiently it is asked. `timeout_s` is for one attempt.

    `reask`: whether a reply that cannot be read is asked for again here; whoever counts its cost does that.
    `option` is what the user calls the model by.
    """

    model: str
    base_url: str = "http://127.0.0.1:8000/v1"
    api_key_env: str = "OPENAI_API_KEY"
    timeout_s: float = 120.0
    retries: int = 4
    revision: str | None = None
    reask: bool = True
    option: str = "teacher"


class _UnreadableError(NoReplyError):
    """A whole reply came that says nothing."""

    def __init__(self, reply: bytes, error: ValueError, *, again: bool) -> None:
        super().__init__(f"unreadable reply {shorten(reply[:200])}: {error}", again=again)
        self.reply = reply


class OpenAIChat:
    """A `ChatModel` at an endpoint. The key is read from the environment and stands in no text."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Prepare the client; nothing is sent yet.

        Raises:
            ConfigError: the base URL is none, or holds a password; the key cannot be sent.
        """
        check_url(endpoint.base_url)
        self._endpoint, self._key = endpoint, os.environ.get(endpoint.api_key_env, "").strip() or None
        try:
            self._transport = Transport.open(endpoint.base_url, self._key, endpoint.timeout_s)
        except ValueError:
            # Not chained: the library quotes the key.
            fix = f"Look at the environment variable {endpoint.api_key_env}."
            raise ConfigError(str(Problem("api_key_env", "must hold plain ASCII", "[key]", fix))) from None

    @property
    def name(self) -> str:
        """The model's name at the server; of a path, as after `vllm serve FOLDER`, its last part."""
        return without_folder(self._endpoint.model)

    @property
    def revision(self) -> str | None:
        """What the user says pins the model; the protocol has no word for it."""
        return self._endpoint.revision

    async def complete(self, request: ChatRequest) -> Completion:
        """The next assistant message. A reply that cannot be read is asked for again, like a 5xx.

        Raises:
            ChatUnavailableError: no usable reply after all retries, or the server refuses this request.
            UnreadableReplyError: a reply came that cannot be read (after all retries, where they are on).
            ContextLengthError: the messages do not fit the context.
            ChatServerError: wrong key, no such model, no such path, a setting that the model does not take:
                asking again is no use.
        """
        started = time.perf_counter()
        completion = await self._patiently(write_request(self._endpoint.model, request))
        return dataclasses.replace(completion, latency_s=time.perf_counter() - started)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def _patiently(self, body: bytes) -> Completion:
        attempt = 1
        while True:
            try:
                return await self._once(body)
            except NoReplyError as error:
                if attempt > self._endpoint.retries or not error.again:
                    # Not chained: the server's words may quote the key back.
                    raise await self._final(error) from None
                pause_s = pause_before(attempt, error.pause_s)
            await asyncio.sleep(pause_s)
            attempt += 1

    async def _once(self, body: bytes) -> Completion:
        reply = await self._transport.post("/chat/completions", body)
        try:
            return read_reply(reply)
        except ValueError as error:
            raise _UnreadableError(reply, error, again=self._endpoint.reask) from error

    async def _final(self, error: NoReplyError) -> Exception:
        """What a failure means that is not tried again."""
        if isinstance(error, RefusedError):
            return await self._refused(error)
        if isinstance(error, _UnreadableError):
            advice = "Check that the URL ends in its API root, mostly /v1."
            return UnreadableReplyError(self._silent(error.reason, advice), *read_usage(error.reply))
        return self._unavailable(error.reason, "Check that the server runs, and its port.")

    async def _refused(self, error: RefusedError) -> Exception:
        text = self._redacted(error.reason)
        if error.status in (401, 403):
            return self._no_access(text)
        if error.status == 404:
            return await self._not_found(text)
        if error.status in (400, 413, 422) and (
            error.code == "context_length_exceeded" or _CONTEXT.search(text)
        ):
            return ContextLengthError(text)
        if error.status in (400, 422) and _UNSUPPORTED.search(text):
            return self._unsupported(text)
        return self._unavailable(text, _advice(error.status))

    def _no_access(self, text: str) -> ChatServerError:
        variable = self._endpoint.api_key_env
        state = "it is not set" if self._key is None else "it holds another key"
        rule = f"must be a server that this key opens ({text})"
        fix = f"Set the environment variable {variable} to the server's API key; now {state}."
        return ChatServerError(str(Problem("base_url", rule, self._endpoint.base_url, fix)))

    def _unsupported(self, text: str) -> ChatServerError:
        fix = (
            "Leave out what it refuses: `trajset judge` has --plain (no JSON schema) and --dialect reasoning "
            "(GPT-5 and o-series); --top-k none sends no top_k."
        )
        rule = f"must take what is sent ({text})"
        problem = Problem(self._endpoint.option, rule, self._endpoint.model, fix)
        return ChatServerError(str(problem))

    async def _not_found(self, text: str) -> ChatServerError:
        try:
            models = _model_names(await self._transport.get("/models"))
        except (NoReplyError, ValueError):
            fix = f"The server says: {text}. Check that the URL ends in its API root, mostly /v1."
            problem = Problem("base_url", "must serve /chat/completions", self._endpoint.base_url, fix)
        else:
            model = self._endpoint.model
            rule = f"must be a model that {self._endpoint.base_url} serves ({text})"
            problem = Problem(self._endpoint.option, rule, model, did_you_mean(model, models))
        return ChatServerError(str(problem))

    def _unavailable(self, reason: str, advice: str) -> ChatUnavailableError:
        return ChatUnavailableError(self._silent(reason, advice))

    def _silent(self, reason: str, advice: str) -> str:
        rule = f"must be a chat server that answers ({self._redacted(reason)})"
        return str(Problem("base_url", rule, self._endpoint.base_url, advice))

    def _redacted(self, text: str) -> str:
        return text if self._key is None else text.replace(self._key, "[key]")


def check_url(text: str) -> None:
    """Whether a text is the address of an API.

    Raises:
        ConfigError: it is none, or holds a password.
    """
    shown = re.sub(r"//[^/]*@", "//...@", text)
    try:
        url = Url(text)
    except ValueError as error:
        fix = f"{error}. Give one like http://127.0.0.1:8000/v1."
        raise ConfigError(str(Problem("base_url", "must be a URL", shown, fix))) from error
    if url.username or url.password:
        fix = "Hand over the key through --api-key-env."
        raise ConfigError(str(Problem("base_url", "must hold no password", shown, fix)))
    if url.scheme not in ("http", "https"):
        fix = "Give one like http://127.0.0.1:8000/v1."
        raise ConfigError(str(Problem("base_url", "must begin with http:// or https://", text, fix)))


def _model_names(reply: bytes) -> list[str]:
    """The ids in `{"data": [{"id": ...}, ...]}`.

    Raises:
        ValueError: it is something else.
    """
    try:
        return [str(model["id"]) for model in orjson.loads(reply)["data"]]
    except (KeyError, TypeError) as error:
        raise ValueError("no list of models") from error


def _advice(status: int) -> str:
    if status == 429:
        return "Lower --concurrency, or raise --retries."
    if status >= 500:
        return "See the server's log."
    return (
        "See the server's log; vLLM takes tools only with --enable-auto-tool-choice --tool-call-parser NAME."
    )
