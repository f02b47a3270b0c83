"""A server that is being started: its users wait for it, and the wait is not held against them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ..clock import Clock
from .model import ChatModel, ChatRequest, ChatUnavailableError, Completion

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


async def answered(model: ChatModel, request: ChatRequest, clock: Clock | None = None) -> Completion:
    """The reply to a request, asked for again after every start of the server; the clock stands still
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
            return await model.complete(request)
        except ServerAwayError as away:
            losses += away.lost
            if losses == _LOSSES:
                raise ChatUnavailableError(f"{away} It was asked {losses} times.") from away
            await _back(away, clock, asked)


async def _back(away: ServerAwayError, clock: Clock | None, since: float) -> None:
    if clock is None:
        await away.back()
    else:
        with clock.stopped(since):
            await away.back()
