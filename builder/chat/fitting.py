"""Messages as a family's chat template takes them. Pure: what is kept in the row is never changed."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from ..schema import JsonObject, Message
from .families import Family
from .model import ChatModel, ChatRequest, Completion
from .wrapped import WrappedChat

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class FittedChat(WrappedChat):
    """A `ChatModel` whose messages are put into its family's form before they are sent."""

    family: Family

    async def complete(self, request: ChatRequest) -> Completion:
        """The next assistant message. Raises what the model raises."""
        messages = fit(request.messages, self.family)
        return await self.inner.complete(dataclasses.replace(request, messages=messages))


def fitted(model: ChatModel, family: Family | None) -> ChatModel:
    """The model, with its messages fitted where its family needs it."""
    return model if family is None or family.fits_messages else FittedChat(model, family)


def fit(messages: Sequence[Message], family: Family) -> tuple[Message, ...]:
    """The conversation as the family's template takes it; nothing in it is lost or said twice."""
    fitting = list(messages)
    if not family.system:
        fitting = _system_into_user(fitting)
    if family.alternate:
        fitting = _users_merged(fitting)
    if family.single_calls:
        fitting = _calls_apart(fitting)
    if family.call_id_length:
        fitting = [_short_ids(message, family.call_id_length) for message in fitting]
    return tuple(fitting)


def _system_into_user(messages: list[Message]) -> list[Message]:
    """The system text, then an empty line, at the head of the first user message."""
    if len(messages) < 2 or (messages[0].role, messages[1].role) != ("system", "user"):
        return messages
    return [_joined(dataclasses.replace(messages[0], role="user"), messages[1]), *messages[2:]]


def _users_merged(messages: Iterable[Message]) -> list[Message]:
    """User messages put to the one before them, and to a search's result, after which only the model may
    speak."""
    merged: list[Message] = []
    for message in messages:
        if merged and message.role == "user" and merged[-1].role in ("user", "tool"):
            merged[-1] = _joined(merged[-1], message)
        else:
            merged.append(message)
    return merged


def _joined(first: Message, second: Message) -> Message:
    return dataclasses.replace(first, content=f"{first.content}\n\n{second.content}", name=second.name)


def _calls_apart(messages: Sequence[Message]) -> list[Message]:
    """Every call in a message of its own, followed by its result; what was said stays with the first."""
    apart: list[Message] = []
    for place, message in enumerate(messages):
        if len(message.tool_calls or ()) > 1:
            apart += _one_by_one(message, _results_after(messages, place))
        elif message.role != "tool" or not _result_of_many(messages, place):
            apart.append(message)
    return apart


def _one_by_one(message: Message, results: Sequence[Message]) -> list[Message]:
    by_id = {result.tool_call_id: result for result in results}
    alone: list[Message] = []
    for index, call in enumerate(message.tool_calls or ()):
        said = message if index == 0 else Message("assistant", "")
        alone.append(dataclasses.replace(said, tool_calls=(call,)))
        if result := by_id.get(call.get("id")):
            alone.append(result)
    return alone


def _results_after(messages: Sequence[Message], place: int) -> list[Message]:
    return list(takewhile(lambda message: message.role == "tool", messages[place + 1 :]))


def _result_of_many(messages: Sequence[Message], place: int) -> bool:
    """Whether the calls before this result stood in one message, which has taken it along."""
    before = next(message for message in messages[place::-1] if message.role != "tool")
    return len(before.tool_calls or ()) > 1


def _short_ids(message: Message, length: int) -> Message:
    calls = tuple(_renamed(call, length) for call in message.tool_calls or ()) or None
    asked = message.tool_call_id
    return dataclasses.replace(
        message, tool_calls=calls, tool_call_id=None if asked is None else _short_id(asked, length)
    )


def _renamed(call: JsonObject, length: int) -> JsonObject:
    return call | {"id": _short_id(str(call.get("id")), length)}


def _short_id(name: str, length: int) -> str:
    """The same name always gives the same id of small letters and digits; one of that form stays."""
    if len(name) == length and name.isascii() and name.isalnum():
        return name
    digest = hashlib.sha256(name.encode("utf-8", "replace")).digest()
    return "".join(_DIGITS[byte % len(_DIGITS)] for byte in digest[:length])


def template_record(message: Message) -> JsonObject:
    """A message as chat templates expect it: what is absent has no key, as some ask for the key alone."""
    optional: JsonObject = {
        "reasoning_content": message.reasoning_content,
        "tool_calls": list(message.tool_calls) if message.tool_calls else None,
        "tool_call_id": message.tool_call_id,
    }
    return {"role": message.role, "content": message.content} | {
        key: value for key, value in optional.items() if value is not None
    }
