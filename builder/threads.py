"""Calls that wait, made in threads: a thinner way there and back than a `concurrent.futures` executor.

An executor keeps a future, a lock and a chain of callbacks for every call, which costs the event loop several
times as much (benchmarks/threads.py).
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

Result = TypeVar("Result")

_GROW_S = 0.001


class Threads:
    """At most `most` threads, as few as keep up: while calls wait, their number doubles every millisecond.

    Use them in one event loop. They are daemons: a call that hangs does not keep the program from ending.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most, self._name = most, name
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._under_way = self._started = 0
        self._growing = False

    async def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """What a call returns or raises. It goes on when whoever waits for it is cancelled."""
        call = _Call(function, arguments, self._ended)
        self._under_way += 1
        self._calls.put(call)
        if not self._growing and self._under_way > self._started < self._most:
            self._growing = True
            asyncio.get_running_loop().call_later(_GROW_S if self._started else 0.0, self._grow)
        return await call.answer

    def close(self) -> None:
        """Let the threads end when they have made what waits. Run nothing afterwards."""
        self._most = self._started
        for _ in range(self._started):
            self._calls.put(None)

    def _grow(self) -> None:
        """Start threads, and look again soon, as long as fewer run than there are calls."""
        self._growing = False
        for _ in range(min(self._under_way, self._most, max(1, 2 * self._started)) - self._started):
            self._started += 1
            name = f"{self._name}-{self._started}"
            threading.Thread(target=_work, args=(self._calls,), name=name, daemon=True).start()
        if self._under_way > self._started < self._most:
            self._growing = True
            asyncio.get_running_loop().call_later(_GROW_S, self._grow)

    def _ended(self) -> None:
        self._under_way -= 1


class _Call:
    """A call, made in a thread, and the future of the loop that waits for it; as a context it hands over what
    is raised in it."""

    __slots__ = ("_loop", "_on_end", "answer", "arguments", "function")

    def __init__(
        self, function: Callable[..., Any], arguments: tuple[object, ...], on_end: Callable[[], None]
    ) -> None:
        self.function, self.arguments, self._on_end = function, arguments, on_end
        self._loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Any] = self._loop.create_future()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, StopIteration):
            unfit = RuntimeError("a call in a thread raised StopIteration, which no future takes")
            unfit.__cause__ = error
            error = unfit
        if error is not None:
            self.hand_over(self.answer.set_exception, error)
        return True

    def hand_over(self, how: Callable[[Any], None], what: object) -> None:
        """Let the loop take what came of it; a loop that is closed has nobody who waits."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._take, how, what)

    def _take(self, how: Callable[[Any], None], what: object) -> None:
        self._on_end()
        if not self.answer.done():
            how(what)


def _work(calls: queue.SimpleQueue[_Call | None]) -> None:
    while (call := calls.get()) is not None:
        with call:
            call.hand_over(call.answer.set_result, call.function(*call.arguments))
        del call  # its result is not kept until the next one comes
