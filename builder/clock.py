"""The deadline of a rollout, with a clock that can be stopped: a server's restart is nobody's slowness."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Clock:
    """A deadline that has been entered, and the seconds that it stood still in all."""

    deadline: asyncio.Timeout
    stopped_s: float = 0.0

    def now(self) -> float:
        """Seconds of the loop's clock without those that it stood still."""
        return asyncio.get_running_loop().time() - self.stopped_s

    @contextmanager
    def stopped(self, since: float) -> Generator[None]:
        """Time from `since` (of the loop's clock) to the end of the block does not count."""
        when = self.deadline.when()
        self.deadline.reschedule(None)
        try:
            yield
        finally:
            away = asyncio.get_running_loop().time() - since
            self.stopped_s += away
            self.deadline.reschedule(None if when is None else when + away)
