"""The rule by which long observations are shortened: the first tokens of each are kept, a note ends it."""

from __future__ import annotations

import re
from dataclasses import replace

from ..builder.schema import Message, Row
from .chat_tokenizer import ChatTokenizer

NOTE = " [shortened]"
"""What stands in the place of the rest."""
_WRAPPED = re.compile(r"\A(<information>\n?)(.*?)(\n?</information>\s*)\Z", re.DOTALL)


def shortened(row: Row, tokenizer: ChatTokenizer, tokens: int) -> tuple[Row, int]:
    """The row with the first `tokens` tokens of every observation, and how many observations were cut."""
    before = row.conversation.messages
    after = tuple(
        _first_tokens(message, tokenizer, tokens) if message.is_observation else message for message in before
    )
    cut = sum(old is not new for old, new in zip(before, after, strict=True))
    return replace(row, conversation=replace(row.conversation, messages=after)), cut


def _first_tokens(message: Message, tokenizer: ChatTokenizer, tokens: int) -> Message:
    """The message itself where it is short enough. The tags around retrieved text stay."""
    wrapped = _WRAPPED.match(message.content) if message.role == "user" else None
    opening, text, closing = wrapped.groups() if wrapped else ("", message.content, "")
    offsets = tokenizer.tokens(text).offsets
    if len(offsets) <= tokens:
        return message
    return replace(message, content=f"{opening}{text[: offsets[tokens - 1][1]]}{NOTE}{closing}")
