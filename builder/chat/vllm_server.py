"""The vLLM server of a run: started when it is first needed, watched, started again when it dies, stopped.

A server that dies before it has ever answered is not started again: its settings are wrong, and its log says
what. Later deaths are: at most `restarts` in a row, with pauses that double, on a new port each time.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import aiohttp
import orjson

from ..errors import ChatServerError, Problem
from ..notices import Notices
from ..server_record import ServerStart, record_start
from .server_process import ServerProcess

LOG = "vllm.log"

_POLL_S = 0.5
_CHECK_S = 10.0
_STEADY_S = 600.0
_PAUSES_S = (1.0, 60.0)
"""The first pause before a restart and the longest."""
_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Launch:
    """What is started, and how patiently. A port of 0 is a free one. A server that runs and yet answers no
    health check for `deaf_s` seconds counts as dead."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    model: str
    folder: Path
    port: int
    start_s: float
    restarts: int
    deaf_s: float = 60.0


class VllmServer:
    """A server that is kept up. Nothing runs before the first `up`."""

    def __init__(self, launch: Launch, notices: Notices) -> None:
        self._launch, self._notices = launch, notices
        self._up, self._down = asyncio.Event(), asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._down.set()
        self._restarts = 0
        self.starts = 0
        self.port = 0

    @property
    def is_up(self) -> bool:
        """Whether it answers, as far as is known."""
        return self._up.is_set()

    async def up(self) -> None:
        """Until the server answers.

        Raises:
            ChatServerError: it does not start, or died too often.
        """
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())
        waiting = asyncio.create_task(self._up.wait())
        try:
            await asyncio.wait({waiting, self._keeper}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._keeper.done():
            self._keeper.result()

    async def falls(self, within_s: float) -> bool:
        """Whether the server is away, or goes away within that time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._down.wait()
        return not self.is_up

    async def stop(self) -> None:
        """End the server; it is not started again."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
            _ = self._keeper.cancelled() or self._keeper.exception()  # heard already by whoever waited

    async def _keep(self) -> None:
        while True:
            self.port = self._launch.port or _free_port()
            command = (*self._launch.command, "--port", str(self.port))
            process = await ServerProcess.start(command, self._launch.environment, self._launch.folder / LOG)
            try:
                reason = await self._serve(process)
            finally:
                self._up.clear()
                self._down.set()
                self._notices.show("")
                await process.stop()
            await self._pause_or_raise(reason, process)

    async def _serve(self, process: ServerProcess) -> str:
        """Wait until the server answers, and on until it does no longer; why it does not."""
        began = monotonic()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{self.port}") as session:
            if not await self._starts(session, process, began):
                took = monotonic() - began
                return f"did not answer within {took:.0f} s" if not process.ended else "died while it started"
            await self._answers(session, process, monotonic() - began)
            up_since = monotonic()
            try:
                return await _watch(session, process, self._launch.deaf_s)
            finally:
                if monotonic() - up_since > _STEADY_S:
                    self._restarts = 0

    async def _starts(self, session: aiohttp.ClientSession, process: ServerProcess, began: float) -> bool:
        while not process.ended and monotonic() - began < self._launch.start_s:
            if await _healthy(session):
                return True
            doing = process.doing()[-100:]
            self._notices.show(f"vLLM is starting: {monotonic() - began:.0f} s  {doing}")
            await asyncio.sleep(_POLL_S)
        return False

    async def _answers(self, session: aiohttp.ClientSession, process: ServerProcess, seconds: float) -> None:
        version = await _version(session)
        launch = self._launch
        start = ServerStart("vllm", version, launch.model, launch.command, seconds, process.process.pid)
        record_start(launch.folder, start)
        self._notices.show("")
        self._notices.tell(
            f"vLLM {version or '(unknown version)'} serves {launch.model} on port {self.port}, started in "
            f"{seconds:.0f} s; its log is {launch.folder / LOG}"
        )
        self.starts += 1
        self._down.clear()
        self._up.set()

    async def _pause_or_raise(self, reason: str, process: ServerProcess) -> None:
        most = self._launch.restarts
        if self.starts == 0 or self._restarts == most:
            again = f" after {most} restarts" if self.starts else ""
            raise ChatServerError(_obituary(f"{reason}{again}", process))
        self._restarts += 1
        first, longest = _PAUSES_S
        pause = min(longest, first * 2 ** (self._restarts - 1))
        last = (process.lines() or ["(nothing in its log)"])[-1]
        self._notices.tell(
            f"vLLM {reason} ({last[-200:]}); restart {self._restarts} of at most {most} in {pause:.0f} s"
        )
        await asyncio.sleep(pause)


async def _watch(session: aiohttp.ClientSession, process: ServerProcess, deaf_s: float) -> str:
    """Until the server is gone or deaf; which of both."""
    heard = monotonic()
    while monotonic() - heard < deaf_s:
        with suppress(TimeoutError):
            async with asyncio.timeout(min(_CHECK_S, deaf_s / 3)):
                await process.wait()
        if process.ended:
            return "died"
        if await _healthy(session):
            heard = monotonic()
    return f"did not answer for {deaf_s:g} s"


async def _healthy(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("/health", timeout=aiohttp.ClientTimeout(_CHECK_S)) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


async def _version(session: aiohttp.ClientSession) -> str | None:
    try:
        async with session.get("/version", timeout=aiohttp.ClientTimeout(_CHECK_S)) as response:
            return str(orjson.loads(await response.read())["version"])
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError):
        return None


def _obituary(reason: str, process: ServerProcess) -> str:
    tail = "\n".join(f"  {line[:_SHOWN]}" for line in process.last_words())
    fix = f"The end of its log ({process.log}):\n{tail}"
    return str(Problem("teacher", "must be a model that vLLM serves", reason, fix))


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
