"""The model under training as a `ChatModel`: one for every rollout, which keeps its ids as they were written.

The ids of a conversation are those of the prompt, those that the model wrote, those of what the template puts
after them, and so on. No text of the model is ever tokenised again: what is trained on is what was sampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..builder.chat.families import CallFormat
from ..builder.chat.model import ChatRequest, ChatUnavailableError, Completion, ContextLengthError
from ..builder.chat.replies import read_text, reply_text
from ..builder.errors import Problem
from ..builder.schema import Message
from .chat_tokenizer import TemplateError
from .continuation import Continuation, Opened
from .lockstep import LockStep


@dataclass(frozen=True, slots=True)
class Room:
    """Tokens: `turn` in a turn of the model, `completion` after the prompt (all turns and all that stands
    between them), `context` in all."""

    turn: int
    completion: int
    context: int


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what a model wrote as a local model's replies are read. `ends`: ids that end a turn."""

    inner: Any
    ends: frozenset[int]
    call_format: CallFormat | None

    def cut(self, ids: Sequence[int], stop: Sequence[str]) -> list[int]:
        """The ids up to the first end of turn, or the token with which the first stop string is complete."""
        first = next((place for place, token in enumerate(ids) if token in self.ends), len(ids))
        kept = list(ids[: first + 1])
        if not self._stops(kept, stop):
            return kept
        low, high = 1, len(kept)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._stops(kept[:middle], stop) else (middle + 1, high)
        return kept[:low]

    def finished(self, ids: Sequence[int], stop: Sequence[str]) -> bool:
        """Whether the reply ended by itself, not at its token limit."""
        return bool(ids) and (ids[-1] in self.ends or self._stops(ids, stop))

    def message(self, ids: Sequence[int], request: ChatRequest, *, thinking: bool) -> Message:
        """What the ids say."""
        calls: CallFormat | None = self.call_format if request.tools and request.may_call else None
        text = reply_text(self._text(ids), request.stop, self.inner.all_special_tokens)
        return read_text(text, calls, thinking=thinking)

    def _stops(self, ids: Sequence[int], stop: Sequence[str]) -> bool:
        return bool(stop) and any(map(self._text(ids).__contains__, stop))

    def _text(self, ids: Sequence[int]) -> str:
        return self.inner.decode(list(ids), skip_special_tokens=False)


@dataclass(slots=True)
class Written:
    """P ids of the prompt; C ids after it, a mask (1: the model wrote it) and log-probabilities (0 where
    masked; None where the backend tells none), all of length C."""

    prompt_ids: list[int] = field(default_factory=list[int])
    completion_ids: list[int] = field(default_factory=list[int])
    mask: list[int] = field(default_factory=list[int])
    logprobs: list[float] | None = None

    def add(self, ids: Sequence[int], logprobs: Sequence[float] | None, *, model: bool) -> None:
        """Put ids to the end."""
        if model and logprobs is not None and self.logprobs is None:
            self.logprobs = [0.0] * len(self.mask)
        self.completion_ids += ids
        self.mask += [int(model)] * len(ids)
        if self.logprobs is not None:
            self.logprobs += logprobs if logprobs is not None else [0.0] * len(ids)


@dataclass(frozen=True, slots=True)
class Writer:
    """The model under training as the rows name it; `revision` tells the step too."""

    name: str
    revision: str | None = None


@dataclass(slots=True)
class LiveChat:
    """A `ChatModel` for rollout `index` of a batch."""

    writer: Writer
    index: int
    continuation: Continuation
    reader: Reader
    room: Room
    step: LockStep
    written: Written = field(default_factory=Written)
    _ended: bool = False

    @property
    def name(self) -> str:
        """The writer's."""
        return self.writer.name

    @property
    def revision(self) -> str | None:
        """The writer's."""
        return self.writer.revision

    async def complete(self, request: ChatRequest) -> Completion:
        """The next assistant message, when all other rollouts of the batch ask for theirs too.

        Raises:
            ContextLengthError: no token more has room.
            ChatUnavailableError: the template refuses the messages.
        """
        opened = self._open(request)
        before = len(self.written.prompt_ids) + len(self.written.completion_ids) + len(opened.ids)
        room = min(request.sampling.max_tokens, self._left(len(opened.ids)))
        if room < 1:
            raise ContextLengthError(f"{before} tokens leave no room for more")
        self._read(opened)
        prompt = self.written.prompt_ids + self.written.completion_ids
        said = await self.step.ask(self.index, prompt, room, request.stop)
        ids = self.reader.cut(said.ids[:room], request.stop)
        logprobs = None if said.logprobs is None else said.logprobs[: len(ids)]
        self.written.add(ids, logprobs, model=True)
        self._ended = bool(ids) and ids[-1] in self.reader.ends
        message = self.reader.message(ids, request, thinking=opened.thinking)
        finish = "stop" if self.reader.finished(ids, request.stop) else "length"
        return Completion(message, finish, before, len(ids))

    async def aclose(self) -> None:
        """Nothing to free."""

    def _open(self, request: ChatRequest) -> Opened:
        """What the model reads before this turn and has not read yet."""
        messages = request.messages
        spoken = [place for place, message in enumerate(messages) if message.is_model]
        try:
            if not spoken:
                return self.continuation.opening(messages)
            turn = messages[spoken[-1]]
            return self.continuation.following(turn, messages[spoken[-1] + 1 :], ended=self._ended)
        except TemplateError as error:
            rule = f"must be messages that the chat template takes ({error})"
            problem = Problem("messages", rule, messages[-1].role, "Use --grammar tags.")
            raise ChatUnavailableError(str(problem)) from error

    def _left(self, more: int) -> int:
        """Tokens that the model may still write when it has read `more`."""
        written = self.written
        if not written.prompt_ids:
            return min(self.room.completion, self.room.context - more)
        used = len(written.completion_ids) + more
        return min(self.room.completion - used, self.room.context - len(written.prompt_ids) - used)

    def _read(self, opened: Opened) -> None:
        if self.written.prompt_ids:
            self.written.add(opened.ids, None, model=False)
        else:
            self.written.prompt_ids = list(opened.ids)
