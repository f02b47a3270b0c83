"""Many rollouts: bounded concurrency, a journal, resume, progress, two ways to stop.

Every rollout has an id before it starts, so a resumed run knows what is done. A fixed number of workers pulls
rollouts in question order. What a worker finishes is committed to the journal at once; the dataset is written
from the journal afterwards, in question order, so rows do not depend on which rollout was faster.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from .collect_job import CollectJob, Task, check_questions, origin_of, settings_of, tasks_of
from .errors import ChatServerError, RetrieverError
from .interrupt import signals_to
from .journal import FILE_NAME, Journal, Progress, Settings
from .rollout import Agent, rollout
from .rows import Origin, build_row, row_id
from .schema import Row, StopReason
from .worker_journals import adopt

_FIRST = 8
"""Broken rollouts at the start of a run, with none that works, after which it stops."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How far a run is, for a progress display. `finished` includes what an earlier run left in the journal;
    `made`, `searches` and `reasons` are of this run alone."""

    total: int
    finished: int
    made: int
    searches: int
    reasons: Mapping[StopReason, int]
    under_way: int
    draining: bool


Report = Callable[[Tally], None]
"""Is called after every rollout, and when the run begins to drain."""


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
        draining = await make_rollouts(job, journal, report, crew)
        return Collected(path, journal.progress(), draining)


async def make_rollouts(
    job: CollectJob, ledger: Ledger, report: Report | None = None, crew: Crew | None = None
) -> bool:
    """Make the rollouts of a job that a ledger lacks and hand it each row; whether a signal stopped them.

    Raises: what `collect` raises of the servers, and what the ledger and the crew raise.
    """
    origin = origin_of(job)
    run = _Run(job, ledger, report or (lambda _: None), origin, crew or _Here(job.agent, origin))
    await run.finish()
    return run.draining


class Ledger(Protocol):
    """What knows which rollouts are done and takes the rows of others: a journal, or the way to one."""

    def done(self) -> Set[str]:
        """Ids of the rollouts that are not to be made."""
        ...

    def record(self, position: int, row: Row) -> None:
        """Keep a row; `position` counts in question order, then by sample index."""
        ...


class Crew(Protocol):
    """Who makes the rollouts: this process, or the workers of a cluster."""

    async def make(self, task: Task) -> Row:
        """The row of a rollout.

        Raises:
            ServiceError: no rollout can be made any more; the run stops.
        """
        ...


class _Here:
    """Makes rollouts in this process."""

    def __init__(self, agent: Agent, origin: Origin) -> None:
        self._agent, self._origin = agent, origin

    async def make(self, task: Task) -> Row:
        return await make_row(task, self._agent, self._origin)


async def make_row(task: Task, agent: Agent, origin: Origin) -> Row:
    """One rollout, from its task to its row."""
    trajectory = await rollout(task.question, agent, task.seed)
    return build_row(trajectory, origin, task.sample, datetime.now(UTC))


class _Run:
    """One go at a job: the workers and what they share."""

    def __init__(self, job: CollectJob, ledger: Ledger, report: Report, origin: Origin, crew: Crew) -> None:
        self.draining = False
        self._job, self._ledger, self._report = job, ledger, report
        self._origin, self._crew = origin, crew
        done = ledger.done()
        self._todo = (task for task in tasks_of(job) if self._id(task) not in done)
        self._left = job.total - len(done)
        self._has_worked = bool(done)
        self._broken_in_a_row = self._under_way = self._made = self._searches = 0
        self._reasons: Counter[StopReason] = Counter()
        self._workers: list[asyncio.Task[None]] = []

    async def finish(self) -> None:
        """Run the workers until nothing is left, a signal stops them or one of them raises."""
        crew = min(self._job.concurrency, self._left)
        self._workers = [asyncio.create_task(self._work()) for _ in range(crew)]
        if not self._workers:
            return
        with signals_to(self._on_signal):
            try:
                await asyncio.wait(self._workers, return_when=asyncio.FIRST_EXCEPTION)
            finally:
                await self._drop_workers()
        for worker in self._workers:
            if not worker.cancelled() and (error := worker.exception()):
                raise error

    async def _work(self) -> None:
        for task in self._todo:
            if self.draining:
                return
            self._under_way += 1
            row = await self._crew.make(task)
            self._under_way -= 1
            self._ledger.record(task.position, row)
            self._count(row)
            self._report(self._tally())
            self._check_patience(row)

    async def _drop_workers(self) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    def _on_signal(self) -> None:
        """The first signal drains, the second drops what is under way."""
        if self.draining:
            for worker in self._workers:
                worker.cancel()
        self.draining = True
        self._report(self._tally())

    def _count(self, row: Row) -> None:
        broken = row.outcome.stop_reason is StopReason.INFRASTRUCTURE
        self._broken_in_a_row = self._broken_in_a_row + 1 if broken else 0
        self._has_worked = self._has_worked or not broken
        self._reasons[row.outcome.stop_reason] += 1
        self._searches += row.search_use.n_searches
        self._made += 1

    def _check_patience(self, row: Row) -> None:
        """Stop when nothing but failures comes back: at once at the start, later after two full crews."""
        patience = max(_FIRST, 2 * self._job.concurrency) if self._has_worked else min(_FIRST, self._left)
        if self._broken_in_a_row < patience:
            return
        text = row.outcome.error or ""
        kind = RetrieverError if text.startswith(RetrieverError.__name__) else ChatServerError
        raise kind(
            f"{self._broken_in_a_row} rollouts in a row were broken, the last by {text} "
            "The journal stays: go on with --resume once the server answers."
        )

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
        )

    def _id(self, task: Task) -> str:
        return row_id(task.question.question_id, self._origin, task.sample)
