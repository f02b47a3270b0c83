"""What a run does when nothing but failures comes back.

At its start it stops at once: whoever started it is still there, and mostly an address is wrong. Once it has
worked, it waits: rollouts that break while the server is away are not kept as broken rows but made again,
after growing pauses, until one works or the outage has lasted too long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from .errors import ChatServerError, RetrieverError, ServiceError
from .schema import Outcome, StopReason

IN_A_ROW = 8
"""Broken rollouts one after another, with none that works in between, that make an outage."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0


@dataclass(frozen=True, slots=True)
class Outage:
    """An outage under way: how long it lasts, when the run gives up, and what broke last."""

    lasted_s: float
    limit_s: float
    error: str


@dataclass(slots=True)
class OutageWatch:
    """Sees every rollout of a run in the order they end. `left` is how many the run has to make.

    `started_before`: an earlier run has worked, so that a few rollouts that always break are no outage.
    """

    limit_s: float
    left: int
    started_before: bool
    clock: Callable[[], float]
    _has_worked: bool = False
    _in_a_row: int = 0
    _since: float = 0.0
    _error: str = ""
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def outage(self) -> Outage | None:
        """The outage under way."""
        if not self._has_worked or self._in_a_row < IN_A_ROW:
            return None
        return Outage(self.clock() - self._since, self.limit_s, self._error)

    def note(self, outcome: Outcome) -> None:
        """A rollout has ended."""
        if outcome.stop_reason is not StopReason.INFRASTRUCTURE:
            self._in_a_row, self._has_worked = 0, True
            self._over.set()
            return
        if self._in_a_row == 0:
            self._since = self.clock()
        self._in_a_row += 1
        self._error = outcome.error or ""
        if self._in_a_row == IN_A_ROW:
            self._over.clear()

    def wake(self) -> None:
        """Let whoever waits go on at once."""
        self._over.set()

    async def wait(self, times: int) -> None:
        """Wait for the end of the outage, at most the pause that is due after so many waits."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(_FIRST_PAUSE_S * 2.0 ** min(times, 10), _LONGEST_PAUSE_S)):
                await self._over.wait()

    def check(self) -> None:
        """Whether to go on.

        Raises:
            RetrieverError, ChatServerError: nothing works from the start, or an outage lasts too long.
        """
        if self._has_worked:
            outage = self.outage
            if outage is not None and outage.lasted_s >= outage.limit_s:
                raise self._failure(f"for {outage.lasted_s:.0f} s, ")
        elif self._in_a_row >= (IN_A_ROW if self.started_before else min(IN_A_ROW, self.left)):
            raise self._failure("")

    def _failure(self, lasting: str) -> ServiceError:
        kind = RetrieverError if self._error.startswith(RetrieverError.__name__) else ChatServerError
        return kind(
            f"{self._in_a_row} rollouts in a row were broken, {lasting}the last by {self._error} "
            "The journal stays: go on with --resume once the server answers."
        )
