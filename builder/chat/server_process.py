"""A server of ours as a process: its log in the run's folder, its end bound to ours (see supervisor.py)."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..errors import Problem, StorageError
from . import supervisor

_CAUSE = re.compile(r"(?i)error|exception|out of memory|killed")
_CAUSES, _LAST = 10, 5
_TELLING = re.compile(r"\b(INFO|WARNING|ERROR|Loading)\b")

_GRACE_S = 10.0
"""Seconds between SIGTERM and SIGKILL."""
_LARGE = 64 << 20
"""Bytes from which a log of earlier starts is set aside."""
_TAIL = 65_536


@dataclass(slots=True)
class ServerProcess:
    """A running server. `log_start` is where its own lines begin in a log that earlier starts wrote to."""

    process: asyncio.subprocess.Process
    log: Path
    log_start: int

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str], log: Path) -> ServerProcess:
        """Start the command under its supervisor; its output is appended to the log.

        Raises:
            StorageError: the log cannot be written.
        """
        watched = (sys.executable, "-I", supervisor.__file__, str(_GRACE_S), *command)
        try:
            _set_aside(log)
            with log.open("ab") as output:
                output.write(
                    f"[trajset] {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC {shlex.join(command)}\n".encode()
                )
                output.flush()
                start = output.tell()
                process = await asyncio.create_subprocess_exec(
                    *watched,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    env=environment,
                    start_new_session=True,
                )
        except OSError as error:
            fix = "Make room, mend its rights, or name another --out."
            rule = f"must be writable ({error.strerror})"
            raise StorageError(str(Problem("out", rule, str(log), fix))) from error
        return cls(process, log, start)

    @property
    def ended(self) -> bool:
        """Whether the server is gone."""
        return self.process.returncode is not None

    async def wait(self) -> None:
        """Until the server is gone."""
        await self.process.wait()

    async def stop(self) -> None:
        """End the server and all that it started; nothing where it is gone."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            async with asyncio.timeout(_GRACE_S + 5.0):
                await self.process.wait()
        except TimeoutError:
            pass
        with suppress(ProcessLookupError):  # the group is empty
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()

    def last_words(self) -> list[str]:
        """The lines of its end that say why: those that speak of an error, then the very last ones."""
        lines = self.lines()
        causes = [line for line in lines[:-_LAST] if _CAUSE.search(line)]
        return [*causes[-_CAUSES:], *lines[-_LAST:]]

    def doing(self) -> str:
        """The last line that says what it is doing; any line where none does."""
        lines = self.lines()
        telling = (line for line in reversed(lines) if _TELLING.search(line))
        return next(telling, lines[-1] if lines else "")

    def lines(self) -> list[str]:
        """The last lines that it wrote, none of them blank."""
        try:
            with self.log.open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(self.log_start, end - _TAIL))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return []
        return [line.strip() for line in text.splitlines() if line.strip()]


def _set_aside(log: Path) -> None:
    """Keep one older log beside the one that is written to."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LARGE:
        log.replace(log.with_name(f"{log.name}.1"))
