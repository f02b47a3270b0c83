"""Foreign text made safe to print, with the answers in it marked.

Retrieved text and model text may hold escape sequences that move the cursor, recolour or retitle a terminal,
and marks that turn the direction of reading: each is shown as a visible sign instead. Nothing is ever read as
rich markup.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from rich.text import Text

from ..builder.scoring import CLOSED_ANSWERS, normalise

GOLD = "bold reverse green"
ANSWER = "bold underline yellow"
SUPPORT = "bold magenta"

_DIRECTION = dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)], "�")
_C0 = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "␡"}
_C1 = dict.fromkeys(range(0x80, 0xA0), "�")
_LINES = {0x0A: "\n", 0x2028: "\n", 0x2029: "\n", 0x09: "    "}
_VISIBLE = _C0 | _C1 | _DIRECTION | _LINES

_PUNCTUATION = re.escape(string.punctuation)
_WITHIN = f"[{_PUNCTUATION}]*+"
_BETWEEN = rf"(?:[\s{_PUNCTUATION}]++(?:an?|the)(?=[\s{_PUNCTUATION}]))*[\s{_PUNCTUATION}]++"


def visible(text: str) -> str:
    """The text with control characters as signs (`␛`), lines ended by `\\n` alone, and tabs as spaces."""
    return text.replace("\r\n", "\n").translate(_VISIBLE)


def on_one_line(text: str) -> str:
    """The text made safe, its white space folded."""
    return " ".join(visible(text).split())


def answer_pattern(answers: Sequence[str]) -> re.Pattern[str] | None:
    """Where one of the answers stands in a text, by the same reading as the scores: case, punctuation and
    articles aside, whole words. None where there is nothing to look for; yes and no are not looked for."""
    wanted = {normal for answer in answers if (normal := normalise(answer)) and normal not in CLOSED_ANSWERS}
    if not wanted:
        return None
    forms = "|".join(map(_form, sorted(wanted, key=len, reverse=True)))
    return re.compile(rf"(?<!\w)(?:{forms})(?!\w)", re.IGNORECASE)


def _form(normal: str) -> str:
    return _BETWEEN.join(_WITHIN.join(map(re.escape, word)) for word in normal.split())


def marked(text: str, golds: Sequence[str], answer: str | None) -> Text:
    """The text, safe to print, with the given answer and, over it, the gold answers marked."""
    shown = Text(visible(text))
    for pattern, style in (
        (answer_pattern([answer] if answer else []), ANSWER),
        (answer_pattern(golds), GOLD),
    ):
        if pattern is not None:
            shown.highlight_regex(pattern, style)
    return shown
