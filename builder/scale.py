"""Work spread over a Ray cluster: a pool of workers, and items handed to whoever has a place free.

The process that the user started is the driver: it decides what is to be done, keeps what comes back, counts,
and stops. A worker is a Ray actor that opened a model and a search engine of its own (`scale_worker`). Each
has a fixed number of places, so a fast node gets more items than a slow one, and no more than its share is
under way. A worker that is lost gives back the items that it had under way, which are done again by the
others, and is started anew wherever Ray finds room. Nothing else is lost: a result is with the driver the
moment it is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .errors import ChatServerError, ClusterError, Problem, RetrieverError
from .scale_cluster import Team, first_line, join, team_of
from .scale_config import ScaleConfig
from .scale_worker import Kit, Refusal, Worker

Say = Callable[[str], None]
"""Tells the user about workers that come and go."""

FUTILE_STARTS = 3
"""How often in a row a worker is started and lost before it has done anything, before it is given up."""
_WAIT_S = 30.0
_STOP_S = 30.0


@dataclass(eq=False, slots=True)
class _Post:
    """One start of a worker: its actor, and what became of it."""

    number: int
    actor: Any
    opened: bool = False
    sick: bool = False
    lost: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    done: int = 0
    under_way: int = 0

    def lose(self, error: Exception) -> None:
        """It is gone."""
        if not self.lost.done():
            self.lost.set_result(first_line(error))


class Pool:
    """The workers of a run. They are started when the first item comes; `aclose` stops them.

    `done_again` counts the items that a lost worker had under way, `lost` the workers.
    """

    def __init__(self, scale: ScaleConfig, concurrency: int, kit: Kit, say: Say) -> None:
        self.done_again = self.lost = 0
        self._scale, self._concurrency, self._kit, self._say = scale, concurrency, kit, say
        self._ray: Any = None
        self._team = Team(0, 0, 0.0, 0.0)
        self._free: asyncio.Queue[_Post | Exception] = asyncio.Queue()
        self._posts: dict[int, _Post] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._given_up = 0

    def connect(self) -> None:
        """Reach the cluster, once.

        Raises: what `join` and `team_of` raise.
        """
        if self._ray is None:
            self._ray = join()
            nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
            self._team = team_of(self._scale, self._concurrency, nodes)

    async def do(self, item: Any) -> Any:
        """The result of an item, from whichever worker has a place free; done again if that one is lost.

        Raises:
            TrajsetError: what the worker's station raised, or what keeps the first workers from being opened.
            ClusterError: no worker is left.
        """
        self._start()
        while True:
            post = await self._place()
            post.under_way += 1
            try:
                result = await post.actor.do.remote(item)
            except self._gone as error:
                self.done_again += 1
                post.lose(error)
                continue
            if isinstance(result, Refusal) and self._is_sick(post, result):
                self.done_again += 1
                post.lose(result.error())
                continue
            post.under_way -= 1
            self._free.put_nowait(post)
            if isinstance(result, Refusal):
                raise result.error()
            post.done += 1
            return result

    def _is_sick(self, post: _Post, refusal: Refusal) -> bool:
        """Whether a server refuses for good at this worker alone: others had results, and none such since."""
        post.sick = issubclass(refusal.kind, ChatServerError | RetrieverError)
        others = (other for other in self._posts.values() if other is not post)
        return post.sick and any(other.done and not other.sick for other in others)

    @property
    def _gone(self) -> tuple[type[Exception], ...]:
        """What is raised when a worker, or the node with its result, is lost."""
        return (self._ray.exceptions.RayActorError, self._ray.exceptions.ObjectLostError)

    def _start(self) -> None:
        if not self._keepers:
            self.connect()
            self._kit.set_mark()
            self._keepers = [asyncio.create_task(self._keep(number)) for number in range(self._team.workers)]
            for keeper in self._keepers:
                keeper.add_done_callback(self._notice)

    def _notice(self, keeper: asyncio.Task[None]) -> None:
        """A keeper that failed stops the run at whoever waits for a place."""
        if not keeper.cancelled() and (error := keeper.exception()):
            self._free.put_nowait(error if isinstance(error, Exception) else RuntimeError(str(error)))

    async def _place(self) -> _Post:
        while True:
            post = await self._free.get()
            if isinstance(post, Exception):
                self._free.put_nowait(post)
                raise post
            if not post.lost.done():
                return post

    async def _keep(self, number: int) -> None:
        """Start a worker, and another one whenever it is lost.

        Raises:
            TrajsetError: the first one cannot be opened on its node.
            ClusterError: this was the last worker that was tried.
        """
        futile, starts, why = 0, 0, ""
        while futile < FUTILE_STARTS:
            post = self._posts[number] = _Post(number, self._actor().remote(self._kit, f"{number}-{starts}"))
            why = await self._serve(post, first=not starts)
            futile = 0 if post.done else futile + 1
            starts += 1
        self._given_up += 1
        self._say(f"Worker {number} is given up after {FUTILE_STARTS} starts: {why}")
        if self._given_up == self._team.workers:
            fix = "Look at `ray status` and the logs of the workers; what was finished is kept."
            raise ClusterError(str(Problem("workers", f"must stay up ({why})", 0, fix)))

    def _actor(self) -> Any:
        """Ray's form of the worker; it is started again by us and not by Ray, so that we know when."""
        return self._ray.remote(Worker).options(
            num_cpus=self._team.cpus,
            num_gpus=self._team.gpus,
            max_restarts=0,
            max_concurrency=self._team.places + 4,
            scheduling_strategy="SPREAD",
        )

    async def _serve(self, post: _Post, *, first: bool) -> str:
        """Open a worker and offer its places until it is lost; why it was.

        Raises:
            TrajsetError: it cannot be opened, and is the first of its number.
        """
        try:
            node = await self._settled(post)
            refusal = await post.actor.open.remote()
        except self._gone as error:
            return first_line(error)
        if refusal is not None:
            error = refusal.error(f"worker {post.number} on {node}: ")
            self._ray.kill(post.actor)
            if first:
                raise error
            return str(error)
        post.opened = True
        self._say(f"Worker {post.number} of {self._team.workers} is up on {node}.")
        for _ in range(self._team.places):
            self._free.put_nowait(post)
        why = await post.lost
        self.lost += 1
        self._ray.kill(post.actor)
        self._say(f"Lost worker {post.number} on {node}: {post.under_way} under way are done again. {why}")
        return why

    async def _settled(self, post: _Post) -> str:
        """The node that a worker came to; says so when it has to wait for room."""
        where = asyncio.ensure_future(_awaited(post.actor.where.remote()))
        try:
            if not (await asyncio.wait({where}, timeout=_WAIT_S))[0]:
                team = self._team
                wanted = f"{team.cpus:g} CPUs and {team.gpus:g} GPUs"
                self._say(f"Worker {post.number} waits for a node with {wanted} free; others go on.")
            return await where
        finally:
            where.cancel()  # not left behind when the run ends first

    async def aclose(self) -> None:
        """Stop the workers and leave the cluster."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        posts = [post for post in self._posts.values() if not post.lost.done()]
        stopping = [
            asyncio.ensure_future(_awaited(post.actor.stop.remote())) for post in posts if post.opened
        ]
        if stopping:
            _, slow = await asyncio.wait(stopping, timeout=_STOP_S)
            for stop in slow:
                stop.cancel()
            await asyncio.gather(*stopping, return_exceptions=True)
        for post in posts:
            self._ray.kill(post.actor)
        if self._ray is not None:
            self._ray.shutdown()


async def _awaited(reference: Any) -> Any:
    """Ray's references can be awaited and are no coroutines."""
    return await reference
