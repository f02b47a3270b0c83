"""The way to a chat server: requests and replies as bytes, over connections that are kept and used again.

`pyreqwest` sends them: its connections are served outside Python, which costs the event loop a fifth of what
a client written in Python does (benchmarks/collect_overhead.py).
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, cast

import orjson
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import RequestError, RequestTimeoutError
from pyreqwest.response import Response
from pyreqwest.runtime import runtime_worker_threads

from ..errors import shorten

_CONNECT = timedelta(seconds=10)
_IDLE = timedelta(seconds=4)
"""Idle connections go before the 5 s after which uvicorn closes them."""

_THREADS = 1
"""Two get in each other's way: they do little but wait to hand a reply over to Python."""

_AGAIN = frozenset({408, 409, 429})
"""What a client may try again beside 5xx, as the `openai` library does."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 8.0
_LONGEST_ASKED_S = 120.0


class NoReplyError(Exception):
    """One attempt got no usable reply. `again`: another one may; `pause_s`: the server asks for that wait."""

    def __init__(self, reason: str, *, again: bool = True, pause_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.again, self.pause_s = reason, again, pause_s


class RefusedError(NoReplyError):
    """The server answered with an error status; `code` is its own word for what is wrong."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        message, self.code = _read_error(body)
        pause_s = _asked_pause(headers)
        super().__init__(f"HTTP {status}: {message}", again=_is_worth(status, headers), pause_s=pause_s)
        self.status = status


@dataclass(frozen=True, slots=True)
class Transport:
    """A client for one API root. Use it in one event loop; `aclose` frees the connections."""

    root: str
    client: Client
    timeout_s: float

    @classmethod
    def open(cls, root: str, key: str | None, timeout_s: float) -> Transport:
        """Prepare; nothing is sent yet. `timeout_s` is for one attempt, from connecting to the last byte.

        Raises:
            ValueError: the key is nothing that a header can hold.
        """
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        limit = timedelta(seconds=timeout_s)
        builder = ClientBuilder().user_agent("trajset").default_headers(headers).timeout(limit)
        builder = builder.connect_timeout(min(_CONNECT, limit)).pool_idle_timeout(_IDLE)
        with suppress(RuntimeError):  # another client in this process has chosen
            runtime_worker_threads(_THREADS)
        builder = builder.runtime_multithreaded(enable=True)
        return cls(root.rstrip("/"), builder.build(), timeout_s)

    async def post(self, path: str, body: bytes) -> bytes:
        """The body of the reply to a JSON body.

        Raises:
            RefusedError: the status is no success.
            NoReplyError: no whole reply came.
        """
        try:
            response = await self.client.post(self.root + path).body_bytes(body).build().send()
            return await _read(response)
        except RequestError as error:
            raise self._no_reply(error) from error

    async def get(self, path: str) -> bytes:
        """The body of what a path holds. Raises as `post` does."""
        try:
            return await _read(await self.client.get(self.root + path).build().send())
        except RequestError as error:
            raise self._no_reply(error) from error

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.close()

    def _no_reply(self, error: RequestError) -> NoReplyError:
        if isinstance(error, RequestTimeoutError):
            return NoReplyError(f"no reply within {self.timeout_s:g} s")
        return NoReplyError(_innermost(error))


def pause_before(attempt: int, asked_s: float | None) -> float:
    """Seconds to wait before attempt 1, 2, ... is made again: what the server asks for, else a doubling pause
    that is cut by up to a quarter at random, so that many clients do not come back at once."""
    if asked_s is not None and 0 < asked_s <= _LONGEST_ASKED_S:
        return asked_s
    pause = min(_FIRST_PAUSE_S * 2.0 ** min(attempt - 1, 10), _LONGEST_PAUSE_S)
    return pause * (1 - 0.25 * random.random())


async def _read(response: Response) -> bytes:
    body = (await response.bytes()).to_bytes()
    if response.status >= 300:
        raise RefusedError(
            response.status, body, {key.lower(): value for key, value in response.headers.items()}
        )
    return body


def _read_error(body: bytes) -> tuple[str, str | None]:
    """What an error's body says, and its code: `{"error": {"message", "code"}}`, with variations."""
    try:
        record = orjson.loads(body)
    except orjson.JSONDecodeError:
        return shorten(body.decode("utf-8", "replace"), 300), None
    error = cast("dict[str, Any]", record).get("error", record) if isinstance(record, dict) else record
    if not isinstance(error, dict):
        return str(error), None
    fields = cast("dict[str, Any]", error)
    message = fields.get("message") or fields.get("detail") or shorten(fields, 300)
    code = fields.get("code")
    return str(message), code if isinstance(code, str) else None


def _is_worth(status: int, headers: Mapping[str, str]) -> bool:
    """Whether a server that refused may answer later. It may say so itself; hours are not waited for."""
    asked_s = _asked_pause(headers)
    if asked_s is not None and asked_s > _LONGEST_ASKED_S:
        return False
    said = headers.get("x-should-retry")
    return said == "true" if said in ("true", "false") else status in _AGAIN or status >= 500


def _asked_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks a client to wait: milliseconds, seconds or a date."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            pause = float(headers[name]) * unit_s
        except (KeyError, ValueError):
            continue
        return pause if math.isfinite(pause) else None
    try:
        moment = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def _innermost(error: RequestError) -> str:
    """The last cause, which says more than "connection error"."""
    causes = error.details["causes"] or []
    return f"{error.message}: {causes[-1]['message']}" if causes else error.message
