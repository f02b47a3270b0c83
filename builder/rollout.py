"""THE rollout loop: a question, a model that may search, and what comes of it.

One turn is: ask the model, read what it says, search or stop. Every way out is a `StopReason`. What only the
model can be blamed for (a malformed call, an empty query, a tool that does not exist) is told to the model as
a failed search and the rollout goes on. What infrastructure is to blame for ends it as INFRASTRUCTURE, with
everything so far kept: a chat server that gives no usable reply, and a search engine that still fails after
the pauses in `Limits`. A search engine that is down would otherwise turn into a dataset of quietly bad rows.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from .agent import Agent
from .agent import Limits as Limits
from .asking import render_question
from .chat.away import lasting
from .chat.model import (
    ChatRequest,
    ChatUnavailableError,
    Completion,
    ContextLengthError,
)
from .clock import Clock
from .errors import RetrieverError, shorten
from .identity import derived_seed
from .prompts import (
    MALFORMED_ARGUMENTS,
    Call,
    Turn,
    close_stopped,
    observation_text,
    parse_turn,
    render_observation,
    render_reminder,
    stop_strings,
)
from .retrieval.retriever import failure_of
from .schema import (
    OBSERVATION_NAME,
    Conversation,
    Cost,
    Grammar,
    Hit,
    Message,
    Outcome,
    Question,
    SearchCall,
    StopReason,
    Summary,
    Trajectory,
)
from .summarise import Found, summarise_all


async def rollout(question: Question, agent: Agent, seed: int) -> Trajectory:
    """One trajectory. Turn `n` is sampled with `derived_seed(seed, n)`.

    Raises:
        ChatServerError: the server will never answer (wrong key, no such model); the caller should stop.
    """
    evidence = (agent.evidence or {}).get(question.question_id)
    opening = [Message("system", agent.prompt.text), render_question(question.question, evidence)]
    clock = Clock(asyncio.timeout(agent.limits.time_s))
    under_way = _Rollout(agent, question.question, seed, opening, clock)
    started = clock.now()
    outcome = await _within_deadline(under_way)
    return Trajectory(
        question,
        Conversation(tuple(under_way.messages), agent.prompt.tools, agent.prompt.grammar),
        outcome,
        tuple(under_way.searches),
        under_way.cost(clock.now() - started),
    )


async def _within_deadline(under_way: _Rollout) -> Outcome:
    deadline = under_way.clock.deadline
    try:
        async with deadline:
            return await under_way.run()
    except TimeoutError:
        if not deadline.expired():
            raise
        return under_way.out_of_time()
    except ContextLengthError as error:
        return under_way.out_of_context(error)
    except (ChatUnavailableError, RetrieverError) as error:
        return _broken(error)


@dataclass(slots=True)
class _Rollout:
    """The state of one rollout: what it has so far survives any way out."""

    agent: Agent
    question: str
    seed: int
    messages: list[Message]
    clock: Clock
    searches: list[SearchCall] = field(default_factory=list[SearchCall])
    completions: list[Completion] = field(default_factory=list[Completion])
    search_s: float = 0.0
    waiting_since: float | None = None
    """When the wait for a service began; it stays when the deadline cuts the wait short."""

    async def run(self) -> Outcome:
        """Turn by turn until something ends it. A search that no turn could read any more is not made."""
        last = self.agent.limits.turns
        for turn in range(1, last + 1):
            room = self._room()
            if room < 1:
                return Outcome(None, StopReason.TOKEN_LIMIT)
            cut = await self._ask(turn, room, last=turn == last)
            said = parse_turn(self.messages[-1], self.agent.prompt.grammar)
            outcome = _outcome(said, cut=cut)
            if outcome is not None:
                return outcome
            if turn < last:
                await self._search(said.calls)
        return Outcome(None, StopReason.TURN_LIMIT)

    def _room(self) -> int:
        """Completion tokens that the next turn may have."""
        total = self.agent.limits.total_tokens
        most = self.agent.sampling.max_tokens
        used = sum(completion.completion_tokens or 0 for completion in self.completions)
        return most if total is None else min(most, total - used)

    async def _ask(self, turn: int, room: int, *, last: bool) -> bool:
        """Add the model's next message; whether it was cut at its token limit."""
        grammar, reminder = self.agent.prompt.grammar, self.agent.prompt.last_turn if last else None
        sampling = self.agent.sampling
        if reminder is not None:
            self.messages.append(render_reminder(reminder))
        request = ChatRequest(
            tuple(self.messages),
            self.agent.prompt.tools,
            sampling if room == sampling.max_tokens else dataclasses.replace(sampling, max_tokens=room),
            derived_seed(self.seed, turn),
            stop_strings(grammar),
            may_call=reminder is None and self.agent.prompt.searches,
        )
        self.waiting_since = self.clock.now()
        completion = await lasting(lambda: self.agent.model.complete(request), self.clock)
        self.waiting_since = None
        cut = completion.finish_reason == "length"
        self.completions.append(completion)
        self.messages.append(_with_call_ids(_closed(completion.message, grammar, cut=cut), turn))
        return cut

    async def _search(self, calls: Sequence[Call]) -> None:
        """Add an observation for each call, in order; what can be searched for is searched at once."""
        errors = [refusal(call) for call in calls]
        found = iter(
            await self._retrieve([c.query or "" for c, e in zip(calls, errors, strict=True) if not e])
        )
        for call, error in zip(calls, errors, strict=True):
            search = SearchCall(call.query or "", error=error) if error else next(found)
            self.searches.append(search)
            text = observation_text(search)
            self.messages.append(render_observation(text, self.agent.prompt.grammar, call.id))

    async def _retrieve(self, queries: list[str]) -> list[SearchCall]:
        """What was found for each query, summarised where there is a summariser and something to read."""
        if not queries:
            return []
        started = self.waiting_since = self.clock.now()
        try:
            found = await _patient_search(self.agent, queries)
            summaries = await self._summaries(queries, found)
        finally:
            self.search_s += self.clock.now() - started
        self.waiting_since = None
        return [
            SearchCall(query, tuple(hits), failure_of(hits), summary)
            for query, hits, summary in zip(queries, found, summaries, strict=True)
        ]

    async def _summaries(
        self, queries: Sequence[str], found: Sequence[Sequence[Hit]]
    ) -> list[Summary | None]:
        if self.agent.summariser is None:
            return [None] * len(found)
        asked = [Found(self.question, query, tuple(hits)) for query, hits in zip(queries, found, strict=True)]
        seed = derived_seed(self.seed, "summary", len(self.searches))
        return await lasting(lambda: summarise_all(self.agent.summariser, asked, seed), self.clock)

    def out_of_time(self) -> Outcome:
        """The deadline passed: the model was slow, or a service was out and never came back."""
        limits = self.agent.limits
        waited = 0.0 if self.waiting_since is None else self.clock.now() - self.waiting_since
        if self.completions and waited <= limits.reply_s:
            return Outcome(None, StopReason.TIME_LIMIT)
        error = f"no reply for {waited:.0f} s when the deadline of {limits.time_s:g} s passed"
        return _broken(TimeoutError(error))

    def out_of_context(self, error: ContextLengthError) -> Outcome:
        """Full after some turns: the model's doing. Too small for the question: a setting to be changed."""
        return Outcome(None, StopReason.TOKEN_LIMIT) if self.completions else _broken(error)

    def cost(self, latency_s: float) -> Cost:
        """Tokens over all turns, None when the server did not report all of them."""
        return Cost(
            _total([completion.prompt_tokens for completion in self.completions]),
            _total([completion.completion_tokens for completion in self.completions]),
            latency_s,
            self.search_s,
        )


def _outcome(said: Turn, *, cut: bool) -> Outcome | None:
    """How a turn ends the rollout; None when it searches."""
    if said.calls and not (cut and any(MALFORMED_ARGUMENTS in call.arguments for call in said.calls)):
        return None
    if said.answer is not None:
        return Outcome(said.answer, StopReason.ANSWERED)
    return Outcome(None, StopReason.TOKEN_LIMIT if cut else StopReason.MALFORMED)


def _broken(error: Exception) -> Outcome:
    return Outcome(None, StopReason.INFRASTRUCTURE, f"{type(error).__name__}: {error}")


def _closed(message: Message, grammar: Grammar, *, cut: bool) -> Message:
    """The message as it is kept. A query that was cut at the token limit stays open: it is no search."""
    content = close_stopped(message.content, grammar)
    if content == message.content or (cut and not message.content.startswith(content)):
        return message
    return dataclasses.replace(message, content=content)


def _with_call_ids(message: Message, turn: int) -> Message:
    """Every call with an id of its own, which its observation names; servers forget or repeat them."""
    calls = message.tool_calls or ()
    ids = [call.get("id") for call in calls]
    if all(ids) and len(set(ids)) == len(ids):
        return message
    named = tuple(call | {"id": f"call_{turn}_{index}"} for index, call in enumerate(calls))
    return dataclasses.replace(message, tool_calls=named)


def refusal(call: Call) -> str | None:
    """Why a call cannot be searched for, told to the model; None when it can."""
    if call.name != OBSERVATION_NAME:
        return f"there is no tool {shorten(call.name)}; the only tool is {OBSERVATION_NAME!r}"
    if MALFORMED_ARGUMENTS in call.arguments:
        return "the arguments are not a JSON object"
    return None if call.query else "the query is missing or empty"


async def _patient_search(agent: Agent, queries: Sequence[str]) -> list[list[Hit]]:
    """Hits a query, found in a thread. `RetrieverError` is raised only when it outlasts the pauses."""
    in_thread = agent.threads.run if agent.threads else asyncio.to_thread
    for pause in agent.limits.search_pauses_s:
        try:
            return await in_thread(agent.retriever.search, queries, agent.k)
        except RetrieverError:
            await asyncio.sleep(pause)
    return await in_thread(agent.retriever.search, queries, agent.k)


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if counts and len(known) == len(counts) else None
