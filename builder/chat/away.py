"""A server that is being started: its users wait for it, and the wait is not held against them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ..clock import Clock
from .model import ChatUnavailableError

Answer = TypeVar("Answer")

_LOSSES = 3
"""A request that goes down with the server as often as this may be what the server dies of."""


class ServerAwayError(ChatUnavailableError):
    """The model's server is being started: await `back()`, then ask again.

    `lost`: the request was under way when the server died; otherwise it was not sent. `back` raises
    `ChatServerError` when the server stays away.
    """

    def __init__(self, message: str, back: Callable[[], Awaitable[None]], *, lost: bool) -> None:
        super().__init__(message)
        self.back, self.lost = back, lost


async def lasting(ask: Callable[[], Awaitable[Answer]], clock: Clock) -> Answer:
    """What comes of asking a model, asked again after every start of its server; the clock stands still
    meanwhile, and for what a lost request took.

    Raises:
        ChatUnavailableError: no usable reply, or the server died of it, or with it, three times.
        ChatServerError: the server stays away.
        ServiceError: as `ChatModel.complete` says.
    """
    losses = 0
    while True:
        asked = asyncio.get_running_loop().time()
        try:
            return await ask()
        except ServerAwayError as away:
            losses += away.lost
            if losses == _LOSSES:
                raise ChatUnavailableError(f"{away} It was asked {losses} times.") from away
            with clock.stopped(asked):
                await away.back()
