"""One go at a collection job: its workers, what they share, and the keeper that commits what they finish.

A worker only waits for rollouts. Scoring and committing is one task's business, so that a reply is never kept
waiting by a row, and rows that end together are one commit.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from .collect_job import CollectJob, Task, tasks_of
from .interrupt import signals_to
from .journal import Placed
from .outage import Outage, OutageWatch
from .rows import Origin, row_id
from .schema import Outcome, Row, StopReason


@dataclass(frozen=True, slots=True)
class Tally:
    """How far a run is, for a progress display. `finished` includes what an earlier run left in the journal;
    `made`, `searches` and `reasons` are of this run alone. During an `outage` it waits for a server."""

    total: int
    finished: int
    made: int
    searches: int
    reasons: Mapping[StopReason, int]
    under_way: int
    draining: bool
    outage: Outage | None = None


Report = Callable[[Tally], None]
"""Is called after every rollout, while an outage is waited out, and when the run begins to drain."""

_TOGETHER = 32
"""Rows that are committed at once at most."""


class Ledger(Protocol):
    """What knows which rollouts are done and takes the rows of others: a journal, or the way to one."""

    def done(self) -> Set[str]:
        """Ids of the rollouts that are not to be made."""
        ...

    def record(self, rows: Sequence[Placed]) -> None:
        """Keep rows, all or none; positions count in question order, then by sample index."""
        ...


class Crew(Protocol):
    """Who makes the rollouts: this process, or the workers of a cluster."""

    async def make(self, task: Task) -> Made:
        """A rollout from beginning to end.

        Raises:
            ServiceError: no rollout can be made any more; the run stops.
        """
        ...


@dataclass(frozen=True, slots=True)
class Made:
    """A rollout that has ended: how, and its row, which may be scored when it is asked for."""

    outcome: Outcome
    row: Callable[[], Row]


class Run:
    """One go at a job: the workers and what they share. `draining`: a signal has stopped it."""

    def __init__(self, job: CollectJob, ledger: Ledger, report: Report, origin: Origin, crew: Crew) -> None:
        self.draining = False
        self._job, self._ledger, self._report = job, ledger, report
        self._origin, self._crew = origin, crew
        done = ledger.done()
        self._todo = (task for task in tasks_of(job) if self._id(task) not in done)
        self._left = job.total - len(done)
        clock = asyncio.get_running_loop().time
        self._watch = OutageWatch(job.outage_s, self._left, bool(done), clock)
        self._under_way = self._made = self._searches = 0
        self._reasons: Counter[StopReason] = Counter()
        self._workers: list[asyncio.Task[None]] = []
        self._ended: asyncio.Queue[tuple[Task, Made] | None] = asyncio.Queue()
        self._scored: list[Placed] = []
        self._room = asyncio.Semaphore(job.concurrency)

    async def finish(self) -> None:
        """Run the workers until nothing is left, a signal stops them or one of them raises."""
        crew = min(self._job.concurrency, self._left)
        self._workers = [asyncio.create_task(self._work()) for _ in range(crew)]
        if not self._workers:
            return
        keeper = asyncio.create_task(self._keep_all())
        tasks = [*self._workers, asyncio.create_task(self._end()), keeper]
        with signals_to(self._on_signal):
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            finally:
                await _drop(tasks)
                if _error(keeper) is None:
                    self._keep_rest()
        errors = [error for task in tasks if (error := _error(task))]  # of all: none is to complain unheard
        if errors:
            raise errors[0]

    async def _work(self) -> None:
        for task in self._todo:
            if self.draining:
                return
            self._under_way += 1
            made = await self._lasting(task)
            self._under_way -= 1
            self._ended.put_nowait((task, made))
            self._watch.check()
            await self._room.acquire()

    async def _end(self) -> None:
        await asyncio.wait(self._workers)
        self._ended.put_nowait(None)

    async def _keep_all(self) -> None:
        """Score rows one by one and keep those together that ended together. Replies that came meanwhile go
        first: a server is not to wait while rollouts that have ended are scored."""
        while (ended := await self._ended.get()) is not None:
            self._score(*ended)
            self._room.release()
            await asyncio.sleep(0)
            if self._ended.empty() or len(self._scored) == _TOGETHER:
                self._keep()
        self._keep()

    def _keep_rest(self) -> None:
        while not self._ended.empty():
            if (ended := self._ended.get_nowait()) is not None:
                self._score(*ended)
        self._keep()

    def _score(self, task: Task, made: Made) -> None:
        self._scored.append((task.position, made.row()))

    def _keep(self) -> None:
        rows, self._scored = self._scored, []
        if rows:
            self._ledger.record(rows)
        for _, row in rows:
            self._count(row)
            self._report(self._tally())

    async def _lasting(self, task: Task) -> Made:
        """A rollout to keep: one that breaks in an outage is made again when the server is back."""
        times = 0
        while True:
            made = await self._crew.make(task)
            self._watch.note(made.outcome)
            outage = self._watch.outage
            if outage is None or outage.lasted_s >= outage.limit_s:
                return made
            self._report(self._tally())
            await self._watch.wait(times)
            if self.draining:
                return made
            times += 1

    def _on_signal(self) -> None:
        """The first signal drains, the second drops what is under way."""
        if self.draining:
            for worker in self._workers:
                worker.cancel()
        self.draining = True
        self._watch.wake()
        self._report(self._tally())

    def _count(self, row: Row) -> None:
        self._reasons[row.outcome.stop_reason] += 1
        self._searches += row.search_use.n_searches
        self._made += 1

    def _tally(self) -> Tally:
        finished = self._job.total - self._left + self._made
        return Tally(
            self._job.total,
            finished,
            self._made,
            self._searches,
            dict(self._reasons),
            self._under_way,
            self.draining,
            self._watch.outage,
        )

    def _id(self, task: Task) -> str:
        return row_id(task.question.question_id, self._origin, task.sample)


async def _drop(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def _error(task: asyncio.Task[None]) -> BaseException | None:
    return None if task.cancelled() else task.exception()
