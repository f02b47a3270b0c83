"""From a judge's reply to its verdict. What cannot be read for certain is no verdict: unscored, never false.

Read as meant: the verdict in any case ("TRUE", " Correct."), JSON booleans, keys in any case, one code fence
around the object, thinking before it up to `</think>`. Not read: prose, an object somewhere in prose (it may
be a quotation of the data), a missing verdict, the same key twice with different values, JSON cut short.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from ..builder.chat.model import Completion
from ..builder.errors import shorten
from ..builder.schema import JsonObject
from ..builder.storable import storable

YES = frozenset({"correct", "true", "yes", "right"})
NO = frozenset({"incorrect", "false", "no", "wrong"})

SCHEMA: JsonObject = {
    "title": "verdict",
    "type": "object",
    "properties": {
        "rationale": {"type": "string", "description": "The reasons, in one to three sentences."},
        "verdict": {"type": "string", "enum": ["correct", "incorrect"]},
        "confidence": {"type": "number", "description": "How sure the verdict is, from 0 to 1."},
    },
    "required": ["rationale", "verdict", "confidence"],
    "additionalProperties": False,
}
"""What is asked for. Reasons come first, so that the verdict follows from them. Only keywords that OpenAI's
strict mode and vLLM both take: no lengths, no ranges."""

_FENCE = re.compile(r"\A```(?:json)?[ \t]*\n(.*)\n[ \t]*```\Z", re.DOTALL | re.IGNORECASE)
_EDGES = " \t\r\n.!\"'*`"


class UnreadableVerdictError(ValueError):
    """A reply in which no verdict stands for certain; the message says why."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply says. Without a verdict `rationale` says why there is none, and quotes the reply."""

    verdict: bool | None
    score: float | None = None
    rationale: str | None = None


def read_verdict(completion: Completion) -> Reading:
    """The verdict of a reply; None in it where the reply cannot be read."""
    text = completion.message.content
    try:
        return _read(text)
    except ValueError as error:  # json's own too: an integer of thousands of digits
        cut = "cut at the token limit (--max-tokens), " if completion.finish_reason == "length" else ""
        return Reading(None, None, f"unreadable reply: {cut}{error}; it says {shorten(text, 300)}")


def reply_fields(text: str) -> dict[str, Any]:
    """The one JSON object that a reply is, keys in small letters, after thinking and in a fence or not.

    Raises:
        ValueError: it is not that, or says two things under one key.
    """
    body = text.strip()
    if not body.startswith("{"):
        body = body.rpartition("</think>")[2].strip()
    fence = _FENCE.match(body)
    return _object(fence[1] if fence else body)


def _read(text: str) -> Reading:
    fields = reply_fields(text)
    if "verdict" not in fields:
        raise UnreadableVerdictError("no key 'verdict'")
    rationale = fields.get("rationale")
    return Reading(
        _verdict(fields["verdict"]),
        _share(fields.get("confidence")),
        storable(rationale) if isinstance(rationale, str) else None,
    )


def _object(body: str) -> dict[str, Any]:
    if not body:
        raise UnreadableVerdictError("it is empty")
    try:
        value = json.loads(body, object_pairs_hook=tuple)  # every object as its pairs, repeats kept
    except json.JSONDecodeError as error:
        raise UnreadableVerdictError(f"no JSON ({error.msg} at character {error.pos})") from error
    except RecursionError as error:
        raise UnreadableVerdictError("JSON nested too deeply") from error
    if not isinstance(value, tuple):
        raise UnreadableVerdictError("no JSON object")
    return _distinct(cast("tuple[tuple[str, Any], ...]", value))


def _distinct(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Keys without case. In most parsers the last of two values wins; here they contradict each other."""
    fields: dict[str, Any] = {}
    for name, value in pairs:
        key = name.strip().casefold()
        if key in fields and fields[key] != value:
            raise UnreadableVerdictError(f"two values for the key {key!r}")
        fields[key] = value
    return fields


def _verdict(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip(_EDGES).casefold() if isinstance(value, str) else None
    if word in YES:
        return True
    if word in NO:
        return False
    raise UnreadableVerdictError(f"the verdict is {shorten(value, 60)}, neither correct nor incorrect")


def _share(value: object) -> float | None:
    """A number in [0, 1]; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and 0 <= value <= 1 else None
