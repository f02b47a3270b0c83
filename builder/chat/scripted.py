"""A chat model that follows a script, for tests, examples and dry runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import ChatServerError, Problem, ServiceError
from ..schema import Message
from .model import ChatRequest, Completion

Reply = Message | Completion | ServiceError
"""What a script answers: a message, a message with its price, or an error to raise."""


@dataclass(frozen=True, slots=True)
class ScriptedChat:
    """Answers by script and keeps no state, so that any number of rollouts may share it.

    A sequence is the script of every conversation: its n-th reply answers the request that holds n assistant
    messages. A function sees the whole request. `delay` gives the seconds a reply takes.
    """

    script: Sequence[Reply] | Callable[[ChatRequest], Reply]
    name: str = "scripted"
    revision: str | None = None
    delay: Callable[[ChatRequest], float] | None = None

    async def complete(self, request: ChatRequest) -> Completion:
        """The scripted reply.

        Raises:
            ServiceError: the script says so.
            ChatServerError: the script has no reply for this turn.
        """
        if self.delay is not None:
            await asyncio.sleep(self.delay(request))
        reply = self.script(request) if callable(self.script) else _nth(self.script, request)
        if isinstance(reply, ServiceError):
            raise reply
        if isinstance(reply, Completion):
            return reply
        return Completion(reply, "tool_calls" if reply.tool_calls else "stop")

    async def aclose(self) -> None:
        """Nothing to free."""


def _nth(script: Sequence[Reply], request: ChatRequest) -> Reply:
    turn = sum(message.is_model for message in request.messages)
    if turn >= len(script):
        problem = Problem(
            "script", f"must have a reply for turn {turn + 1}", len(script), "Add one, or lower max_turns."
        )
        raise ChatServerError(str(problem))
    return script[turn]
