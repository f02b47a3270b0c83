"""Many rollouts: bounded concurrency, a journal, resume, progress, two ways to stop.

Every rollout has an id before it starts, so a resumed run knows what is done. A fixed number of workers pulls
rollouts in question order. What a worker finishes is scored and committed to the journal as soon as no reply
waits to be answered; the dataset is written from the journal afterwards, in question order, so rows do not
depend on which rollout was faster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from .agent import Agent
from .collect_job import CollectJob, Task, check_questions, origin_of, settings_of
from .collect_workers import Crew, Ledger, Made, Report, Run, Tally
from .journal import FILE_NAME, Journal, Progress, Settings
from .rollout import rollout
from .rows import Origin, build_row
from .schema import Row
from .sealed import seal
from .threads import Threads
from .watching import WatchedLedger, watched
from .worker_journals import adopt


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
    here = _Here(replace(job.agent, threads=threads), origin, job.canaries)
    run = Run(job, ledger, report or (lambda _: None), origin, crew or here)
    try:
        await run.finish()
    finally:
        threads.close()
    return run.draining


class _Here:
    """Makes rollouts in this process."""

    def __init__(self, agent: Agent, origin: Origin, canaries: Mapping[str, str]) -> None:
        self._agent, self._origin, self._canaries = agent, origin, canaries

    async def make(self, task: Task) -> Made:
        canary = self._canaries.get(task.question.question_id)
        return await make_rollout(task, self._agent, self._origin, canary)


async def make_rollout(task: Task, agent: Agent, origin: Origin, canary: str | None = None) -> Made:
    """One rollout, made in this process; its row is not scored yet. With a canary it is sealed."""
    trajectory = await rollout(task.question, agent, task.seed)

    def row() -> Row:
        made = build_row(trajectory, origin, task.sample, datetime.now(UTC))
        return made if canary is None else seal(made, canary)

    return Made(trajectory.outcome, row)
