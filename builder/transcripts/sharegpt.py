"""ShareGPT: `conversations` of `from` and `value`, with the tool roles of LLaMA-Factory and Hermes exports.

`function_call` values are JSON calls; `<tool_response>` wrappers around results are taken off. A value that
should be a call and is none stays the model's text. The rest is decided as for OpenAI chats (chats.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, Field, TypeAdapter

from ..prompts import Turn
from ..schema import JsonObject
from .chats import calls_of_json, read_chat, text_turn, validated
from .fields import text_field
from .reading import Reading, UnreadableError
from .turns import Event, Observed, Said, Tools

_MODEL = {"gpt", "assistant", "chatgpt", "model", "bot"}
_USER = {"human", "user"}
_RESULT = {"tool", "observation", "function", "function_response", "tool_response", "ipython"}


class _Entry(BaseModel):
    speaker: str = Field(alias="from")
    value: str | None = None


_ENTRIES = TypeAdapter(Annotated[list[_Entry], Field(min_length=1)])


def parse_sharegpt(data: JsonObject, tools: Tools) -> Reading:
    """A record with `conversations` -> a reading in the `tools` grammar.

    Raises:
        UnreadableError: no conversations, an entry that is none, an unknown speaker, no question, no turn.
    """
    entries = validated(_ENTRIES, data.get("conversations"), "conversations")
    system = text_field(data, ("system",))
    events: list[Event] = [Said("system", system)] if system else []
    for entry in entries:
        events.extend(_events(entry.speaker.lower(), entry.value or "", events))
    return read_chat(data, events, tools)


def _events(speaker: str, value: str, before: list[Event]) -> Iterator[Event]:
    if speaker in _MODEL:
        yield text_turn(value)
    elif speaker == "function_call":
        yield _call_turn(value)
    elif speaker in _RESULT:
        yield from map(Observed, _results(value, before))
    elif speaker in _USER or speaker == "system":
        yield Said("system" if speaker == "system" else "user", value)
    else:
        raise UnreadableError(f"conversations: unknown speaker {speaker[:40]!r}")


def _call_turn(value: str) -> Turn:
    turn = text_turn(value)
    calls = tuple(calls_of_json(turn.text))
    return Turn(turn.reasoning, "", calls) if calls else turn


_WRAPPED = re.compile(r"\s*<tool_response>\n?(.*?)\n?</tool_response>\s*", re.DOTALL)
_SEAM = re.compile(r"\n?</tool_response>\s*<tool_response>\n?")


def _results(value: str, before: list[Event]) -> list[str]:
    """The results in a value: one, or as many as the turn before made calls."""
    wrapped = _WRAPPED.fullmatch(value)
    if wrapped is None:
        return [value]
    results = _SEAM.split(wrapped[1])
    asked = next((len(event.calls) for event in reversed(before) if isinstance(event, Turn)), 0)
    return results if len(results) == asked else [wrapped[1]]
