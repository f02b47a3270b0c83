"""Chats with native tool calls: OpenAI `messages` and ShareGPT `conversations`.

- Arguments that are JSON strings become objects; unreadable ones stay text under `MALFORMED_ARGUMENTS`.
- Think blocks of the model become reasoning. Calls that it wrote as `<tool_call>{...}</tool_call>` into its
  text (Hermes) become calls.
- The answer is what a finishing tool was given, else what stands in `<answer>` or in the last `\\boxed{}` of
  the last turn, else the whole text of the last turn, when it calls nothing and no result follows it. A last
  turn that the source says was cut at its length is no answer.
- Roles tell model from tool, so nothing in a tool's result is ever a call or an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from ..prompts import MALFORMED_ARGUMENTS, Call, Turn
from ..schema import Cost, JsonObject, StopReason
from .fields import QUESTION, TEACHER, outcome_of, text_field
from .reading import Reading, UnreadableError, begins_in_thought, json_in, split_boxed, split_thinking
from .turns import Event, Observed, Said, Tools, assemble, question_of


class _Part(BaseModel):
    type: str = "text"
    text: str | None = None


class _Function(BaseModel):
    name: str
    arguments: dict[str, Any] | str | None = None


class _ToolCall(BaseModel):
    id: str | None = None
    function: _Function


class ChatMessage(BaseModel):
    """One message as OpenAI-compatible servers and exporters write it; unknown keys are ignored."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[_Part | str] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_ToolCall] | None = None
    function_call: _Function | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """The text parts joined; of a part that is no text its type stays, in brackets."""
        parts = self.content or ""
        return parts if isinstance(parts, str) else "\n".join(map(part_text, parts))


def part_text(part: _Part | str) -> str:
    """The text of a content part, or `[image_url]` and the like for a part without one."""
    if isinstance(part, str):
        return part
    return f"[{part.type}]" if part.text is None else part.text


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


_USAGE = TypeAdapter(_Usage)
_MESSAGES = TypeAdapter(Annotated[list[ChatMessage], Field(min_length=1)])


def validated(adapter: TypeAdapter[Any], value: object, field: str) -> Any:
    """The value as the adapter's type.

    Raises:
        UnreadableError: it does not fit, with the first place that does not.
    """
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in (field, *first["loc"]))
        raise UnreadableError(f"{place}: {first['msg']}") from error


def parse_openai(data: JsonObject, tools: Tools) -> Reading:
    """A record with a `messages` list -> a reading in the `tools` grammar.

    Raises:
        UnreadableError: no messages, a message that is none, no question, no model turn.
    """
    messages = validated(_MESSAGES, data.get("messages"), "messages")
    return read_chat(data, [event for message in messages for event in _events(message)], tools)


def read_chat(data: JsonObject, events: list[Event], tools: Tools) -> Reading:
    """The reading that the events of a chat make, with what the record says beside them."""
    tools = replace(tools, offered=declared_tools(data.get("tools")))
    usage: _Usage = validated(_USAGE, data.get("usage") or {}, "usage")
    cut = outcome_of(None, data).stop_reason is StopReason.TOKEN_LIMIT
    made = assemble(events if cut else with_answer(events), tools)
    question = text_field(data, QUESTION) or question_of(events)
    if not question:
        raise UnreadableError("no question: no user message before the first model turn")
    outcome = outcome_of(made.answer, data)
    cost = Cost(usage.prompt_tokens, usage.completion_tokens)
    teacher = text_field(data, TEACHER)
    return Reading(question, made.conversation, outcome, made.searches, None, teacher, cost)


def _events(message: ChatMessage) -> Iterator[Event]:
    if message.role == "assistant":
        yield _turn(message)
    elif message.role in ("tool", "function"):
        yield Observed(message.text, message.tool_call_id)
    else:
        yield Said("user" if message.role == "user" else "system", message.text)


def _turn(message: ChatMessage) -> Turn:
    named = [(call.id, call.function) for call in message.tool_calls or ()]
    if message.function_call is not None:
        named.append((None, message.function_call))
    calls = tuple(Call(function.name, _arguments(function.arguments), id_) for id_, function in named)
    turn = text_turn(message.text, message.reasoning_content or message.reasoning)
    return replace(turn, calls=(*calls, *turn.calls))


def _arguments(arguments: dict[str, Any] | str | None) -> JsonObject:
    value = json_in(arguments) if isinstance(arguments, str) and arguments.strip() else arguments or {}
    return cast("JsonObject", value) if isinstance(value, dict) else {MALFORMED_ARGUMENTS: str(arguments)}


_HERMES = re.compile(r"<tool_call>\s*(\{.*?\})\s*</tool_call>", re.DOTALL)


def text_turn(content: str, reasoning: str | None = None) -> Turn:
    """A model turn from its text: think blocks and Hermes calls taken out, the rest as it is."""
    thought, text, _ = split_thinking(content, begins_in_thought(content))
    calls = tuple(call for match in _HERMES.finditer(text) for call in calls_of_json(match[1]))
    text = _HERMES.sub("", text) if calls else text
    return Turn("\n".join(filter(None, (reasoning, thought))) or None, text.strip(), calls)


def calls_of_json(text: str) -> list[Call]:
    """The calls in a JSON text, `{"name", "arguments"}` or a list of them; none where it is no such thing."""
    value = json_in(text)
    items = cast("list[Any]", value) if isinstance(value, list) else [value]
    named = [cast("JsonObject", item) for item in items if isinstance(item, dict) and "name" in item]
    return [Call(str(item["name"]), _arguments(item.get("arguments"))) for item in named]


_ANSWER = re.compile(r"<answer>((?:(?!<answer>).)*)</answer>", re.DOTALL)


def with_answer(events: list[Event]) -> list[Event]:
    """The events with the answer marked in the last turn, where that turn calls nothing and ends the chat."""
    last = next((index for index in reversed(range(len(events))) if isinstance(events[index], Turn)), None)
    if last is None or any(isinstance(event, Observed) for event in events[last:]):
        return events
    turn = events[last]
    if not isinstance(turn, Turn) or turn.calls or not turn.text:
        return events
    return [*events[:last], _answered(turn), *events[last + 1 :]]


def _answered(turn: Turn) -> Turn:
    tagged = list(_ANSWER.finditer(turn.text))
    if tagged:
        mark = tagged[-1]
        rest = f"{turn.text[: mark.start()].rstrip()}\n{turn.text[mark.end() :].lstrip()}".strip()
        return replace(turn, text=rest, answer=mark[1].strip())
    rest, answer = split_boxed(turn.text) or ("", turn.text)
    return replace(turn, text=rest, answer=answer)


def declared_tools(value: object) -> tuple[JsonObject, ...]:
    """The declarations in a record's `tools` (a list, or its JSON text), bare functions wrapped."""
    value = json_in(value) if isinstance(value, str) else value
    items = cast("list[Any]", value) if isinstance(value, list) else []
    tools = [cast("JsonObject", item) for item in items if isinstance(item, dict)]
    wrapped = [tool if "function" in tool else {"type": "function", "function": tool} for tool in tools]
    return tuple(
        tool for tool in wrapped if isinstance(tool["function"], dict) and "name" in tool["function"]
    )
