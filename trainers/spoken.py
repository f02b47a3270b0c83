"""A row's conversation as it is said to a model: in the target's grammar, fitted to its template. Pure.

From `tools` to `tags` a call becomes `<search>` text that the model writes and its result `<information>`
text that it reads, and back. In a row that keeps its grammar only the place of the reasoning changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..builder.chat.families import Family
from ..builder.chat.fitting import fit
from ..builder.prompts import (
    MALFORMED_ARGUMENTS,
    POLICIES,
    SEARCH_TOOL,
    WITHOUT_SEARCH,
    Call,
    Turn,
    load_prompt,
    parse_turn,
    read_text,
    render_observation,
    render_turn,
)
from ..builder.schema import OBSERVATION_NAME, Grammar, JsonObject, Message, Row
from .reasoning import separated, with_reasoning
from .target import Target

_WRAPPED = re.compile(r"\A<information>\n?(.*?)\n?</information>\s*\Z", re.DOTALL)
_ONE_CALL = Family("one call a message", "", (), single_calls=True)


class GrammarError(Exception):
    """A row's messages break its grammar: there is nothing sound to train on."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the model wrote, read from the row itself, in order: `reasoning`, `texts` beside calls and answer,
    the arguments of its calls that are text (queries), its answers."""

    reasoning: tuple[str, ...]
    texts: tuple[str, ...]
    calls: tuple[str, ...]
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spoken:
    """The messages as the template gets them, the tools it is told, and what has to come out of it."""

    messages: tuple[Message, ...]
    tools: tuple[JsonObject, ...]
    expected: Expected


def spoken(row: Row, target: Target) -> Spoken:
    """The conversation of a row for a target.

    Raises:
        GrammarError: the messages break the row's grammar.
    """
    grammar = row.conversation.grammar
    messages = tuple(separated(m) if m.is_model else m for m in row.conversation.messages)
    turns = [parse_turn(message, grammar) for message in messages if message.is_model]
    _check(turns, row.outcome.answer)
    tools = row.conversation.tools
    if grammar != target.grammar:
        messages = tuple(_translated(messages, grammar))
        tools = (SEARCH_TOOL,)
    messages = with_reasoning(messages, target.reasoning)
    if target.family is not None:
        messages = fit(messages, target.family)
    return Spoken(messages, tools if target.grammar == "tools" else (), _expected(turns, target))


def _expected(turns: Sequence[Turn], target: Target) -> Expected:
    kept = target.reasoning != "dropped"
    return Expected(
        tuple(turn.reasoning.strip() for turn in turns if turn.reasoning and kept),
        tuple(turn.text for turn in turns if turn.text),
        tuple(value for turn in turns for call in turn.calls for value in _texts(call)),
        tuple(turn.answer for turn in turns if turn.answer),
    )


def _texts(call: Call) -> list[str]:
    return [value.strip() for value in call.arguments.values() if isinstance(value, str)]


def _check(turns: Sequence[Turn], answer: str | None) -> None:
    if not turns:
        raise GrammarError("no message of the model")
    for turn in turns:
        if any(MALFORMED_ARGUMENTS in call.arguments for call in turn.calls):
            raise GrammarError("a call whose arguments could not be read")
        if turn.calls and turn.answer is not None:
            raise GrammarError("a search and an answer in one turn")
        if turn.answer is not None and turn is not turns[-1]:
            raise GrammarError("an answer before the last turn")
        untagged = turn is turns[-1] and answer is not None and answer in turn.text
        if not turn.calls and turn.answer is None and not untagged:
            raise GrammarError("a turn with neither a search nor an answer")


def _translated(messages: Sequence[Message], grammar: Grammar) -> Iterator[Message]:
    """The conversation in the other grammar."""
    other: Grammar = "tags" if grammar == "tools" else "tools"
    turn = 0
    call_id = None
    for message in fit(messages, _ONE_CALL):
        if message.is_model:
            turn += 1
            call_id = f"call_{turn}_0"
            yield render_turn(_with_id(parse_turn(message, grammar), call_id), other)
        elif message.is_observation:
            yield render_observation(_inner(message), other, call_id)
        elif message.role == "system":
            yield replace(message, content=_prompt_in(message.content, grammar, other))
        else:
            yield message


def _with_id(turn: Turn, call_id: str) -> Turn:
    """The turn, its call under that id."""
    if any(call.name != OBSERVATION_NAME or call.query is None for call in turn.calls):
        raise GrammarError("a call that is no search with a query, which the other grammar cannot say")
    return replace(turn, calls=tuple(replace(call, id=call_id) for call in turn.calls))


def _inner(message: Message) -> str:
    wrapped = _WRAPPED.match(message.content) if message.role == "user" else None
    return wrapped[1] if wrapped else message.content


def _prompt_in(text: str, grammar: Grammar, other: Grammar) -> str:
    """A shipped prompt in the other grammar; any other text with the shipped words on that grammar added."""
    for policy in (*POLICIES, *WITHOUT_SEARCH):
        if text == load_prompt(policy, grammar).text:
            return load_prompt(policy, other).text
    said = text.replace(read_text(f"grammar_{grammar}"), "").strip()
    return f"{said}\n\n{read_text(f'grammar_{other}')}".strip()
