"""Chat models behind an OpenAI-compatible server (vLLM, SGLang, llama.cpp, hosted services).

The `openai` library sends, backs off and tries again (429 with Retry-After, 408, 409, 5xx, timeouts, broken
connections); its pydantic models are left out on both ways, because building them costs five times as much
as the rest of a turn (benchmarks/collect_overhead.py).
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import re
import time
from dataclasses import dataclass

import aiohttp
import httpx2
import openai
from openai import AsyncOpenAI, DefaultAioHttpClient

from ..errors import ChatServerError, ConfigError, Problem, did_you_mean, shorten
from .model import (
    ChatRequest,
    ChatUnavailableError,
    Completion,
    ContextLengthError,
    UnreadableReplyError,
)
from .wire import read_reply, read_usage, write_request

_NO_KEY = "none"  # the library wants one; servers without a key ignore it

_CONNECTIONS = httpx2.Limits(max_connections=4096, max_keepalive_connections=4096, keepalive_expiry=4.0)
# The collector bounds concurrency. Idle connections go before the 5 s after which uvicorn closes them.

_CONNECT_S = 10.0
_PAUSE_S = 0.5

# The library's headers about this machine and its own doings help nobody here, and each takes time to encode.
_HEADERS: dict[str, str | openai.Omit] = {"Content-Type": "application/json"} | {
    name: openai.Omit()
    for name in (
        *("X-Stainless-Lang", "X-Stainless-Package-Version", "X-Stainless-OS", "X-Stainless-Arch"),
        *("X-Stainless-Runtime", "X-Stainless-Runtime-Version", "X-Stainless-Async"),
        *("x-stainless-retry-count", "x-stainless-read-timeout"),
    )
}

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


class OpenAIChat:
    """A `ChatModel` at an endpoint. The key is read from the environment and stands in no text."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Prepare the client; nothing is sent yet.

        Raises:
            ConfigError: the base URL is none, or holds a password.
        """
        _check_url(endpoint.base_url)
        key = os.environ.get(endpoint.api_key_env) or _NO_KEY
        client = AsyncOpenAI(
            api_key=key,
            base_url=endpoint.base_url,
            timeout=httpx2.Timeout(endpoint.timeout_s, connect=min(_CONNECT_S, endpoint.timeout_s)),
            max_retries=endpoint.retries,
            http_client=DefaultAioHttpClient(limits=_CONNECTIONS),
        )
        self._endpoint, self._key, self._client = endpoint, key, client
        self._url = (
            f"{endpoint.base_url.rstrip('/')}/chat/completions"  # absolute: joined once, not each time
        )

    @property
    def name(self) -> str:
        """The model's name at the server."""
        return self._endpoint.model

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
        body = write_request(self.name, request)
        started = time.perf_counter()
        retries = self._endpoint.retries if self._endpoint.reask else 0
        attempt = 0
        while True:
            reply = await self._post(body)
            try:
                completion = read_reply(reply)
            except ValueError as error:
                if attempt == retries:
                    raise self._unreadable(reply, error) from error
                await asyncio.sleep(_PAUSE_S * 2**attempt)
                attempt += 1
            else:
                return dataclasses.replace(completion, latency_s=time.perf_counter() - started)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _post(self, body: bytes) -> bytes:
        try:
            response = await self._client.post(
                self._url, content=body, cast_to=httpx2.Response, options={"headers": _HEADERS}
            )
        except openai.APIStatusError as error:
            # Not chained: the library's message may quote the key back.
            raise await self._refused(error) from None
        except (openai.APIConnectionError, aiohttp.ClientError) as error:
            raise self._unavailable(_root(error), "Check that the server runs, and its port.") from error
        return response.content

    async def _refused(self, error: openai.APIStatusError) -> Exception:
        text = self._redacted(error.message)
        if error.status_code in (401, 403):
            return self._no_access(text)
        if error.status_code == 404:
            return await self._not_found(text)
        if error.status_code in (400, 413, 422) and (
            error.code == "context_length_exceeded" or _CONTEXT.search(text)
        ):
            return ContextLengthError(text)
        if error.status_code in (400, 422) and _UNSUPPORTED.search(text):
            return self._unsupported(text)
        return self._unavailable(text, _advice(error.status_code))

    def _no_access(self, text: str) -> ChatServerError:
        variable = self._endpoint.api_key_env
        state = "it is not set" if self._key == _NO_KEY else "it holds another key"
        rule = f"must be a server that this key opens ({text})"
        fix = f"Set the environment variable {variable} to the server's API key; now {state}."
        return ChatServerError(str(Problem("base_url", rule, self._endpoint.base_url, fix)))

    def _unsupported(self, text: str) -> ChatServerError:
        fix = (
            "Leave out what it refuses: `trajset judge` has --plain (no JSON schema) and --dialect reasoning "
            "(GPT-5 and o-series); --top-k none sends no top_k."
        )
        problem = Problem(self._endpoint.option, f"must take what is sent ({text})", self.name, fix)
        return ChatServerError(str(problem))

    async def _not_found(self, text: str) -> ChatServerError:
        try:
            models = [model.id async for model in self._client.with_options(max_retries=0).models.list()]
        except (openai.OpenAIError, aiohttp.ClientError, ValueError):
            fix = f"The server says: {text}. Check that the URL ends in its API root, mostly /v1."
            problem = Problem("base_url", "must serve /chat/completions", self._endpoint.base_url, fix)
        else:
            rule = f"must be a model that {self._endpoint.base_url} serves ({text})"
            problem = Problem(self._endpoint.option, rule, self.name, did_you_mean(self.name, models))
        return ChatServerError(str(problem))

    def _unavailable(self, reason: str, advice: str) -> ChatUnavailableError:
        return ChatUnavailableError(self._silent(reason, advice))

    def _unreadable(self, reply: bytes, error: ValueError) -> UnreadableReplyError:
        reason = f"unreadable reply {shorten(reply[:200])}: {error}"
        advice = "Check that the URL ends in its API root, mostly /v1."
        return UnreadableReplyError(self._silent(reason, advice), *read_usage(reply))

    def _silent(self, reason: str, advice: str) -> str:
        rule = f"must be a chat server that answers ({self._redacted(reason)})"
        return str(Problem("base_url", rule, self._endpoint.base_url, advice))

    def _redacted(self, text: str) -> str:
        return text if self._key == _NO_KEY else text.replace(self._key, "[key]")


def _check_url(text: str) -> None:
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL as error:
        fix = f"{error}. Give one like http://127.0.0.1:8000/v1."
        raise ConfigError(str(Problem("base_url", "must be a URL", text, fix))) from error
    if url.userinfo:
        fix = "Hand over the key through --api-key-env."
        raise ConfigError(str(Problem("base_url", "must hold no password", f"...@{url.host}", fix)))
    if url.scheme not in ("http", "https") or not url.host:
        fix = "Give one like http://127.0.0.1:8000/v1."
        raise ConfigError(str(Problem("base_url", "must begin with http:// or https://", text, fix)))


def _advice(status: int) -> str:
    if status == 429:
        return "Lower --concurrency, or raise --retries."
    if status >= 500:
        return "See the server's log."
    return (
        "See the server's log; vLLM takes tools only with --enable-auto-tool-choice --tool-call-parser NAME."
    )


def _root(error: BaseException) -> str:
    """The innermost cause, which says more than the library's "Connection error."."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}".rstrip(": ")
