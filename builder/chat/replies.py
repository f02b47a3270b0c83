"""What a local model wrote, read as an assistant message: reasoning apart, calls out of the text.

Servers do this behind their parsers. Whatever cannot be read stays as the model's own words: a call that is
no JSON keeps its text under `MALFORMED_ARGUMENTS`, and so counts against the model, not the machine.
(`parse_response` of transformers 5.23 raises on such a call, and few models carry the template it needs.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, cast

from ..prompts import MALFORMED_ARGUMENTS
from ..schema import JsonObject, Message
from ..storable import storable
from .families import CallFormat
from .wire import read_arguments, read_json

_THINK_END = "</think>"
_THINK = "<think>"
_MARKS = (_THINK, _THINK_END, "<tool_call>", "</tool_call>", "[TOOL_CALLS]", "[ARGS]", "<|python_tag|>")
"""Tokens that a reply is read by, though some tokenizers call them special."""
_HERMES = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_LLAMA = re.compile(r"\A\s*(?:<\|python_tag\|>)?\s*(\{.*)\Z", re.DOTALL)
_MISTRAL_NAMED = re.compile(r"\s*([\w.-]+)(?:\[ARGS\])?(\{.*)", re.DOTALL)  # `name{...}`, since 2025


def opens_thinking(prompt: str) -> bool:
    """Whether a prompt ends inside the thinking that the template has opened."""
    return prompt.endswith((_THINK, f"{_THINK}\n"))


def reply_text(text: str, stop: Iterable[str], special: Iterable[str]) -> str:
    """A decoded reply up to a stop string, without the control tokens that no call format needs."""
    for end in stop:
        text = text.split(end, 1)[0]
    for token in special:
        if token not in _MARKS:
            text = text.replace(token, "")
    return text


def read_text(text: str, call_format: CallFormat | None, *, thinking: bool = False) -> Message:
    """The message in a text. `thinking`: the prompt had opened the thinking, so the text begins inside it."""
    reasoning, body = _split_thinking(text, thinking=thinking)
    said, calls = _READERS[call_format](body) if call_format else (body, ())
    return Message("assistant", said.strip(), reasoning_content=reasoning or None, tool_calls=calls or None)


def _split_thinking(text: str, *, thinking: bool) -> tuple[str, str]:
    """Reasoning and the rest. Thinking that never ends is all reasoning: the reply was cut within it."""
    opened = text.lstrip().startswith(_THINK)
    if not (opened or thinking or _THINK_END in text):
        return "", text
    inside, _, rest = text.lstrip().removeprefix(_THINK).partition(_THINK_END)
    return inside.strip(), rest


def _hermes(text: str) -> tuple[str, tuple[JsonObject, ...]]:
    calls = tuple(_call(match[1]) for match in _HERMES.finditer(text))
    return _HERMES.sub("", text), calls


def _llama(text: str) -> tuple[str, tuple[JsonObject, ...]]:
    """One object with `name`, or several between semicolons. Other text that begins with a brace is text."""
    match = _LLAMA.match(text)
    if match is None or '"name"' not in match[1]:
        return text, ()
    return "", tuple(_call(piece) for piece in re.split(r";\s*(?=\{)", match[1]))


def _mistral(text: str) -> tuple[str, tuple[JsonObject, ...]]:
    said, *pieces = text.split("[TOOL_CALLS]")
    return said, tuple(call for piece in pieces for call in _mistral_calls(piece))


def _mistral_calls(text: str) -> tuple[JsonObject, ...]:
    if named := _MISTRAL_NAMED.match(text):
        return (_function(named[1], named[2]),)
    try:
        listed = read_json(text)
    except ValueError:
        return (_call(text),)
    items = cast("list[Any]", listed) if isinstance(listed, list) else [listed]
    return tuple(_of_record(item) for item in items)


def _call(text: str) -> JsonObject:
    try:
        record = read_json(text.strip())
    except ValueError:
        return _unreadable(text)
    return _of_record(record)


def _of_record(record: Any) -> JsonObject:
    if not isinstance(record, dict) or not isinstance(cast("JsonObject", record).get("name"), str):
        return _unreadable(str(record))
    fields = cast("JsonObject", record)
    return _function(fields["name"], fields.get("arguments", fields.get("parameters")))


def _unreadable(text: str) -> JsonObject:
    """A call of the one tool there is, with nothing in it that could be searched for."""
    function = {"name": "search", "arguments": {MALFORMED_ARGUMENTS: storable(text.strip())}}
    return {"id": None, "type": "function", "function": function}


def _function(name: str, arguments: Any) -> JsonObject:
    return {
        "id": None,
        "type": "function",
        "function": {"name": name, "arguments": read_arguments(arguments)},
    }


_READERS: dict[CallFormat, Callable[[str], tuple[str, tuple[JsonObject, ...]]]] = {
    "hermes": _hermes,
    "llama": _llama,
    "mistral": _mistral,
}
