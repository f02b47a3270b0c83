"""One chat model behind several servers that all serve it.

A conversation keeps to one server, whose prefix cache holds it, as long as that server has little more to do
than the others: consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2018, arXiv
1608.01350) over rendezvous hashes, so that nothing has to be remembered of any conversation. A server that
fails is set aside, longer each time, and its requests go to the others at once.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from time import monotonic

from ..notices import Notices
from .model import ChatModel, ChatRequest, ChatUnavailableError, Completion, UnreadableReplyError

_SLACK = 1.25
"""A server may have this many times the mean of requests under way before its conversations go elsewhere."""
_ASIDE_S = (15.0, 300.0)
"""How long a server that failed is set aside: at first, and at most."""
_PAUSE_S = 1.0


@dataclass(slots=True)
class Backend:
    """One of the servers: what it is called, and what is known of it."""

    name: str
    model: ChatModel
    under_way: int = 0
    answered: int = 0
    failed: int = 0
    failed_in_a_row: int = 0
    aside_until: float = 0.0


class BalancedChat:
    """A `ChatModel` over others of the same name. `rounds` is how often more all of them are tried."""

    def __init__(
        self,
        backends: Sequence[Backend],
        rounds: int,
        notices: Notices,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._backends, self._rounds = tuple(backends), rounds
        self._notices, self._clock = notices, clock

    @property
    def name(self) -> str:
        """The model's name, which is the same at all servers."""
        return self._backends[0].model.name

    @property
    def revision(self) -> str | None:
        """What pins the model."""
        return self._backends[0].model.revision

    async def complete(self, request: ChatRequest) -> Completion:
        """The next assistant message, from whichever server gives it.

        Raises:
            ChatUnavailableError: none of them gave a usable reply; the last one's error.
            ServiceError: what a server says of the request itself, which others would say too.
        """
        ranks, tried = _ranks(request, self._backends), set[str]()
        for _ in range(len(ranks) + self._rounds - 1):
            try:
                return await self._ask(self._next(ranks, tried), request)
            except ChatUnavailableError:
                if len(tried) == len(ranks):
                    tried.clear()
                    await asyncio.sleep(_PAUSE_S)
        return await self._ask(self._next(ranks, tried), request)

    async def aclose(self) -> None:
        """Say what each server did, then close the connections."""
        for backend in self._backends:
            failures = f", {backend.failed:,} failures" if backend.failed else ""
            self._notices.tell(f"{backend.name}: {backend.answered:,} replies{failures}")
            await backend.model.aclose()

    def _next(self, ranks: Sequence[Backend], tried: set[str]) -> Backend:
        """By rank, among those that are not tried yet, not set aside and not too busy."""
        now = self._clock()
        fresh = [backend for backend in ranks if backend.name not in tried]
        able = [backend for backend in fresh if backend.aside_until <= now]
        room = math.ceil(_SLACK * (sum(backend.under_way for backend in able) + 1) / max(len(able), 1))
        free = (backend for backend in able if backend.under_way < room)
        chosen = next(free, None) or min(fresh, key=lambda backend: backend.aside_until)
        tried.add(chosen.name)
        return chosen

    async def _ask(self, backend: Backend, request: ChatRequest) -> Completion:
        backend.under_way += 1
        try:
            completion = await backend.model.complete(request)
        except UnreadableReplyError:  # the server is there; the next one may do better
            backend.failed += 1
            raise
        except ChatUnavailableError as error:
            self._set_aside(backend, error)
            raise
        finally:
            backend.under_way -= 1
        if backend.failed_in_a_row:
            self._notices.tell(f"{backend.name} answers again")
        backend.answered += 1
        backend.failed_in_a_row, backend.aside_until = 0, 0.0
        return completion

    def _set_aside(self, backend: Backend, error: ChatUnavailableError) -> None:
        """Once for all the requests that fail of the same outage."""
        backend.failed += 1
        now = self._clock()
        if backend.aside_until > now:
            return
        first, longest = _ASIDE_S
        seconds = min(longest, first * 2**backend.failed_in_a_row)
        backend.failed_in_a_row += 1
        backend.aside_until = now + seconds
        self._notices.tell(f"{backend.name} is set aside for {seconds:.0f} s: {error}")


def _ranks(request: ChatRequest, backends: Sequence[Backend]) -> list[Backend]:
    """The servers as a conversation prefers them. It is known by its opening, which all samples of a question
    share as they share the cache of it."""
    opening = "\0".join(message.content for message in request.messages[:2]).encode("utf-8", "replace")
    key = blake2b(opening, digest_size=16).digest()
    return sorted(
        backends, key=lambda backend: blake2b(backend.name.encode(), digest_size=8, key=key).digest()
    )
