"""Where a model's reasoning stands: in `reasoning_content`, in the text as `<think>`, or nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from ..builder.schema import Message

ReasoningForm = Literal["native", "text", "dropped"]
"""`native`: the template writes `reasoning_content`. `text`: `<think>...</think>` at the head of the content.
`dropped`: on request."""

THINK = re.compile(r"\A\s*<think>(.*?)</think>\s*", re.DOTALL)


def with_reasoning(messages: Iterable[Message], form: ReasoningForm) -> tuple[Message, ...]:
    """The conversation with every turn's reasoning in that form. Reasoning found in the text counts too."""
    return tuple(_moved(message, form) if message.is_model else message for message in messages)


def _moved(message: Message, form: ReasoningForm) -> Message:
    message = separated(message)
    reasoning = message.reasoning_content
    if form == "native" or reasoning is None:
        return message
    content = message.content
    if form == "text":
        thought = f"<think>\n{reasoning.strip()}\n</think>"
        content = f"{thought}\n\n{content}" if content else thought
    return replace(message, content=content, reasoning_content=None)


def separated(message: Message) -> Message:
    """A model message with its reasoning in `reasoning_content`, None where it has none or blank one."""
    reasoning, content = message.reasoning_content, message.content
    if reasoning is None and (thinking := THINK.match(content)):
        reasoning, content = thinking[1], content[thinking.end() :]
    if reasoning is not None and not reasoning.strip():
        reasoning = None
    return replace(message, reasoning_content=reasoning, content=content)
