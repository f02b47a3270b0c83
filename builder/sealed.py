"""Rows about a question with a canary, as they may lie on disk: every text of theirs is encrypted with it.

The canary stands in the row, before the encrypted question, so that whoever crawls the table meets it with
every row, and whoever may read it needs nothing else. Numbers, stop reasons, ids and the system prompt stay
in clear: a recipe on scalar columns works on sealed rows as on any others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson

from .canary import decrypt, encrypt
from .errors import DataError, Problem
from .schema import REMINDER_NAME, Conversation, JsonObject, Message, Outcome, Question, Row, SearchUse

MARK = "sealed:"
"""Every encrypted text begins with it."""
_BETWEEN = f"\n{MARK}"
_SEALED_KEYS = ("query", "titles", "error", "summary")

Change = Callable[[str], str]


def canary_of(row: Row) -> str | None:
    """The canary that a row is sealed with; None where it is in clear."""
    return canary_in(row.question.question)


def canary_in(text: str) -> str | None:
    """The canary that stands before a sealed text, as in the column `question`; None where it is in clear."""
    canary, between, _ = text.rpartition(_BETWEEN)
    return canary if between and canary else None


def seal_text(text: str, canary: str) -> str:
    """A text on its own, with its canary before it."""
    return f"{canary}{_BETWEEN}{encrypt(text, canary)}"


def unseal_text(text: str) -> str:
    """The inverse of `seal_text`; a text in clear stays as it is. Raises ValueError for another's."""
    canary = canary_in(text)
    return text if canary is None else decrypt(text.rpartition(_BETWEEN)[2], canary)


def opener(question: str) -> Change:
    """What opens the texts of a row, by what its column `question` holds; texts in clear stay as they are."""
    canary = canary_in(question)
    if canary is None:
        return lambda text: text
    return lambda text: _opened(text.removeprefix(f"{canary}\n"), canary)


def seal(row: Row, canary: str) -> Row:
    """The row with its texts encrypted; one that is sealed stays as it is."""
    if canary_of(row) is not None:
        return row
    changed = _changed(row, lambda text: f"{MARK}{encrypt(text, canary)}")
    question = f"{canary}\n{changed.question.question}"
    return dataclasses.replace(changed, question=dataclasses.replace(changed.question, question=question))


def unseal(row: Row) -> Row:
    """The row in clear, for use in memory; one that is in clear stays as it is.

    Raises:
        DataError: a text was sealed with another canary.
    """
    if canary_of(row) is None:
        return row
    try:
        return _changed(row, opener(row.question.question))
    except ValueError as error:
        rule = "must be sealed with the canary that stands in its question"
        fix = "The row was changed by hand; make it again."
        raise DataError(str(Problem(f"row {row.id}", rule, type(error).__name__, fix))) from None


def refuse_sealed(rows: Iterable[Row], what: str) -> Iterator[Row]:
    """The rows, as long as they are in clear.

    Raises:
        DataError: one is about a benchmark with a canary.
    """
    for row in rows:
        if canary_of(row) is not None:
            rule = f"must not be about a benchmark with a canary, which is never {what}"
            fix = "Choose rows about other questions."
            raise DataError(str(Problem("rows", rule, f"{row.question.dataset} in row {row.id}", fix)))
        yield row


def _opened(text: str, canary: str) -> str:
    return decrypt(text.removeprefix(MARK), canary) if text.startswith(MARK) else text


def _changed(row: Row, change: Change) -> Row:
    return dataclasses.replace(
        row,
        question=_question(row.question, change),
        conversation=_conversation(row.conversation, change),
        outcome=_outcome(row.outcome, change),
        search_use=_search_use(row.search_use, change),
    )


def _question(question: Question, change: Change) -> Question:
    titles = question.supporting_titles
    return dataclasses.replace(
        question,
        question=change(question.question),
        gold_answers=tuple(map(change, question.gold_answers)),
        supporting_titles=None if titles is None else tuple(map(change, titles)),
    )


def _conversation(conversation: Conversation, change: Change) -> Conversation:
    messages = tuple(
        message
        if message.role == "system" or message.name == REMINDER_NAME
        else change_message(message, change)
        for message in conversation.messages
    )
    return dataclasses.replace(conversation, messages=messages)


def change_message(message: Message, change: Change) -> Message:
    """A message with all its texts changed: sealed, or opened."""
    return dataclasses.replace(
        message,
        content=change(message.content),
        reasoning_content=_optional(message.reasoning_content, change),
        tool_calls=None
        if message.tool_calls is None
        else tuple(_call(c, change) for c in message.tool_calls),
    )


def _call(call: JsonObject, change: Change) -> JsonObject:
    """A tool call as one text, and back."""
    if set(call) == {MARK}:
        return orjson.loads(change(call[MARK]))
    return {MARK: change(orjson.dumps(call).decode())}


def _outcome(outcome: Outcome, change: Change) -> Outcome:
    return dataclasses.replace(
        outcome,
        answer=_optional(outcome.answer, change),
        error=None if outcome.error is None else _error(outcome.error, change),
    )


def _error(error: str, change: Change) -> str:
    """The type of an error stays in clear; its message may quote what a server was sent."""
    kind, between, message = error.partition(": ")
    return f"{kind}{between}{change(message)}" if kind.isidentifier() and between else change(error)


def _search_use(use: SearchUse, change: Change) -> SearchUse:
    searches = tuple(
        {key: _value(value, change) if key in _SEALED_KEYS else value for key, value in search.items()}
        for search in use.searches
    )
    return dataclasses.replace(use, queries=tuple(map(change, use.queries)), searches=searches)


def _value(value: Any, change: Change) -> Any:
    if isinstance(value, str):
        return change(value)
    return [change(item) for item in value] if isinstance(value, list) else value


def _optional(text: str | None, change: Change) -> str | None:
    return None if text is None else change(text)
