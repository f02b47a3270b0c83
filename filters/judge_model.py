"""Who judges and how: the model, its prompt and its sampling; what is asked, and what that is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..builder.chat.model import ChatModel, ChatRequest, Completion, Dialect, Sampling
from ..builder.chat.wire import write_request
from ..builder.identity import content_hash
from ..builder.schema import Judgement, Message
from .judge_budget import TEMPLATE_TOKENS
from .judge_prompts import Case, JudgePrompt
from .judge_verdict import Reading

REFLECT = "_reflect"
"""What is put behind a judge's name for its verdict after reflection."""

_KEY_LENGTH = 32
_GREEDY = Sampling(temperature=0.0, top_p=1.0, top_k=None)
_ANSWER = JudgePrompt()


@dataclass(frozen=True, slots=True)
class Asking:
    """How the model is asked."""

    sampling: Sampling = _GREEDY
    seed: int = 0
    dialect: Dialect = "common"
    reasoning_effort: str | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """What a verdict took. Tokens are None where a server did not count them."""

    tokens: int | None = 0
    latency_s: float = 0.0

    @classmethod
    def of(cls, completion: Completion) -> Work:
        """What one reply took."""
        read, written = completion.prompt_tokens, completion.completion_tokens
        return cls(None if read is None or written is None else read + written, completion.latency_s)

    def __add__(self, other: Work) -> Work:
        known = self.tokens is not None and other.tokens is not None
        tokens = (self.tokens or 0) + (other.tokens or 0) if known else None
        return Work(tokens, self.latency_s + other.latency_s)


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge by name. With `reflect` a second turn gives a second verdict, under the name `*_reflect`."""

    model: ChatModel
    name: str = "llm_judge"
    prompt: JudgePrompt = _ANSWER
    reflect: bool = False
    asking: Asking = Asking()

    @property
    def model_name(self) -> str:
        """The model with what pins it: `name@revision`."""
        revision = self.model.revision
        return f"{self.model.name}@{revision}" if revision else self.model.name

    @property
    def hashes(self) -> dict[str, str]:
        """The prompt hash of each of its verdicts, by the name under which they are stored."""
        first = {self.name: self.prompt.hash}
        return first | ({f"{self.name}{REFLECT}": self.prompt.reflect_hash} if self.reflect else {})

    def first(self, case: Case) -> ChatRequest:
        """The request for the first verdict on a row."""
        return self._request(self.prompt.first(case))

    def second(self, first: ChatRequest, reply: Completion) -> ChatRequest:
        """The request for the verdict after reflection."""
        return self._request(self.prompt.second(first.messages, reply.message.content))

    def _request(self, messages: tuple[Message, ...]) -> ChatRequest:
        asking = self.asking
        return ChatRequest(
            messages,
            (),
            asking.sampling,
            asking.seed,
            response_schema=self.prompt.schema,
            reasoning_effort=asking.reasoning_effort,
            dialect=asking.dialect,
        )

    def key(self, request: ChatRequest) -> str:
        """The hash of all that is sent, and of what pins the model. Not of where it is sent."""
        sent = write_request(self.model.name, request).decode()
        return content_hash([self.model.name, self.model.revision, sent], _KEY_LENGTH)

    def most_tokens(self, request: ChatRequest) -> tuple[int, int]:
        """Tokens that a request and its reply can have at most: no token is shorter than a byte."""
        read = len(write_request(self.model.name, request)) + TEMPLATE_TOKENS
        return read, request.sampling.max_tokens

    def judgements(self, row_id: str, readings: Sequence[tuple[Reading, Work]]) -> tuple[Judgement, ...]:
        """The verdicts of a row, of the first turn and of the second."""
        return tuple(
            Judgement(
                row_id,
                judge,
                self.model_name,
                prompt_hash,
                reading.verdict,
                reading.score,
                reading.rationale,
                work.tokens,
                work.latency_s,
            )
            for (judge, prompt_hash), (reading, work) in zip(self.hashes.items(), readings, strict=True)
        )
