"""Where every piece of a conversation stands in a template's text, to the character.

The template renders the conversation twice: once as it is, once with a slot word in the place of every piece
(the content of a message, its reasoning, name and text arguments of its calls). The second rendering is the
`Layout`: literals of the template around the slots. Laid over the first it tells which characters are whose,
whatever the pieces hold: a tag or a control token forged in a passage is a part of the passage. Nothing is
assumed of the template but that it treats one text like another, and where it does not the row is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from typing import Literal

from ..builder.chat.fitting import template_record
from ..builder.schema import JsonObject, Message
from .chat_tokenizer import ChatTokenizer

PieceKind = Literal["system", "user", "observation", "reasoning", "text", "call"]


class LayoutError(Exception):
    """The template does something with the messages that cannot be followed."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A text in a message, by the message's index."""

    message: int
    kind: PieceKind
    value: str


@dataclass(frozen=True, slots=True)
class Slotted:
    """Messages with slot words for their pieces; `word` is what the words begin with."""

    records: tuple[JsonObject, ...]
    pieces: tuple[Piece, ...]
    word: str


@dataclass(frozen=True, slots=True)
class Written:
    """What the model writes of a turn: from `start` characters into literal `first` to `stop` characters into
    literal `last`, of which those from `end` on are the end of turn."""

    message: int
    first: int
    start: int
    last: int
    end: int
    stop: int


@dataclass(frozen=True, slots=True)
class Layout:
    """n + 1 literals around n slots (indices of pieces, in the template's order), and the model's turns."""

    literals: tuple[str, ...]
    slots: tuple[int, ...]
    turns: tuple[Written, ...]


def slotted(messages: Sequence[Message]) -> Slotted:
    """The messages as the template takes them, with slot words."""
    word = _unused_word(messages)
    pieces: list[Piece] = []

    def slot(message: int, kind: PieceKind, value: str) -> str:
        pieces.append(Piece(message, kind, value))
        return f"{word}{len(pieces) - 1:04d}z"

    records: list[JsonObject] = []
    for index, message in enumerate(messages):
        record = template_record(message)
        if message.reasoning_content:
            record["reasoning_content"] = slot(index, "reasoning", message.reasoning_content)
        if message.content or (message.is_model and not (message.tool_calls or message.reasoning_content)):
            record["content"] = slot(index, _kind(message), message.content)
        if message.tool_calls:
            record["tool_calls"] = [
                _slotted_call(call, partial(slot, index, "call")) for call in message.tool_calls
            ]
        records.append(record)
    return Slotted(tuple(records), tuple(pieces), word)


def _kind(message: Message) -> PieceKind:
    if message.is_model:
        return "text"
    if message.is_observation:
        return "observation"
    return "system" if message.role == "system" else "user"


def _slotted_call(call: JsonObject, slot: Callable[[str], str]) -> JsonObject:
    function: JsonObject = call["function"]
    name = slot(str(function["name"]))
    arguments = {
        key: slot(value) if isinstance(value, str) else value for key, value in function["arguments"].items()
    }
    return call | {"function": function | {"name": name, "arguments": arguments}}


def _unused_word(messages: Sequence[Message]) -> str:
    """A word that occurs in none of the messages."""
    texts = json.dumps([template_record(message) for message in messages], ensure_ascii=False)
    count = 0
    while (word := f"slot{count}q") in texts:
        count += 1
    return word


def layout_of(slots: Slotted, tools: Sequence[JsonObject], tokenizer: ChatTokenizer) -> Layout:
    """The layout of a conversation.

    Raises:
        TemplateError: the template refuses the messages.
        LayoutError: a turn does not begin where the template lets the model begin to write.
    """
    literals, found = _split(tokenizer.text(slots.records, tools), slots.word)
    ends = _end_pattern(tokenizer)
    turns: list[Written] = []
    for message, record in enumerate(slots.records):
        mine = [place for place, slot in enumerate(found) if slots.pieces[slot].message == message]
        if record["role"] != "assistant" or not mine:
            continue
        before = slots.records[:message]
        header = _split(tokenizer.text(before, tools, prompt=True), slots.word)[0][-1]
        alone = _split(tokenizer.text(slots.records[: message + 1], tools), slots.word)[0][-1]
        if not literals[mine[0]].startswith(header):
            raise LayoutError("the template opens a turn otherwise than it asks the model to begin it")
        end, stop = _end_of_turn(literals[mine[-1] + 1], alone, ends)
        turns.append(Written(message, mine[0], len(header), mine[-1] + 1, end, stop))
    return Layout(tuple(literals), tuple(found), tuple(turns))


def _split(text: str, word: str) -> tuple[list[str], list[int]]:
    pieces = re.split(rf"{word}(\d{{4,}})z", text)
    return pieces[::2], [int(number) for number in pieces[1::2]]


def _end_pattern(tokenizer: ChatTokenizer) -> re.Pattern[str] | None:
    ends = sorted(tokenizer.control_tokens.values(), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, ends))) if ends else None


def _end_of_turn(tail: str, alone: str, ends: re.Pattern[str] | None) -> tuple[int, int]:
    """Where the token that ends the turn begins and ends in what follows the turn, and follows it where it is
    the last (gpt-oss then writes another); where there is none, all that the template adds in both cases."""
    match, last = (ends.search(tail), ends.search(alone)) if ends else (None, None)
    if match and last and match.start() == last.start():
        return match.span()
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(tail, alone, strict=False)))
    end = len(tail[:same].rstrip())
    return end, end


@dataclass(frozen=True, slots=True)
class Placed:
    """A layout laid over the real text: the first character of every literal, and the span of every slot."""

    literals: tuple[int, ...]
    slots: tuple[tuple[int, int], ...]

    def written(self, turn: Written) -> tuple[int, int, int]:
        """A turn in characters: where the model's text begins, where its end of turn begins and ends."""
        last = self.literals[turn.last]
        return self.literals[turn.first] + turn.start, last + turn.end, last + turn.stop


def place(layout: Layout, pieces: Sequence[Piece], text: str) -> Placed:
    """Lay the layout over the rendered text.

    Raises:
        LayoutError: they do not match: the template treats this text otherwise than a plain word.
    """
    at = len(layout.literals[0])
    literals, spans = [0], list[tuple[int, int]]()
    if not text.startswith(layout.literals[0]):
        raise LayoutError("the template writes something else before the first message")
    for slot, literal in zip(layout.slots, layout.literals[1:], strict=True):
        form = next(
            (
                form
                for form in forms(pieces[slot].value)
                if text.startswith(form, at) and text.startswith(literal, at + len(form))
            ),
            None,
        )
        if form is None:
            piece = pieces[slot]
            raise LayoutError(f"the template changes the {piece.kind} of message {piece.message}")
        spans.append((at, at + len(form)))
        literals.append(at + len(form))
        at += len(form) + len(literal)
    if at != len(text):
        raise LayoutError("the template writes something else after the last message")
    return Placed(tuple(literals), tuple(spans))


def forms(value: str) -> Iterator[str]:
    """What templates make of a text: themselves, trimmed, inside JSON."""
    trimmed = (value, value.strip(), value.strip("\n"), value.lstrip("\n"), value.lstrip(), value.rstrip())
    yield from trimmed
    for text in trimmed:
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        yield json.dumps(text)[1:-1]
