"""The summariser: a second chat model condenses the passages of a search to one to three sentences.

The model that answers reads the summary in place of the passages; the record of the search keeps both what
was found and what was made of it. Passages reach the summariser fenced off as data (`chat.fence`), and its
text is retrieved text like any other: neutralised where it is shown, never parsed as the model's. That
nothing helps is an answer (the model then reads `NOTHING_HELPFUL`); that no answer comes is a failure of
infrastructure.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .chat.away import ServerAwayError
from .chat.fence import Section, fenced
from .chat.model import (
    ChatModel,
    ChatRequest,
    ChatUnavailableError,
    Completion,
    ContextLengthError,
    Sampling,
)
from .errors import Problem
from .identity import content_hash, derived_seed
from .prompts import NOTHING_HELPFUL, read_text
from .schema import Hit, Message, Summary

_THINKING = re.compile(r"\A(?:\s*<think>.*?(?:</think>|\Z)|.*</think>)", re.DOTALL)
"""Thinking at the start of a reply; where the chat template opened it, it ends without having begun."""
_NOTHING = re.compile(r"\W*nothing helpful(?: was found)?\W*", re.IGNORECASE)


class SummariserError(ChatUnavailableError):
    """The summariser gave no usable reply: the rollout is broken, the run goes on."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is to be summarised: the question, the query, and at least one passage in rank order."""

    question: str
    query: str
    hits: tuple[Hit, ...]


class Summariser(Protocol):
    """Reads passages so that the model that answers need not."""

    @property
    def name(self) -> str:
        """`summary:MODEL@hash` over all that decides what it writes; part of the row's `retriever`."""
        ...

    async def summarise(self, found: Found, seed: int) -> Summary:
        """One to three sentences, or `NOTHING_HELPFUL`.

        Raises:
            ChatUnavailableError: no usable reply.
            ChatServerError: the server will never answer: the run stops.
        """
        ...

    async def aclose(self) -> None:
        """Free connections."""
        ...


@dataclass(frozen=True, slots=True)
class ChatSummariser:
    """A summariser that is a chat model. One that is `shared` with the teacher is closed with the teacher."""

    model: ChatModel
    sampling: Sampling
    shared: bool = False

    @property
    def name(self) -> str:
        """The model's name, and a hash over its revision, the prompt and the sampling."""
        settings = [self.model.revision, summary_instructions(), self.sampling]
        return f"summary:{self.model.name}@{content_hash(settings, 8)}"

    async def summarise(self, found: Found, seed: int) -> Summary:
        """Ask the model once; the reply without its thinking.

        Raises:
            ServerAwayError: the model's server is being started; ask again when it is back.
            SummariserError: no usable reply, or the passages do not fit the context.
            ChatServerError: the server will never answer.
        """
        request = ChatRequest(summary_messages(found), (), self.sampling, seed)
        try:
            completion = await self.model.complete(request)
        except ContextLengthError as error:
            rule, fix = f"must fit the summariser's context ({error})", "Lower --k."
            raise SummariserError(str(Problem("passages", rule, len(found.hits), fix))) from error
        except ServerAwayError:
            raise
        except ChatUnavailableError as error:
            raise SummariserError(str(error)) from error
        text = self._text(completion)
        return Summary(text, completion.prompt_tokens, completion.completion_tokens)

    async def aclose(self) -> None:
        """Close the model, unless it is the teacher's too."""
        if not self.shared:
            await self.model.aclose()

    def _text(self, completion: Completion) -> str:
        text = _THINKING.sub("", completion.message.content).strip()
        if not text and completion.finish_reason == "length":
            rule, fix = "must leave room for a summary after the thinking", "Raise --summariser-max-tokens."
            raise SummariserError(str(Problem("summariser_max_tokens", rule, self.sampling.max_tokens, fix)))
        return NOTHING_HELPFUL if not text or _NOTHING.fullmatch(text) else text


async def summarise_all(
    summariser: Summariser | None, found: Sequence[Found], seed: int
) -> list[Summary | None]:
    """The summaries of the searches of one turn, in their order, all asked for at once.

    None without a summariser, and where nothing was found. Summary `n` is sampled with
    `derived_seed(seed, n)`.

    Raises: what `Summariser.summarise` raises; the other requests are then dropped.
    """
    if summariser is None:
        return [None] * len(found)
    tasks = [
        asyncio.create_task(_summarised(summariser, one, derived_seed(seed, n)))
        for n, one in enumerate(found)
    ]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def _summarised(summariser: Summariser, found: Found, seed: int) -> Summary | None:
    return await summariser.summarise(found, seed) if found.hits else None


def summary_instructions() -> str:
    """What the summariser is told; a hash of it is part of its name."""
    return read_text("summariser")


def summary_messages(found: Found) -> tuple[Message, ...]:
    """The conversation that asks for a summary: instructions, then everything else as data."""
    sections = [Section("question", found.question), Section("query", found.query), *_passages(found.hits)]
    return (Message("system", summary_instructions()), Message("user", fenced(sections)))


def _passages(hits: Sequence[Hit]) -> list[Section]:
    return [
        Section(f"passage {rank}", f"{hit.passage.title}\n{hit.passage.text}")
        for rank, hit in enumerate(hits, start=1)
    ]
