"""The seam to language models: one coroutine from messages to the next assistant message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from ..errors import ServiceError
from ..schema import JsonObject, Message

FinishReason = Literal["stop", "tool_calls", "length"]

Dialect = Literal["common", "reasoning"]
"""Which settings a model takes. `reasoning`: OpenAI's GPT-5 and o-series, which refuse temperature, top_p and
`max_tokens`; they get `max_completion_tokens` (reasoning included) and sample as they like."""


class ChatUnavailableError(ServiceError):
    """This request got no usable reply after all retries: the rollout is broken, the run goes on."""


class UnreadableReplyError(ChatUnavailableError):
    """A reply came and cannot be read; its tokens, where it says them, are paid for all the same."""

    def __init__(self, message: str, prompt_tokens: int | None, completion_tokens: int | None) -> None:
        super().__init__(message)
        self.prompt_tokens, self.completion_tokens = prompt_tokens, completion_tokens


class ContextLengthError(ServiceError):
    """The conversation no longer fits the model's context: the rollout ends at its token limit."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a turn is sampled; `max_tokens` is per turn. None leaves the choice to the server.

    `thinking` is told to chat templates that have the switch `enable_thinking`.
    """

    temperature: float = 0.6
    top_p: float = 0.95
    top_k: int | None = 20
    max_tokens: int = 2048
    thinking: bool | None = None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request. `seed` makes a reply repeatable where the model supports it.

    `response_schema` is a JSON schema that the reply's text has to fit (its `title` names it);
    `reasoning_effort` is sent where it is given, to models that know it. `may_call` False forbids tool calls
    in this reply; the tools stay in the request, so that the prompt before it stays the same. `token_ids`
    asks for the ids of prompt and reply, which vLLM and local models can give.
    """

    messages: tuple[Message, ...]
    tools: tuple[JsonObject, ...]
    sampling: Sampling
    seed: int
    stop: tuple[str, ...] = ()
    response_schema: JsonObject | None = None
    reasoning_effort: str | None = None
    dialect: Dialect = "common"
    may_call: bool = True
    token_ids: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """One assistant message with its price: tokens as the server counts them, seconds of wall time.

    `prompt_token_ids` and `token_ids` are there when they were asked for and the server gives them.
    """

    message: Message
    finish_reason: FinishReason
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_s: float = 0.0
    prompt_token_ids: tuple[int, ...] | None = None
    token_ids: tuple[int, ...] | None = None


class ChatModel(Protocol):
    """A model that continues a conversation."""

    @property
    def name(self) -> str:
        """The model's public name; goes into the row as `teacher`."""
        ...

    @property
    def revision(self) -> str | None:
        """What pins the model further (a commit, a server version, a config hash), where known."""
        ...

    async def complete(self, request: ChatRequest) -> Completion:
        """The next assistant message.

        Raises:
            ChatUnavailableError: no usable reply after all retries.
            ContextLengthError: the messages do not fit the context.
            ChatServerError: the server will never answer this (wrong key, no such model): the run stops.
        """
        ...

    async def aclose(self) -> None:
        """Free connections. The model is not used afterwards."""
        ...
