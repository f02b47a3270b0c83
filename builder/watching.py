"""A run that says how far it is: a ledger that counts the rows it takes, and a task that tells the
numbers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from .errors import ConfigError, Problem
from .journal import Journal, Placed
from .notices import Notices
from .run_status import RunStatus, State, status_of, write_status
from .totals import Totals, fact_of
from .tracking import Tracker

_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Audience:
    """Who hears of a run. `every_s` is how often its progress is written beside the journal."""

    notices: Notices = field(default_factory=Notices)
    tracker: Tracker | None = None
    every_s: float = _EVERY_S


class WatchedLedger:
    """A journal that counts the rows it takes, those of earlier sessions included."""

    def __init__(self, journal: Journal, folder: Path, total: int, audience: Audience) -> None:
        self._journal, self._folder, self._total, self._audience = journal, folder, total, audience
        self._totals = Totals()
        for fact in journal.facts():
            self._totals.add(fact)
        self._began = time.time()
        self._failing: set[str] = set()
        self.under_way = 0

    def done(self) -> Set[str]:
        """Ids of the rollouts that are not to be made."""
        return self._journal.done()

    def record(self, rows: Sequence[Placed]) -> None:
        """Commit rows, then count them."""
        self._journal.record(rows)
        for _, row in rows:
            self._totals.add(fact_of(row))

    def status(self, state: State) -> RunStatus:
        """How far the run is."""
        now = time.time()
        told = status_of(self._totals, self._total, state, now)
        if state != "running":
            return told
        recent = self._totals.recent_rate(now, self._began)
        rate = recent or told.rate
        return replace(
            told,
            recent_rate=recent,
            ends_at=now + told.left / rate if rate else None,
            under_way=self.under_way,
            server=self._audience.notices.now or None,
        )

    async def tell(self) -> None:
        """Write how far the run is, again and again, and draw the tracker's curves."""
        tracked = time.monotonic()
        while True:
            status = self.status("running")
            await self.write(status)
            if (tracker := self._audience.tracker) and time.monotonic() - tracked >= tracker.every_s:
                tracked = time.monotonic()
                await self.attempt("tracking", lambda at=status, to=tracker: to.log(at))
            await asyncio.sleep(self._audience.every_s)

    async def end(self) -> None:
        """The last word: complete, or stopped before that."""
        status = self.status("complete" if self._totals.finished == self._total else "stopped")
        await self.write(status)
        if tracker := self._audience.tracker:
            await self.attempt("tracking", lambda: tracker.log(status))
            await self.attempt("tracking", tracker.finish)

    async def write(self, status: RunStatus) -> None:
        """Put a status beside the journal. A disk that refuses it will refuse rows too, and end the run."""
        await self.attempt("writing progress.json", lambda: write_status(self._folder, status))

    async def attempt(self, what: str, call: Callable[[], object]) -> BaseException | None:
        """Make a call in a thread; the run goes on when it fails, which is said once. What it failed of."""
        error = await _failure(call)
        if error is None:
            self._failing.discard(what)
        elif what not in self._failing:
            self._failing.add(what)
            self._audience.notices.tell(f"{what} failed, the run goes on: {type(error).__name__}: {error}")
        return error


async def _failure(call: Callable[[], object]) -> BaseException | None:
    """What a call raises in a thread of its own, of whatever sort, None when it raises nothing. Whoever does
    not wait for it any more waits until it is over: the next call is not to meet it."""
    trial = asyncio.create_task(asyncio.to_thread(call))
    try:
        await asyncio.wait({trial})
    except asyncio.CancelledError:
        await asyncio.wait({trial})
        raise
    return trial.exception()


@asynccontextmanager
async def watched(
    journal: Journal, folder: Path, total: int, audience: Audience
) -> AsyncGenerator[WatchedLedger]:
    """A ledger for a run, whose numbers are told as long as the block goes on and once more at its end.

    Raises:
        ConfigError: the tracker cannot begin.
    """
    if audience.tracker and (error := await _failure(audience.tracker.begin)):
        fix = "Mend its set-up, or leave --track out."
        rule = f"must be able to begin ({type(error).__name__}: {error})"
        raise ConfigError(str(Problem("track", rule, audience.tracker.project, fix))) from error
    ledger = WatchedLedger(journal, folder, total, audience)
    telling = asyncio.create_task(ledger.tell())
    try:
        yield ledger
    finally:
        telling.cancel()
        await asyncio.wait({telling})
        await ledger.end()
