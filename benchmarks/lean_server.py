"""A scripted chat server in a process of its own that costs next to nothing: plain HTTP/1.1, kept alive.

    python benchmarks/lean_server.py --turns 4 --latency 0.05

It answers every conversation with searches and then an answer, each after a fixed latency, and prints its
port first. A web framework would take as much of a small machine as what is measured; this reads no more of
a request than its length and how many turns it holds. It ends with its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import uvloop

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from chat_server import Answer, calls, says


def on_wire(answer: Answer) -> bytes:
    """A whole response, ready to be written."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer.body)}\r\n\r\n"
    return head.encode() + answer.body


@dataclass(frozen=True, slots=True)
class Script:
    """What is answered before the last turn and in it, and after how many seconds."""

    turns: int
    latency_s: float
    search: bytes = on_wire(calls('{"query": "who directed the film"}'))
    answer: bytes = on_wire(says("The passage says so. <answer>Oslo</answer>"))

    def reply(self, request: bytes) -> bytes:
        """The response to a request's bytes."""
        last = request.count(b'"role":"assistant"') >= self.turns - 1
        return self.answer if last else self.search


class Connection(asyncio.Protocol):
    """One client's connection: requests one after another, as HTTP/1.1 without pipelining has them."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._pieces: list[bytes] = []
        self._missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Count down to the end of the request, then answer after the latency."""
        if not self._pieces and b"\r\n\r\n" not in data:
            raise ValueError("the head of a request is expected in one piece")
        self._missing = self._missing - len(data) if self._pieces else _length(data) - len(data)
        self._pieces.append(data)
        if self._missing <= 0:
            response = self._script.reply(b"".join(self._pieces))
            self._pieces.clear()
            loop = asyncio.get_running_loop()
            loop.call_later(self._script.latency_s, self._transport.write, response)


def _length(data: bytes) -> int:
    """Bytes of a request, head and body."""
    end = data.index(b"\r\n\r\n") + 4
    _, _, value = data[:end].lower().partition(b"content-length:")
    return end + int(value.partition(b"\r\n")[0])


async def serve(script: Script) -> None:
    """Listen until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(script), "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--latency", type=float, default=0.05)
    options = parser.parse_args()
    uvloop.run(serve(Script(options.turns, options.latency)))
