"""What a judge is told: instructions from `prompts/judge_*.txt`, and the row's texts fenced off as data.

`answer` mode shows question, gold answers and answer; `trajectory` mode the whole transcript too. The second
turn (`--reflect`) goes on in the same conversation. A prompt is named by a hash of its texts and of the
schema that goes with it; the manifest keeps its texts under that name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import orjson

from ..builder.asking import parse_question
from ..builder.chat.fence import Section, fenced
from ..builder.identity import content_hash
from ..builder.schema import JsonObject, Message
from .judge_verdict import SCHEMA

Mode = Literal["answer", "trajectory"]


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged: a row's question, gold answers and answer, and in `trajectory` mode its messages."""

    row_id: str
    question: str
    gold_answers: tuple[str, ...]
    answer: str | None
    completed: bool
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class JudgePrompt:
    """The texts of one judge. `plain` asks for JSON in words alone, for servers without structured output."""

    mode: Mode = "answer"
    plain: bool = False

    @property
    def schema(self) -> JsonObject | None:
        """What the reply has to fit; None with `plain`."""
        return None if self.plain else SCHEMA

    @property
    def hash(self) -> str:
        """Changes with any text or the schema of the first turn."""
        return content_hash([self._instructions, judge_text("ask"), self.schema])

    @property
    def reflect_hash(self) -> str:
        """The same for both turns."""
        return content_hash([self._instructions, judge_text("ask"), self.schema, judge_text("reflect")])

    def published(self, reflect: bool) -> dict[str, str]:
        """The texts by the name under which the manifest keeps them; the name ends in the hash."""
        first = f"{self._instructions}\n\n[data]\n\n{judge_text('ask')}"
        texts = {f"judge/{self.mode}@{self.hash}": first}
        if reflect:
            second = f"{first}\n\n[first verdict]\n\n{judge_text('reflect')}"
            texts[f"judge/{self.mode}/reflect@{self.reflect_hash}"] = second
        return texts

    def first(self, case: Case) -> tuple[Message, ...]:
        """The conversation up to the first verdict."""
        data = fenced([*_sections(case, self.mode)])
        return (Message("system", self._instructions), Message("user", f"{data}\n\n{judge_text('ask')}"))

    def second(self, first: Sequence[Message], reply: str) -> tuple[Message, ...]:
        """The conversation up to the verdict after reflection."""
        return (*first, Message("assistant", reply), Message("user", judge_text("reflect")))

    @property
    def _instructions(self) -> str:
        return f"{judge_text(self.mode)}\n\n{judge_text('data')}\n\n{judge_text('form')}"


@cache
def judge_text(name: str) -> str:
    """A text of `filters/prompts/judge_NAME.txt`, without the white space around it."""
    return files("trajset.filters").joinpath(f"prompts/judge_{name}.txt").read_text("utf-8").strip()


def _sections(case: Case, mode: Mode) -> Iterator[Section]:
    yield Section("question", case.question)
    yield Section("gold answers", orjson.dumps(case.gold_answers).decode())
    if mode == "trajectory":
        yield from transcript(case.messages)
    yield Section("answer", case.answer or "")


def transcript(messages: Sequence[Message]) -> Iterator[Section]:
    """What the agent wrote and what it was shown. Its system prompt and the question are left out."""
    turns = found = 0
    for message in messages:
        if message.is_model:
            turns += 1
            yield Section(f"agent turn {turns}", _turn(message))
        elif message.is_observation:
            found += 1
            yield Section(f"search result {found}", message.content)
        elif (evidence := parse_question(message)[1]) is not None:
            yield Section("passages handed over", evidence)


def _turn(message: Message) -> str:
    calls = "\n".join(orjson.dumps(call.get("function")).decode() for call in message.tool_calls or ())
    return "\n".join(part for part in (message.reasoning_content, message.content, calls) if part)
