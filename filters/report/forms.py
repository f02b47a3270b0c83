"""How values look in a report: shares, intervals, counts, text from the data, and why a value is missing."""

from __future__ import annotations

import unicodedata

from ..ablation_types import Ablation, Design, Estimate, RecipeResult

UNKNOWN = "–"
"""Stands where nothing is known; the reason stands beside it."""

NO_VERDICT = "no verdict"
"""Why nothing can be said of a recipe: what it reads is null everywhere."""

NOT_LABELLED = "no row is labelled"
"""Why nothing can be said of what is wrong."""

_PICTURES = 0x2400
"""U+2400 and on: the pictures of the control characters, in their order."""
_DELETE = "\x7f"
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Invisible characters that turn the direction of the text around them."""


def clean(text: object) -> str:
    """Text on one line with every control character made visible: nothing in it can steer a terminal, end a
    line or turn the order of what stands around it. What no file can hold becomes U+FFFD."""
    return "".join(_visible(character) for character in " ".join(str(text).split()))


def _visible(character: str) -> str:
    if character in _TURNS or not _is_character(character):
        return "\ufffd"
    if unicodedata.category(character) != "Cc":
        return character
    if character == _DELETE:
        return "\u2421"
    return chr(_PICTURES + ord(character)) if character < " " else "\ufffd"


def _is_character(character: str) -> bool:
    """Whether Unicode allows it in text: no half of a pair and none of the 66 noncharacters."""
    number = ord(character)
    noncharacter = number & 0xFFFE == 0xFFFE or 0xFDD0 <= number <= 0xFDEF
    return not noncharacter and unicodedata.category(character) != "Cs"


def cut(text: str, width: int) -> str:
    """The text, with an ellipsis for what is over `width` characters."""
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def count(value: int | None) -> str:
    """A number of things, with separators."""
    return UNKNOWN if value is None else f"{value:,}"


def percent(share: float | None) -> str:
    """A share with one decimal."""
    return UNKNOWN if share is None else f"{share:.1%}"


def decimal(value: float | None) -> str:
    """A number with two decimals."""
    return UNKNOWN if value is None else f"{value:,.2f}"


def plain(value: float) -> str:
    """A parameter's value: no digits that say nothing."""
    return f"{value:.12g}"


def interval(estimate: Estimate) -> str:
    """`low–high` in percent; nothing where the share is exact or not known."""
    if estimate.value is None:
        return ""
    if estimate.low is None or estimate.high is None:
        return "no interval"
    if estimate.low == estimate.value == estimate.high:
        return ""
    return f"{estimate.low * 100:.1f}–{estimate.high * 100:.1f}"


def complement(estimate: Estimate) -> Estimate:
    """The share of the others: precision from FDR."""
    return Estimate(
        value=_rest(estimate.value),
        low=_rest(estimate.high),
        high=_rest(estimate.low),
        labelled=estimate.labelled,
    )


def _rest(share: float | None) -> float | None:
    return None if share is None else 1 - share


def why_unknown(ablation: Ablation, result: RecipeResult, among: str) -> str:
    """Why a share over labelled rows cannot be told; `among` says what its denominator counts."""
    if not result.scored:
        return NO_VERDICT
    if ablation.design is Design.NONE:
        return NOT_LABELLED
    if not result.labelled:
        return "no row of the source is labelled"
    return f"no labelled row {among}"


def why_nothing_kept(result: RecipeResult) -> str:
    """Why there is no mean over the kept rows."""
    if not result.scored:
        return NO_VERDICT
    return "not recorded" if result.accepted else "no row kept"
