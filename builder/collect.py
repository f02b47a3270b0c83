"""Many rollouts: bounded concurrency, a journal, resume, progress, two ways to stop.

Every rollout has an id before it starts, so a resumed run knows what is done. A fixed number of workers pulls
rollouts in question order. What a worker finishes is scored and committed to the journal as soon as no reply
waits to be answered; the dataset is written from the journal afterwards, in question order, so rows do not
depend on which rollout was faster.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from .agent import Agent
from .collect_job import CollectJob, Task, check_questions, origin_of, settings_of, tasks_of
from .interrupt import signals_to
from .journal import FILE_NAME, Journal, Placed, Progress, Settings
from .outage import Outage, OutageWatch
from .rollout import rollout
from .rows import Origin, build_row, row_id
from .schema import Outcome, Row, StopReason
from .threads import Threads
from .watching import WatchedLedger, watched
from .worker_journals import adopt


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


@dataclass(frozen=True, slots=True)
class Collected:
    """What a journal holds after a run.

    `rows` gives the whole run when it is complete. When it is not, it gives the longest prefix of the
    question order whose rollouts are all finished. Taking whatever is finished instead would favour short
    rollouts: those still under way when a run ends are mostly the long ones.
    """

    journal: Path
    progress: Progress
    interrupted: bool = False

    @property
    def complete(self) -> bool:
        """Whether every rollout has a row; rows that infrastructure broke count, and may be tried again."""
        return self.progress.finished == self.progress.total

    @property
    def n_rows(self) -> int:
        """How many rows `rows` gives."""
        return self.progress.prefix

    def rows(self) -> Iterator[Row]:
        """The rows in question order, then by sample index, read from the journal as they are asked for."""
        with Journal.look(self.journal) as journal:
            yield from journal.rows(self.n_rows)

    def next_step(self) -> str | None:
        """What the user may do next, None when nothing is left."""
        left = self.progress.total - self.progress.finished
        if left:
            return f"{left} of {self.progress.total} rollouts are left: go on with --resume."
        if self.progress.broken:
            return f"{self.progress.broken} rollouts were broken by a server: --resume tries them again."
        return None


def collected(out: Path, settings: Settings | None = None) -> Collected:
    """What the journal in a folder holds.

    Raises:
        ConfigError: settings are given, and it was begun with other ones.
        DataError: there is none, or it is no journal of this version.
        StorageError: a run is writing to it.
    """
    path = out / FILE_NAME
    with Journal.look(path, settings) as journal:
        return Collected(path, journal.progress())


async def collect(job: CollectJob, report: Report | None = None, crew: Crew | None = None) -> Collected:
    """Make the job's rollouts, or those that its journal lacks; here, or where a crew makes them.

    SIGINT or SIGTERM lets the rollouts under way finish and starts no others; a second one drops them.

    Raises:
        ConfigError: there is a journal already, or it was begun with other settings.
        DataError: two questions share an id.
        ChatServerError, RetrieverError: the server refuses for good, or nothing but failures came back.
        StorageError: the disk refuses. In all cases what was committed to the journal stays.
    """
    path = job.out / FILE_NAME
    check_questions(job.questions)
    begin = Journal.resume if job.resume else Journal.begin
    with begin(path, settings_of(job), job.total) as journal:
        adopt(journal, job.out, settings_of(job))
        async with watched(journal, job.out, job.total, job.audience) as ledger:
            draining = await make_rollouts(job, ledger, _counting(ledger, report), crew)
        return Collected(path, journal.progress(), draining)


def _counting(ledger: WatchedLedger, report: Report | None) -> Report:
    """The report, heard by the ledger too: it tells how many rollouts are under way."""

    def heard(tally: Tally) -> None:
        ledger.under_way = tally.under_way
        if report is not None:
            report(tally)

    return heard


async def make_rollouts(
    job: CollectJob, ledger: Ledger, report: Report | None = None, crew: Crew | None = None
) -> bool:
    """Make the rollouts of a job that a ledger lacks and hand it each row; whether a signal stopped them.

    Raises: what `collect` raises of the servers, and what the ledger and the crew raise.
    """
    # As many threads as rollouts: a search engine that is far away answers them all at once.
    threads = Threads(job.concurrency, "search")
    origin = origin_of(job)
    here = _Here(replace(job.agent, threads=threads), origin)
    run = _Run(job, ledger, report or (lambda _: None), origin, crew or here)
    try:
        await run.finish()
    finally:
        threads.close()
    return run.draining


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


class _Here:
    """Makes rollouts in this process."""

    def __init__(self, agent: Agent, origin: Origin) -> None:
        self._agent, self._origin = agent, origin

    async def make(self, task: Task) -> Made:
        return await make_rollout(task, self._agent, self._origin)


async def make_rollout(task: Task, agent: Agent, origin: Origin) -> Made:
    """One rollout, made in this process; its row is not scored yet."""
    trajectory = await rollout(task.question, agent, task.seed)
    return Made(trajectory.outcome, lambda: build_row(trajectory, origin, task.sample, datetime.now(UTC)))


class _Run:
    """One go at a job: the workers and what they share."""

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
