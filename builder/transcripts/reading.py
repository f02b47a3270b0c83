"""What a parser finds in one record, and the steps that all parsers share."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace

from ..errors import DataError
from ..prompts import Call, Turn, neutralise, parse_turn, render_turn
from ..schema import Conversation, Cost, Grammar, Message, Outcome, SearchCall
from ..storable import storable


class UnreadableError(DataError):
    """This record is no transcript of the format. It becomes a row that says so; the others are unharmed."""


NO_COST = Cost()


@dataclass(frozen=True, slots=True)
class Reading:
    """A transcript in trajset's terms.

    `prompt` is scaffolding that stood before the transcript (instructions, few-shot examples) and is left out
    of the messages: its hash enters the prompt id. `correct` is a person's verdict on the answer, None where
    the source has none.
    """

    question: str
    conversation: Conversation
    outcome: Outcome
    searches: tuple[SearchCall, ...] = ()
    prompt: str | None = None
    teacher: str | None = None
    cost: Cost = NO_COST
    correct: bool | None = None


def model_message(turn: Turn, grammar: Grammar) -> Message:
    """The assistant message of a turn, such that parsing it gives the turn back.

    Where the model's free text holds tags that the grammar would take for an action (of another dialect, or
    quoted from the instructions), these are neutralised: a row says what the transcript says, no more.
    """
    free = replace(turn, text=neutralise(turn.text))
    for candidate in (turn, free):
        message = render_turn(candidate, grammar)
        if parse_turn(message, grammar) == candidate:
            return message
    calls = tuple(_plain_call(call) for call in turn.calls)
    answer = None if turn.answer is None else neutralise(turn.answer)
    return render_turn(replace(free, calls=calls, answer=answer), grammar)


def _plain_call(call: Call) -> Call:
    if call.query is None:
        return call
    return replace(call, arguments=call.arguments | {"query": neutralise(call.query)})


_THINK_TAG = re.compile(r"(</?think>)")


def split_thinking(text: str, thinking: bool = False) -> tuple[str | None, str, bool]:
    """Model text -> reasoning, the rest, and whether a think block is still open at its end.

    `thinking` says that the text begins inside a think block. White space at the seams is dropped.
    """
    parts: dict[bool, list[str]] = {True: [], False: []}
    for piece in _THINK_TAG.split(text):
        if _THINK_TAG.fullmatch(piece):
            thinking = piece == "<think>"
        elif piece.strip():
            parts[thinking].append(piece.strip())
    return "\n".join(parts[True]) or None, "\n".join(parts[False]), thinking


def begins_in_thought(text: str) -> bool:
    """Whether the first think tag closes a block, which then was opened by the prompt."""
    first = _THINK_TAG.search(text)
    return first is not None and first[0] == "</think>"


def json_in(text: str) -> object:
    """The JSON value of a text (fit for a table), or None where the text is no JSON."""
    try:
        return storable(json.loads(text))
    except (json.JSONDecodeError, RecursionError):
        return None


_END_OF_TURN = re.compile(
    r"(?:\s*(?:<\|im_end\|>|<\|endoftext\|>|<\|eot_id\|>|<\|end_of_text\|>|</s>))+\s*\Z"
)


def without_end_tokens(text: str) -> str:
    """Model text without the end-of-turn tokens that some servers leave at its end."""
    return _END_OF_TURN.sub("", text)


_BOXED = "\\boxed{"
_TEXT_MACRO = re.compile(r"\\(?:text|mathrm|textbf)\{([^{}]*)\}")


def split_boxed(text: str) -> tuple[str, str] | None:
    r"""The text without its last `\boxed{...}`, and what stood inside; None without a whole one.

    Braces may nest. A `\text{...}` around the whole answer is taken off.
    """
    start = text.rfind(_BOXED)
    end = _closing_brace(text, start + len(_BOXED)) if start >= 0 else None
    if end is None:
        return None
    inside = text[start + len(_BOXED) : end].strip()
    wrapped = _TEXT_MACRO.fullmatch(inside)
    rest = f"{text[:start].rstrip()}{text[end + 1 :]}"
    return rest.strip(), (wrapped[1] if wrapped else inside).strip()


def _closing_brace(text: str, start: int) -> int | None:
    depth = 1
    for index in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if depth == 0:
            return index
    return None
