"""A chat model that runs in this process: `--teacher` without `--base-url`.

Requests that come within a moment of each other are answered as one batch by one thread, which alone touches
the model. A batch holds the oldest request and those nearest to it in length, so that little is padding.
Needs the extra `[local]`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..config import CollectConfig
from ..errors import ConfigError, Problem
from .choice import family_of
from .families import call_format_of
from .model import ChatRequest, Completion
from .model_files import find_files, require_local

if TYPE_CHECKING:
    from .local_model import Asked, LocalModel, Outcome

_WINDOW_S = 0.01


@dataclass(eq=False, slots=True)
class _Waiting:
    asked: Asked
    length: int
    reply: asyncio.Future[Completion] = field(default_factory=asyncio.Future[Completion])


class LocalChat:
    """A `ChatModel` on this machine. `load` is called in its thread, with the first request."""

    def __init__(self, name: str, revision: str, batch_size: int, load: Callable[[], LocalModel]) -> None:
        self.name, self.revision = name, revision
        self._batch_size, self._load = batch_size, load
        self._model: LocalModel | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="local-model")
        self._waiting: list[_Waiting] = []
        self._worker: asyncio.Task[None] | None = None

    async def complete(self, request: ChatRequest) -> Completion:
        """The next assistant message; its latency is that of the batch.

        Raises:
            ContextLengthError: the messages do not fit the context.
            ChatUnavailableError: the batch did not fit the memory.
            ConfigError: the model cannot be loaded (first request).
        """
        from .local_model import Asked

        length = sum(len(message.content) for message in request.messages)
        waiting = _Waiting(Asked(request), length)
        self._waiting.append(waiting)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        try:
            return await waiting.reply
        except asyncio.CancelledError:
            waiting.asked.drop()
            raise

    async def aclose(self) -> None:
        """Let the batch under way end and give the thread back."""
        for waiting in self._waiting:
            waiting.asked.drop()
        await asyncio.to_thread(self._thread.shutdown, wait=True)

    async def _work(self) -> None:
        """Batch after batch until nobody waits."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(_WINDOW_S)
        while batch := self._next_batch():
            answered = loop.run_in_executor(self._thread, self._answer, [one.asked for one in batch])
            await asyncio.wait([answered])
            _hand_out(batch, answered)
            await asyncio.sleep(_WINDOW_S)

    def _next_batch(self) -> list[_Waiting]:
        self._waiting = [one for one in self._waiting if not one.reply.done()]
        if not self._waiting:
            return []
        oldest = self._waiting[0]
        nearest = sorted(self._waiting, key=lambda one: abs(one.length - oldest.length))
        batch = nearest[: self._batch_size]
        self._waiting = [one for one in self._waiting if one not in batch]
        return batch

    def _answer(self, batch: list[Asked]) -> list[Outcome]:
        if self._model is None:
            self._model = self._load()
        return self._model.answer(batch)


def _hand_out(batch: list[_Waiting], answered: asyncio.Future[list[Outcome]]) -> None:
    """Give everybody in the batch their reply or their error."""
    failure = answered.exception()
    outcomes = [failure] * len(batch) if failure else answered.result()
    for one, outcome in zip(batch, outcomes, strict=True):
        if one.reply.done():  # the rollout's deadline passed
            continue
        if isinstance(outcome, BaseException):
            one.reply.set_exception(outcome)
        else:
            one.reply.set_result(outcome)


def open_local(config: CollectConfig) -> LocalChat:
    """The model that a settled config names; its weights are loaded with the first request.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        ConfigError: no such model or device, or calls in a form that is not read here.
    """
    require_local(config.teacher)
    files = find_files(config.teacher, config.teacher_revision)
    family = family_of(config)
    call_format = family.call_format if family else call_format_of(files.template)
    if config.grammar == "tools" and call_format is None:
        fix = "Use --grammar tags, or a server with a parser for its calls (--base-url)."
        rule = f"must be tags in this process: nothing here reads the calls of {files.name}"
        raise ConfigError(str(Problem("grammar", rule, config.grammar, fix)))

    from .local_model import LocalModel, device_of

    device = device_of(config.local.device)
    return LocalChat(
        files.name, files.revision, config.local.batch_size, lambda: LocalModel(files, device, call_format)
    )
