"""A scripted server that speaks the OpenAI chat protocol, for tests (in a thread) and benchmarks (a process).

    with ChatServer(lambda request: says("<answer>Oslo</answer>")) as server:
        OpenAIChat(Endpoint("teacher", server.url))

As a program it answers every conversation with searches and then an answer, each after a fixed latency:

    python tests/chat_server.py --turns 4 --latency 0.05
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes over the wire. `cut` closes the connection half way through the body."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    cut: bool = False


def reply(message: Json, finish: str = "stop", usage: Json | None = None) -> Answer:
    """A chat completion with one choice."""
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "teacher",
        "choices": [{"index": 0, "message": {"role": "assistant"} | message, "finish_reason": finish}],
        "usage": usage or {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }
    return Answer(orjson.dumps(body))


def says(text: str, finish: str = "stop") -> Answer:
    """A turn of text."""
    return reply({"content": text}, finish)


def calls(*arguments: str, name: str = "search") -> Answer:
    """A turn of tool calls, with the arguments as the text that stands on the wire."""
    tool_calls = [
        {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": text}}
        for index, text in enumerate(arguments)
    ]
    return reply({"content": None, "tool_calls": tool_calls}, "tool_calls")


def error(status: int, message: str, code: str | None = None, **headers: str) -> Answer:
    """A refusal in the protocol's form; `retry_after="1"` becomes the header Retry-After."""
    body = orjson.dumps({"error": {"message": message, "type": "error", "code": code}})
    return Answer(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


@dataclass
class ChatServer:
    """The server in a thread of its own. `requests` keeps the bodies it got, in order."""

    answer: Callable[[Json], Answer]
    key: str | None = None
    models: tuple[str, ...] = ()
    requests: list[Json] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """The API root."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> ChatServer:
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(started,), daemon=True)
        self._thread.start()
        started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        runner = self._loop.run_until_complete(start(self.handle, self.port))
        self.port = runner.addresses[0][1]
        started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Check the key and the model, then answer by script."""
        if self.key is not None and request.headers.get("Authorization") != f"Bearer {self.key}":
            offered = request.headers.get("Authorization", "")
            return _response(error(401, f"Incorrect API key provided: {offered}"))
        if request.path == "/v1/models":
            models = [{"id": name, "object": "model", "created": 1, "owned_by": "me"} for name in self.models]
            return web.json_response({"object": "list", "data": models})
        if request.path != "/v1/chat/completions":
            return _response(error(404, "Not Found"))
        body = orjson.loads(await request.read())
        self.requests.append(body)
        if self.models and body["model"] not in self.models:
            return _response(error(404, f"The model `{body['model']}` does not exist."))
        answer = self.answer(body)
        await asyncio.sleep(answer.delay_s)
        return await _cut(request, answer) if answer.cut else _response(answer)


async def start(handle: Callable[[web.BaseRequest], Any], port: int = 0) -> web.ServerRunner:
    """A listening server around a handler; no routing, no access log."""
    runner = web.ServerRunner(web.Server(handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    return runner


def _response(answer: Answer) -> web.Response:
    headers = {"Content-Type": "application/json"} | answer.headers
    return web.Response(body=answer.body, status=answer.status, headers=headers)


async def _cut(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": str(len(answer.body))})
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    assert request.transport is not None
    request.transport.close()
    return response


async def _main(turns: int, latency_s: float) -> None:
    search = _response(calls('{"query": "who directed the film"}')).body
    answer = _response(says("The passage says so. <answer>Oslo</answer>")).body

    async def handle(request: web.BaseRequest) -> web.Response:
        body = await request.read()
        await asyncio.sleep(latency_s)
        last = body.count(b'"role":"assistant"') >= turns - 1
        return web.Response(body=answer if last else search, content_type="application/json")

    runner = await start(handle)
    sys.stdout.write(f"{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)  # until whoever started it goes


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--latency", type=float, default=0.05)
    options = parser.parse_args()
    asyncio.run(_main(options.turns, options.latency))
