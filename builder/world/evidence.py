"""What retrieved text shows of the world's facts: in observations only, by verbatim sentences only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..asking import parse_question
from ..schema import EVIDENCE_NAME, Message
from .pages import Fact

_HEADING = re.compile(r"^\[\d+\] (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Shown:
    """A passage as it stood in an observation; `turn` is the message's position in the conversation."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All passages shown in a conversation, by title, in order."""

    passages: Mapping[str, tuple[Shown, ...]]

    @classmethod
    def of(cls, messages: Iterable[Message]) -> Evidence:
        """The evidence in a conversation. Text that the model wrote is never evidence."""
        found: dict[str, tuple[Shown, ...]] = {}
        for turn, message in enumerate(messages):
            shown = parse_question(message)[1] if message.name == EVIDENCE_NAME else message.content
            if shown is not None and (message.is_observation or message.name == EVIDENCE_NAME):
                for title, text in _passages(shown):
                    found[title] = (*found.get(title, ()), Shown(turn, text))
        return cls(found)

    def first_turn(self, fact: Fact) -> int | None:
        """The message in which the fact's sentence first stood under its subject's title, if any did."""
        shown = self.passages.get(fact.subject, ())
        return next((passage.turn for passage in shown if fact.sentence in passage.text), None)

    def shows(self, fact: Fact) -> bool:
        """Whether the fact stood in retrieved text."""
        return self.first_turn(fact) is not None


def _passages(observation: str) -> list[tuple[str, str]]:
    """The numbered passages of an observation (`prompts.observation_text`): title and text."""
    parts = _HEADING.split(observation)
    return list(zip(parts[1::2], parts[2::2], strict=True))
