"""Events of a transcript with tool calls -> a conversation in the `tools` grammar.

ReAct, OpenAI, ShareGPT and ATIF transcripts are all read into the same three events: a model `Turn`, a tool's
result (`Observed`), and whatever system, user or harness said (`Said`). What is decided here for all of them:

- A call of a finishing tool (`FINISHING`) is the answer, not a call. What the harness says to it ("Episode
  finished, reward = True") is bookkeeping that gives the verdict away: never evidence, left out at the end of
  a transcript, and a plain user message where the model read it and went on.
- A result belongs to the call whose id it names, else to the first call of the last turn still without one.
- A search that got no result is a failed search, with the error saying so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from ..identity import canonical_json
from ..prompts import SEARCH_TOOL, Call, Turn, neutralise, render_observation
from ..schema import OBSERVATION_NAME, Conversation, JsonObject, Message, SearchCall
from .observations import search_call
from .reading import UnreadableError, model_message

FINISHING = frozenset({"finish", "final_answer", "submit", "submit_answer"})
"""Names of tools that hand in the answer (compared in lower case)."""

_SEARCHING = re.compile(r"search|retriev|look_?up|wiki|google|bing", re.IGNORECASE)
_QUERY_ARGUMENTS = ("query", "queries", "q", "search_query")


@dataclass(frozen=True, slots=True)
class Observed:
    """A tool's result, raw."""

    text: str
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What system, user or harness said."""

    role: Literal["system", "user"]
    text: str


Event = Turn | Observed | Said


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools that the model was offered, and the names of those that search (none: told by looks)."""

    offered: tuple[JsonObject, ...] = (SEARCH_TOOL,)
    searching: frozenset[str] = frozenset()

    def is_search(self, call: Call) -> bool:
        """Whether a call searches: listed by name, or named after searching, or taking a query."""
        if self.searching:
            return call.name in self.searching
        return bool(_SEARCHING.search(call.name)) or any(name in call.arguments for name in _QUERY_ARGUMENTS)


@dataclass(frozen=True, slots=True)
class Assembled:
    """A conversation, its answer if it has one, and its searches in the order in which they were asked."""

    conversation: Conversation
    answer: str | None
    searches: tuple[SearchCall, ...]


def assemble(events: Iterable[Event], tools: Tools) -> Assembled:
    """The conversation that the events make.

    Raises:
        UnreadableError: there is no model turn.
    """
    made = _Assembly(tools)
    for event in events:
        if isinstance(event, Turn):
            made.turn(event)
        elif isinstance(event, Observed):
            made.observed(event)
        else:
            made.messages.append(Message(event.role, event.text))
    if not any(message.is_model for message in made.messages):
        raise UnreadableError("no model turn")
    searches = [search for asked in made.asked if tools.is_search(asked.call) for search in _searches(asked)]
    offered = (*tools.offered, *made.undeclared())
    return Assembled(Conversation(tuple(made.messages), offered, "tools"), made.answer, tuple(searches))


@dataclass(slots=True, eq=False)
class _Asked:
    call: Call
    result: str | None = None


@dataclass(slots=True)
class _Assembly:
    tools: Tools
    messages: list[Message] = field(default_factory=list)
    asked: list[_Asked] = field(default_factory=list)
    pending: list[_Asked] = field(default_factory=list)
    finishing: str | None = None
    notice: str | None = None
    answer: str | None = None
    n_calls: int = 0

    def turn(self, turn: Turn) -> None:
        if self.notice is not None:
            self.messages.append(Message("user", self.notice))
        self.notice = self.finishing = None
        calls = [self._with_id(call) for call in turn.calls]
        finish = next((call for call in calls if call.name.lower() in FINISHING), None)
        asked = [_Asked(call) for call in calls if call is not finish]
        answer = turn.answer
        if finish is not None:
            answer, self.finishing = _handed_in(finish), finish.id
        kept = tuple(entry.call for entry in asked)
        self.messages.append(model_message(replace(turn, calls=kept, answer=answer), "tools"))
        self.pending = list(asked)
        self.asked += asked
        self.answer = self.answer if answer is None else answer

    def observed(self, event: Observed) -> None:
        if self._is_bookkeeping(event):
            self.notice = neutralise(event.text)
            return
        named = [asked for asked in self.pending if asked.call.id == event.call_id]
        call_id = event.call_id
        for asked in (named or self.pending)[:1]:
            self.pending.remove(asked)
            asked.result, call_id = event.text, asked.call.id
        self.messages.append(render_observation(neutralise(event.text), "tools", call_id))

    def undeclared(self) -> list[JsonObject]:
        """Declarations of the tools that were called but not offered, by the arguments of their calls."""
        known = {tool["function"]["name"] for tool in self.tools.offered}
        calls = {entry.call.name: entry.call for entry in self.asked if entry.call.name not in known}
        return [declaration(call.name, tuple(call.arguments)) for call in calls.values()]

    def _is_bookkeeping(self, event: Observed) -> bool:
        if self.finishing is None:
            return False
        return event.call_id == self.finishing or not self.pending

    def _with_id(self, call: Call) -> Call:
        self.n_calls += 1
        return call if call.id else replace(call, id=f"call_{self.n_calls - 1}")


def question_of(events: list[Event]) -> str | None:
    """The last user message before the first model turn."""
    asked = None
    for event in events:
        if isinstance(event, Turn):
            break
        if isinstance(event, Said) and event.role == "user":
            asked = event.text.strip()
    return asked


def declaration(name: str, arguments: tuple[str, ...] = ("query",)) -> JsonObject:
    """The schema of a tool of which only the name and the names of its (text) arguments are known."""
    if name == OBSERVATION_NAME:
        return SEARCH_TOOL
    properties = {argument: {"type": "string"} for argument in arguments}
    parameters = {"type": "object", "properties": properties, "required": list(arguments)}
    description = f"The tool `{name}` of an imported transcript."
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


def _handed_in(finish: Call) -> str:
    texts = [value for value in finish.arguments.values() if isinstance(value, str)]
    return texts[0].strip() if texts else canonical_json(finish.arguments).decode()


def _searches(asked: _Asked) -> list[SearchCall]:
    return [search_call(query, asked.result) for query in _queries(asked.call)]


def _queries(call: Call) -> list[str]:
    """The queries of a call: several where it takes a list, else its first text, else all its arguments."""
    named = [call.arguments[name] for name in _QUERY_ARGUMENTS if name in call.arguments]
    for value in [*named, *call.arguments.values()]:
        if isinstance(value, str):
            return [value.strip()]
        if isinstance(value, list) and value:
            return [str(query).strip() for query in cast("list[Any]", value)]
    return [canonical_json(call.arguments).decode()]
