"""Rollouts in lock step: when all that are still going wait for the model, their prompts are one batch."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Batch:
    """B prompts as token ids, in the order of their rollouts.

    `most`: tokens that the longest reply may have. A backend may stop a reply at one of the `stop` strings,
    and need not: what lies beyond is cut off afterwards.
    """

    prompts: list[list[int]]
    most: int
    stop: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """A reply's ids, its end of turn among them, and their log-probabilities where the backend tells them."""

    ids: Sequence[int]
    logprobs: Sequence[float] | None = None


class Generate(Protocol):
    """The model under training: B prompts in, B replies out, in order. It may block."""

    def __call__(self, batch: Batch, /) -> Sequence[Said]: ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    prompt: list[int]
    room: int
    stop: tuple[str, ...]
    reply: asyncio.Future[Said]


class LockStep:
    """Between the rollouts of a batch and the model. Use it in one event loop.

    The model runs in that loop's thread: all rollouts wait for it anyway, and collective operations (FSDP,
    ZeRO-3) want the thread that trains.
    """

    def __init__(self, rollouts: int, generate: Generate) -> None:
        self._going, self._generate = rollouts, generate
        self._waiting: dict[int, _Waiting] = {}

    async def ask(self, index: int, prompt: list[int], room: int, stop: tuple[str, ...]) -> Said:
        """The reply to rollout `index`; at most `room` tokens are wanted. Raises what the model does."""
        waiting = _Waiting(prompt, room, stop, asyncio.get_running_loop().create_future())
        self._waiting[index] = waiting
        self._answer_all()
        return await waiting.reply

    def leave(self) -> None:
        """A rollout has ended."""
        self._going -= 1
        self._answer_all()

    def _answer_all(self) -> None:
        if not self._waiting or len(self._waiting) < self._going:
            return
        asked = [waiting for _, waiting in sorted(self._waiting.items())]
        self._waiting = {}
        stop = tuple(dict.fromkeys(end for waiting in asked for end in waiting.stop))
        batch = Batch([waiting.prompt for waiting in asked], max(waiting.room for waiting in asked), stop)
        for waiting, said in zip(asked, self._generate(batch), strict=True):
            waiting.reply.set_result(said)
