"""A judge on a cluster: workers ask the model, everything else stays where it is.

What is asked, the budget, the cache of replies and the verdicts are the driver's, as on one machine. A worker
gets one request at a time and place, and its reply is committed by the driver when it comes; what was under
way at a worker that is lost is asked again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..builder.chat.model import ChatModel, ChatRequest, Completion
from ..builder.scale import Pool, Say
from ..builder.scale_cluster import keys_of
from ..builder.scale_worker import Kit, Place
from .judge_config import JudgeConfig

OpenModel = Callable[[JudgeConfig], ChatModel]


@dataclass(frozen=True, slots=True)
class JudgeOpener:
    """Opens a worker's own model."""

    config: JudgeConfig
    open_model: OpenModel

    def open(self, place: Place) -> JudgeStation:
        """The model.

        Raises:
            ConfigError: the URL is none.
        """
        return JudgeStation(self.open_model(self.config))


class JudgeStation:
    """Asks a model of its own."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model

    async def do(self, request: ChatRequest) -> Completion:
        """The reply."""
        return await self._model.complete(request)

    async def aclose(self) -> None:
        """Free connections."""
        await self._model.aclose()


class RemoteChat:
    """A `ChatModel` whose requests are sent by the workers of a cluster.

    `model` tells what it is called and is not asked.
    """

    def __init__(self, model: ChatModel, pool: Pool) -> None:
        self._model, self._pool = model, pool

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    @property
    def revision(self) -> str | None:
        """What pins the model."""
        return self._model.revision

    async def complete(self, request: ChatRequest) -> Completion:
        """The next assistant message, from the worker that has a place free.

        Raises:
            ServiceError: what the worker's model raises, or the cluster is not there.
        """
        return await self._pool.do(request)

    async def aclose(self) -> None:
        """Stop the workers."""
        await self._pool.aclose()
        await self._model.aclose()


def on_ray_model(config: JudgeConfig, open_model: OpenModel, say: Say) -> RemoteChat:
    """The judge's model, spread over a cluster. Nothing is started before the first request."""
    kit = Kit(JudgeOpener(config, open_model), keys=keys_of(config))
    return RemoteChat(open_model(config), Pool(config.scale, config.concurrency, kit, say))
