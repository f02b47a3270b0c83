"""A judge at a scripted server: honest by the gold answers, with its own count of what was asked and paid.

    with ChatServer(judge := ScriptedJudge()) as server: ...

`judge` stands for `ChatServer.answer`. A row's question decides what goes wrong (`troubles`), once each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from chat_server import Answer, reply
from trajset.builder.chat.fence import unfenced

Json = dict[str, Any]


@dataclass
class ScriptedJudge:
    """Judges right in the first turn, and turns its verdict round in the second one for odd answers.

    `troubles` maps a question to what comes before its verdict, one after another; `delay_s` is of a reply.
    """

    troubles: dict[str, list[Answer]] = field(default_factory=dict)
    delay_s: float = 0.0
    asked: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Requests by question (and answer) and turn."""
    tokens: Counter[str] = field(default_factory=Counter)
    """Tokens of all replies that were sent whole, read and written."""

    def __call__(self, body: Json) -> Answer:
        """The next trouble of the row, else the verdict."""
        data = sections(body)
        turn = sum(message["role"] == "assistant" for message in body["messages"])
        self.asked[f"{data['question']} {data['answer']}", turn] += 1
        troubles = self.troubles.get(data["question"], [])
        answer = troubles.pop(0) if troubles else self.verdict(body, data, turn)
        self._meter(answer)
        return Answer(answer.body, answer.status, answer.headers, answer.delay_s or self.delay_s, answer.cut)

    def verdict(self, body: Json, data: dict[str, str], turn: int) -> Answer:
        """An honest verdict; the second turn rejects answers that hold a digit."""
        right = data["answer"] in orjson.loads(data["gold answers"])
        if turn and any(character.isdigit() for character in data["answer"]):
            right = False
        return verdict_reply("correct" if right else "incorrect", read_tokens(body))

    def _meter(self, answer: Answer) -> None:
        if answer.status == 200 and not answer.cut and b'"usage"' in answer.body:
            usage = orjson.loads(answer.body)["usage"]
            self.tokens["read"] += usage["prompt_tokens"]
            self.tokens["written"] += usage["completion_tokens"]


def sections(body: Json) -> dict[str, str]:
    """What the judge was shown, by section."""
    return {section.name: section.text for section in unfenced(body["messages"][1]["content"])}


def read_tokens(body: Json) -> int:
    """A count that differs between requests."""
    return sum(len(message["content"]) for message in body["messages"]) // 4


def verdict_reply(verdict: str, read: int = 100, written: int = 30) -> Answer:
    """A reply of the form that was asked for."""
    text = orjson.dumps({"rationale": "compared", "verdict": verdict, "confidence": 0.75}).decode()
    return text_reply(text, read, written)


def text_reply(text: str, read: int = 100, written: int = 30, finish: str = "stop") -> Answer:
    """A reply of any text."""
    return reply({"content": text}, finish, {"prompt_tokens": read, "completion_tokens": written})


def no_choice(read: int = 100, written: int = 30) -> Answer:
    """A reply without a choice in it, paid for all the same."""
    usage = {"prompt_tokens": read, "completion_tokens": written}
    return Answer(orjson.dumps({"choices": [], "usage": usage}))


def judged_alike(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether two judgements tables say the same, but for what a clock decides."""
    keys = ("row_id", "judge", "model", "prompt_hash", "verdict", "score", "rationale", "tokens")
    return [[getattr(j, key) for key in keys] for j in one] == [
        [getattr(j, key) for key in keys] for j in other
    ]
