"""Why an answer is wrong, as a language model judges it: the classes of `failures`, one request a wrong row.

The judge sees question, gold answers, transcript and answer, fenced off as data, and chooses one of the four
classes. A reply from which no class can be read for certain is asked for no more: the row is classed by the
rule, and counted. Rows of a benchmark with a canary are not sent anywhere: the rule classes them.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from ..builder.chat.fence import Section, fenced
from ..builder.chat.model import ChatModel, ChatRequest, ChatUnavailableError, ContextLengthError, Sampling
from ..builder.schema import JsonObject, Message, Row
from ..builder.sealed import canary_of
from ..filters.judge_prompts import judge_text, transcript
from ..filters.judge_verdict import reply_fields
from .failures import explained
from .results import Failure, FailureExample

SCHEMA: JsonObject = {
    "title": "failure",
    "type": "object",
    "properties": {
        "rationale": {"type": "string", "description": "The reasons, in one to three sentences."},
        "failure": {"type": "string", "enum": [str(kind) for kind in Failure]},
    },
    "required": ["rationale", "failure"],
    "additionalProperties": False,
}
_SAMPLING = Sampling(temperature=0.0, top_p=1.0, top_k=None)


@dataclass(frozen=True, slots=True)
class JudgedFailures:
    """The causes by row id; `unread` of them are the rule's, because the judge's reply could not be read."""

    causes: Mapping[str, FailureExample]
    unread: int


@dataclass(frozen=True, slots=True)
class FailureJudge:
    """A chat model that classes wrong rows, so many at once.

    `plain` asks for JSON in words alone, for servers without structured output.
    """

    model: ChatModel
    concurrency: int = 16
    sampling: Sampling = field(default_factory=lambda: _SAMPLING)
    plain: bool = False

    async def causes(
        self, rows: Iterable[Row], titles: Mapping[str, Sequence[str]] | None = None
    ) -> JudgedFailures:
        """The cause of each wrong row.

        Raises:
            ChatServerError: the server refuses for good.
        """
        rows = list(rows)
        by_rule = explained(rows, titles)
        turns = asyncio.Semaphore(self.concurrency)
        asked = [row for row in rows if canary_of(row) is None]
        found = await asyncio.gather(*(self._judged(row, by_rule[row.id], turns) for row in asked))
        judged = {one.row_id: one for one in found if one is not None}
        return JudgedFailures(by_rule | judged, len(asked) - len(judged))

    async def _judged(
        self, row: Row, by_rule: FailureExample, turns: asyncio.Semaphore
    ) -> FailureExample | None:
        async with turns:
            try:
                completion = await self.model.complete(self.request(row))
            except (ChatUnavailableError, ContextLengthError):
                return None
        try:
            failure, why = read_failure(completion.message.content)
        except ValueError:
            return None
        return dataclasses.replace(by_rule, failure=failure, why=f"{self.model.name}: {why}")

    def request(self, row: Row) -> ChatRequest:
        """What the judge is asked of a row."""
        data = fenced(
            [
                Section("question", row.question.question),
                Section("gold answers", orjson.dumps(row.question.gold_answers).decode()),
                *transcript(row.conversation.messages),
                Section("answer", row.outcome.answer or ""),
            ]
        )
        told = Message("system", f"{judge_text('failure')}\n\n{judge_text('data')}")
        schema = None if self.plain else SCHEMA
        return ChatRequest((told, Message("user", data)), (), self.sampling, seed=0, response_schema=schema)


def read_failure(text: str) -> tuple[Failure, str]:
    """The class and the reasons that a reply gives.

    Raises:
        ValueError: it is no JSON object, or names no class.
    """
    fields = reply_fields(text)
    reasons = fields.get("rationale")
    return Failure(str(fields.get("failure")).strip().lower()), reasons if isinstance(reasons, str) else ""
