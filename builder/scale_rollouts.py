"""Rollouts on a cluster: what a worker opens for them, and the driver's side of a run.

The driver knows all questions, decides what is to be made, and keeps the run's one journal, exactly as for a
run on one machine; only the making of a row goes to a worker. So rows, ids and resuming are the same, and a
run may go on with another number of workers, or with none.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .agent import Agent
from .chat.choice import fitted_to
from .collect import Collected, Made, Report, collect, make_rollout
from .collect_job import CollectJob, Task, origin_of, settings_of
from .config import CollectConfig
from .errors import DataError, Problem
from .journal import FILE_NAME, Journal, Settings
from .rows import Origin
from .scale import Pool, Say
from .scale_cluster import keys_of
from .scale_worker import Kit, Place
from .schema import Row
from .threads import Threads
from .worker_journals import discard

OpenAgent = Callable[[CollectConfig], Agent]

_SEARCHES = 256
"""Most searches that a worker has under way at once; threads are started as they are needed."""


@dataclass(frozen=True, slots=True)
class RolloutOpener:
    """Opens a worker's own agent. `origin` and `settings` are those of the whole run."""

    config: CollectConfig
    open_agent: OpenAgent
    origin: Origin
    settings: Settings
    total: int

    def open(self, place: Place) -> RolloutStation:
        """The agent, and a journal where the driver will find it.

        Raises:
            InputError: the index or the world is not on this node, or is another one.
        """
        agent = self.open_agent(dataclasses.replace(self.config, out=place.folder))
        _check_same(CollectJob((), agent, place.folder, fitted_to=fitted_to(self.config)), self.origin)
        journal = None
        if place.shared:
            journal = Journal.resume(place.folder / FILE_NAME, self.settings, self.total)
        return RolloutStation(agent, self.origin, journal)


def _check_same(job: CollectJob, origin: Origin) -> None:
    """Whether a job makes rows of that origin. The questions, and so the run's id, are the driver's."""
    here = dataclasses.replace(origin_of(job), run_id=origin.run_id)
    for field in dataclasses.fields(Origin):
        value, wanted = getattr(here, field.name), getattr(origin, field.name)
        if value != wanted:
            fix = "Copy what this run uses to every node, or put it on a file system that all of them see."
            raise DataError(str(Problem(field.name, f"must be the driver's, {wanted!r}", value, fix)))


class RolloutStation:
    """Makes rollouts with an agent of its own."""

    def __init__(self, agent: Agent, origin: Origin, journal: Journal | None) -> None:
        self._threads = Threads(_SEARCHES, "search")
        self._agent = dataclasses.replace(agent, threads=self._threads)
        self._origin, self._journal = origin, journal

    async def do(self, task: Task) -> Row:
        """The row of a rollout, committed here first where there is a journal."""
        row = (await make_rollout(task, self._agent, self._origin)).row()
        if self._journal is not None:
            self._journal.record([(task.position, row)])
        return row

    async def aclose(self) -> None:
        """Stop the model."""
        if self._journal is not None:
            self._journal.close()
        await self._agent.aclose()
        self._threads.close()


class _Crew:
    """The workers of a cluster, for `collect`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def make(self, task: Task) -> Made:
        row: Row = await self._pool.do(task)
        return Made(row.outcome, lambda: row)


async def collect_on_ray(
    config: CollectConfig, job: CollectJob, open_agent: OpenAgent, report: Report | None, say: Say
) -> Collected:
    """Make a job's rollouts on the workers of a cluster.

    Raises:
        MissingExtraError: ray is not installed.
        ClusterError: the cluster cannot be reached, or no worker is left; the journal stays.
        TrajsetError: what `collect` raises; what only one node lacks names the node.
    """
    pool = Pool(config.scale, job.concurrency, _kit(config, job, open_agent), say)
    try:
        pool.connect()
        result = await collect(job, report, _Crew(pool))
    finally:
        await pool.aclose()
    if pool.done_again:
        say(f"{pool.done_again:,} rollouts were under way at lost workers ({pool.lost}) and were made again.")
    if not result.interrupted:  # a worker may have finished rows that the driver did not wait for
        discard(job.out)
    return result


def _kit(config: CollectConfig, job: CollectJob, open_agent: OpenAgent) -> Kit:
    opener = RolloutOpener(everywhere(config), open_agent, origin_of(job), settings_of(job), job.total)
    return Kit(opener, config.out.absolute(), secrets.token_hex(8), keys_of(config))


def everywhere(config: CollectConfig) -> CollectConfig:
    """The same places for processes that start elsewhere."""
    config = _with_absolute_paths(config)
    retrieval, model = config.retrieval, config.retrieval.embedding_model
    return dataclasses.replace(
        config,
        index=tuple(_place(spec) for spec in config.index),
        teacher=_place(config.teacher),
        retrieval=dataclasses.replace(retrieval, embedding_model=model and _place(model)),
    )


def _with_absolute_paths(config: Any) -> Any:
    """A config whose `Path` options, those of the configs in it too, are absolute."""
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if isinstance(value, Path):
            is_command = field.name == "vllm_python" and len(value.parts) == 1  # looked up on each node
            changes[field.name] = value if is_command else value.expanduser().absolute()
        elif dataclasses.is_dataclass(value):
            changes[field.name] = _with_absolute_paths(value)
    return dataclasses.replace(config, **changes)


def _place(text: str) -> str:
    """A folder made absolute, behind `vllm:` too; a URL or a name on the Hub stays."""
    kind, colon, name = text.rpartition("vllm:")
    return f"{kind}{colon}{Path(name).absolute()}" if Path(name).is_dir() else text
