"""Who answers a question: a model that may search, and the limits of a rollout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .chat.model import ChatModel, Sampling
from .prompts import Prompt
from .retrieval.retriever import Retriever
from .summarise import Summariser
from .threads import Threads


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a rollout ends at the latest.

    `total_tokens` counts completion tokens over all turns as the server reports them; a server that
    reports none is held to `Sampling.max_tokens` alone. `time_s` is the hard deadline; the starts of a
    server of ours do not count. `reply_s` is the longest that one attempt at a reply may take: a wait
    longer than that at the deadline was an outage, not a slow model. `search_pauses_s` are the waits
    before a failed search is tried again.
    """

    turns: int = 6
    total_tokens: int | None = None
    time_s: float = 600.0
    reply_s: float = 120.0
    search_pauses_s: tuple[float, ...] = (0.5, 2.0)


@dataclass(frozen=True, slots=True)
class Agent:
    """Who answers: a model with a prompt, a search engine, `k` passages a search, and limits.

    Searches run in `threads`; the event loop's own are few, too few for a search engine that is far away.
    With a `summariser` the model reads what that makes of the passages. `evidence` is what is handed over
    together with a question, by the question's id (`prompts.passages_text`).
    """

    model: ChatModel
    retriever: Retriever
    prompt: Prompt
    sampling: Sampling = field(default_factory=Sampling)
    limits: Limits = field(default_factory=Limits)
    k: int = 5
    threads: Threads | None = None
    summariser: Summariser | None = None
    evidence: Mapping[str, str] | None = None

    @property
    def search_name(self) -> str:
        """All that decides what a search shows, `RETRIEVER+summary:MODEL@hash`; the row's `retriever`."""
        return self.retriever.name + (f"+{self.summariser.name}" if self.summariser else "")

    async def aclose(self) -> None:
        """Free the connections of both models."""
        await self.model.aclose()
        if self.summariser is not None:
            await self.summariser.aclose()
