"""A row's own model turns and search results as the agent of a rollout: no server, no index, no clock.

What the record does not keep is worked out from what it keeps. Passage texts are cut out of the observations
(neutralised as they stand there; the hashes stay those of the passages as they were). The turn limit is the
number of turns where the rollout ran into it. Whether a turn was cut follows from the stop reason.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .agent import Agent, Limits
from .asking import parse_question
from .chat.model import ChatRequest, ChatUnavailableError, Completion, ContextLengthError
from .errors import RetrieverError
from .prompts import (
    POLICIES,
    WITHOUT_SEARCH,
    Prompt,
    neutralise,
    parse_turn,
    read_text,
)
from .retrieval.retriever import FailedSearch
from .rollout import refusal
from .schema import REMINDER_NAME, Hit, JsonObject, Message, Passage, Row, StopReason, Summary
from .summarise import Found

_OPENING, _CLOSING = "<information>\n", "\n</information>"
_FORCED = "/forced@"
_POLICIES = (*POLICIES, *WITHOUT_SEARCH)


@dataclass(frozen=True, slots=True)
class RecordedChat:
    """A chat model that says the turns of a row again, then ends as the row says it ended."""

    turns: tuple[Message, ...]
    stop_reason: StopReason
    cut: bool
    """Whether the last turn was cut at its token limit."""
    name: str = "recorded"
    revision: str | None = None

    async def complete(self, request: ChatRequest) -> Completion:
        """The turn that follows those in the request.

        Raises:
            ContextLengthError: the record ends here, at its token limit.
            ChatUnavailableError: the record ends here.
        """
        said = sum(message.is_model for message in request.messages)
        if said < len(self.turns):
            turn = self.turns[said]
            if self.cut and said == len(self.turns) - 1:
                return Completion(turn, "length")
            return Completion(turn, "tool_calls" if turn.tool_calls else "stop")
        if self.stop_reason is StopReason.TOKEN_LIMIT:
            raise ContextLengthError("the record ends at its token limit")
        raise ChatUnavailableError(f"the record ends after {said} turns")

    async def aclose(self) -> None:
        """Nothing to free."""


class RecordedRetriever:
    """A search engine that knows what was found for each query of one rollout, in order."""

    def __init__(self, row: Row) -> None:
        self.name, self.corpus = row.provenance.retriever or "", row.provenance.corpus or ""
        self._found: dict[str, deque[list[Hit]]] = defaultdict(deque)
        for record, text in _searches(row):
            self._found[record["query"]].append(_hits(record, text))

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """What was found, all of it: `k` was in force when it was recorded.

        Raises:
            RetrieverError: the record has no search for a query, or no further one.
        """
        return [self._next(query) for query in queries]

    def _next(self, query: str) -> list[Hit]:
        if not self._found[query]:
            raise RetrieverError(f"the record has no result for the query {query!r}")
        return self._found[query].popleft()


class RecordedSummariser:
    """A summariser that knows what it made of the hits of each query of one rollout, in order."""

    name = "recorded"

    def __init__(self, row: Row) -> None:
        self._written: dict[str, deque[Summary]] = defaultdict(deque)
        for record in row.search_use.searches:
            if record.get("summary") is not None:
                self._written[record["query"]].append(_summary(record))

    @property
    def empty(self) -> bool:
        """Whether the row has no summaries, and so had no summariser."""
        return not self._written

    async def summarise(self, found: Found, seed: int) -> Summary:
        """What was written.

        Raises:
            ChatUnavailableError: the record has none.
        """
        if not self._written[found.query]:
            raise ChatUnavailableError(f"the record has no summary for the query {found.query!r}")
        return self._written[found.query].popleft()

    async def aclose(self) -> None:
        """Nothing to free."""


def recorded_agent(row: Row) -> Agent:
    """The agent that made a row, as far as the row knows it, answering from the row alone."""
    messages = row.conversation.messages
    turns = tuple(message for message in messages if message.is_model)
    cut = row.outcome.stop_reason is StopReason.TOKEN_LIMIT and messages[-1].is_model
    summariser = RecordedSummariser(row)
    return Agent(
        model=RecordedChat(turns, row.outcome.stop_reason, cut),
        retriever=RecordedRetriever(row),
        prompt=_prompt(row),
        limits=Limits(turns=_turn_limit(row), search_pauses_s=()),
        k=max([1, *(len(record["passage_ids"]) for record in row.search_use.searches)]),
        summariser=None if summariser.empty else summariser,
        evidence=_evidence(row),
    )


def _evidence(row: Row) -> dict[str, str] | None:
    """What was handed over with the question."""
    asked = next(message for message in row.conversation.messages if message.role == "user")
    evidence = parse_question(asked)[1]
    return None if evidence is None else {row.question.question_id: evidence}


def _prompt(row: Row) -> Prompt:
    """The prompt, read from the conversation; a last turn that was never reached has the shipped text."""
    conversation, prompt_id = row.conversation, row.provenance.prompt_id or ""
    policy = row.provenance.policy if row.provenance.policy in _POLICIES else "always_search"
    told = [message.content for message in conversation.messages if message.name == REMINDER_NAME]
    last_turn = read_text("last_turn") if _FORCED in prompt_id else None
    system = conversation.messages[0].content
    return Prompt(policy, conversation.grammar, system, conversation.tools, told[0] if told else last_turn)


def _turn_limit(row: Row) -> int:
    """The limit where the rollout came to it, else one that it does not come to."""
    messages = row.conversation.messages
    turns = sum(message.is_model for message in messages)
    reminders = [place for place, message in enumerate(messages) if message.name == REMINDER_NAME]
    if reminders:
        return 1 + sum(message.is_model for message in messages[: reminders[0]])
    return turns if row.outcome.stop_reason is StopReason.TURN_LIMIT else turns + 2


def _searches(row: Row) -> Iterator[tuple[JsonObject, str]]:
    """The records of searches that reached the engine, each with what the model read of it.

    Calls, records and observations stand in the same order; calls of a last turn have no record.
    """
    conversation = row.conversation
    calls = (
        call
        for message in conversation.messages
        if message.is_model
        for call in parse_turn(message, conversation.grammar).calls
    )
    shown = (_inside(message.content) for message in conversation.messages if message.is_observation)
    for call, record, text in zip(calls, row.search_use.searches, shown, strict=False):
        if refusal(call) is None:
            yield record, text


def _inside(content: str) -> str:
    return content.removeprefix(_OPENING).removesuffix(_CLOSING)


def _hits(record: JsonObject, text: str) -> list[Hit]:
    """The hits of a record; their texts are empty where a summary was shown in their place."""
    if record["error"] is not None:
        return FailedSearch(record["error"])
    titles, ids, scores = record["titles"], record["passage_ids"], record["scores"]
    texts = passage_texts(text, titles) if record.get("summary") is None else None
    hashes = record.get("text_hashes") or [None] * len(ids)
    return [
        Hit(Passage(name, title, body), math.nan if score is None else score, text_hash)
        for name, title, body, score, text_hash in zip(
            ids, titles, texts or [""] * len(ids), scores, hashes, strict=True
        )
    ]


def passage_texts(observation: str, titles: Sequence[str]) -> list[str] | None:
    """The texts of the passages in an observation, cut at the headings that the titles make.

    Where a text forges the next heading it is cut there, so that it and the next are wrong by themselves;
    printed again they give the same observation. None where a heading is missing.
    """
    headings = [f"[{rank}] {neutralise(title)}\n" for rank, title in enumerate(titles, start=1)]
    if not headings or not observation.startswith(headings[0]):
        return None
    texts: list[str] = []
    start = len(headings[0])
    for heading in headings[1:]:
        end = observation.find(f"\n\n{heading}", start)
        if end < 0:
            return None
        texts.append(observation[start:end])
        start = end + 2 + len(heading)
    return [*texts, observation[start:]]


def _summary(record: JsonObject) -> Summary:
    return Summary(
        record["summary"], record.get("summary_prompt_tokens"), record.get("summary_completion_tokens")
    )
