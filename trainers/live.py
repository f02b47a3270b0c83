"""Rollouts by the model under training: THE rollout loop, a batch in lock step, with exact token ids.

Prompts, grammars, refusals, limits, stop reasons, neutralised observations and failing search engines are
those of `builder.rollout`: a student meets in training what a teacher met in collection. All searches of a
batch run at once. For on-policy distillation and for GRPO: whoever trains hands over `generate` (`lockstep`).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..builder.agent import Agent, Limits
from ..builder.chat.families import CallFormat, call_format_of
from ..builder.chat.model import ChatModel, Sampling
from ..builder.errors import ConfigError, Problem
from ..builder.event_loop import run_in_loop
from ..builder.prompts import Policy, Prompt, load_prompt
from ..builder.retrieval.retriever import Retriever
from ..builder.rollout import rollout
from ..builder.rows import Sample
from ..builder.schema import Question, StopReason, Trajectory
from ..builder.summarise import Summariser
from ..builder.threads import Threads
from .continuation import Continuation, open_continuation
from .live_chat import LiveChat, Reader, Room
from .live_chat import Writer as Writer
from .lockstep import Generate, LockStep
from .target import Target

_AT_ONCE = 64
"""Searches under way at most."""


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """How the model under training searches: what a user of `collect` sets for a teacher.

    `temperature`, `top_p` and `top_k` (0: all tokens) are only told in the rows: whoever generates samples.
    With `force_answer` the model is asked for its answer before its last turn.
    """

    retriever: Retriever
    room: Room
    policy: Policy = "always_search"
    k: int = 5
    turns: int = 5
    force_answer: bool = False
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    summariser: Summariser | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A rollout to make: a question, which sample of it, and the sample's seed."""

    question: Question
    sample: Sample


@dataclass(frozen=True, slots=True)
class LiveRollout:
    """A trajectory and its tokens: P prompt ids; C completion ids, mask, log-probabilities (see `Written`).

    A rollout that infrastructure broke has a mask of zeros: nothing is learnt from it.
    """

    trajectory: Trajectory
    prompt_ids: list[int]
    completion_ids: list[int]
    mask: list[int]
    logprobs: list[float] | None = None

    @property
    def stop_reason(self) -> StopReason:
        """Why it ended."""
        return self.trajectory.outcome.stop_reason


@dataclass(frozen=True, slots=True)
class LiveRollouts:
    """Makes rollouts, batch by batch, with the template and the end tokens of one model."""

    settings: LiveSettings
    continuation: Continuation
    reader: Reader

    @property
    def prompt(self) -> Prompt:
        """The system prompt with its tools."""
        return self.continuation.prompt

    def run(self, asks: Sequence[Ask], writer: Writer, generate: Generate) -> list[LiveRollout]:
        """One rollout an ask, in order. Raises what `generate` raises, and

        Raises:
            ChatServerError: the summariser's server refuses for good.
        """
        return run_in_loop(self._run(asks, writer, generate)) if asks else []

    def agent(self, model: ChatModel, threads: Threads | None = None) -> Agent:
        """Who answers, with that model."""
        settings = self.settings
        return Agent(
            model,
            settings.retriever,
            self.prompt,
            Sampling(settings.temperature, settings.top_p, settings.top_k or None, settings.room.turn),
            Limits(turns=settings.turns, time_s=math.inf),
            settings.k,
            threads,
            settings.summariser,
        )

    async def _run(self, asks: Sequence[Ask], writer: Writer, generate: Generate) -> list[LiveRollout]:
        step, threads = LockStep(len(asks), generate), Threads(min(len(asks), _AT_ONCE), "search")
        chats = [self._chat(writer, index, step) for index in range(len(asks))]
        try:
            return list(
                await asyncio.gather(
                    *(self._one(ask, chat, threads) for ask, chat in zip(asks, chats, strict=True))
                )
            )
        finally:
            threads.close()

    def _chat(self, writer: Writer, index: int, step: LockStep) -> LiveChat:
        return LiveChat(writer, index, self.continuation, self.reader, self.settings.room, step)

    async def _one(self, ask: Ask, chat: LiveChat, threads: Threads) -> LiveRollout:
        try:
            trajectory = await rollout(ask.question, self.agent(chat, threads), ask.sample.seed or 0)
        finally:
            chat.step.leave()
        written = chat.written
        broken = trajectory.outcome.stop_reason is StopReason.INFRASTRUCTURE
        mask = [0] * len(written.mask) if broken else written.mask
        return LiveRollout(trajectory, written.prompt_ids, written.completion_ids, mask, written.logprobs)


def open_rollouts(target: Target, settings: LiveSettings, ends: Iterable[int]) -> LiveRollouts:
    """Rollouts in a target's grammar and template; `ends` are the ids with which the model ends a turn.

    Raises:
        ConfigError: the template does not keep a conversation's beginning, or its calls are not read here.
    """
    prompt = load_prompt(settings.policy, target.grammar, force_answer=settings.force_answer)
    reader = Reader(target.tokenizer.inner, frozenset(ends), _call_format(target))
    continuation = open_continuation(target, prompt)
    return LiveRollouts(settings, continuation, reader)


def _call_format(target: Target) -> CallFormat | None:
    """How the target's calls stand in its text.

    Raises:
        ConfigError: in a form that is not read here.
    """
    if target.grammar == "tags":
        return None
    family, template = target.family, target.tokenizer.template
    found = family.call_format if family else call_format_of(template)
    if found is None:
        rule = "must be tags: nothing here reads the calls of this model's template"
        raise ConfigError(str(Problem("grammar", rule, target.grammar, "Use --grammar tags.")))
    return found
