"""What a text claims that can be looked up: names, numbers, dates; and whether it stands in other texts.

A name is a run of capitalised words; one capitalised word that opens a sentence may be a plain word and is
passed over, and so is the first word of a name that opens one. A number has three digits or more, for smaller
ones count and enumerate. That suits English and languages like it. The words of a name count one by one: a
query strings names together, and people are called by a part of theirs. Words are compared in lower case
without accents, articles and possessive endings.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
    "|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_DATE = rf"\b(?:{_DAY} (?:{_MONTHS})\.?,? \d{{3,4}}|(?:{_MONTHS})\.? {_DAY},? \d{{3,4}})\b"
_NUMBER = r"\b\d[\d,]*\d\d(?:\.\d+)?\b"
_CAPITAL = r"[^\W\d_a-zß-öø-ÿ][\w'’.&-]*\w|[^\W\d_a-zß-öø-ÿ]\."
_NAME = rf"\b(?:{_CAPITAL})(?:(?: (?:of|the|de|von|van|der|la|al))* (?:(?:{_CAPITAL})|\d{{1,4}}\b))*"
_CLAIM = re.compile(f"(?P<date>{_DATE})|(?P<name>{_NAME})|(?P<number>{_NUMBER})")
_SENTENCE_START = re.compile(r"(?:^|[.!?:;*\"“(]\s*|\n\s*)$")
_COMMON = frozenset(
    (
        *("i", "ll", "ve", "m", "d", "ok", "okay", "step", "wikipedia", "search", "yes"),
        *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        *map(str.lower, _MONTHS.split("|")),
    )
)
_ARTICLES = frozenset(("a", "an", "the"))
_WORD = re.compile(r"\w+")
_POSSESSIVE = re.compile(r"['’]s\b|['’](?=\s|$)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")
_ORDINAL = re.compile(r"\b(\d+)(?:st|nd|rd|th)\b")
_LOOSE = 2
"""Other words that may stand between the words of a name: Barack Hussein Obama is Barack Obama."""


def words(text: str) -> list[str]:
    """The words that are compared, in order."""
    plain = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    plain = _ORDINAL.sub(r"\1", _THOUSANDS.sub("", _POSSESSIVE.sub("", plain)))
    return [word for word in _WORD.findall(plain) if word not in _ARTICLES]


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that can be looked up, and the words that have to stand somewhere, together or each alone."""

    text: str
    words: tuple[str, ...]
    together: bool


def claims(text: str) -> list[Claim]:
    """The names, numbers and dates of a text, in order."""
    found = (_claim(match, text) for match in _CLAIM.finditer(text))
    return [claim for claim in found if claim.words]


def _claim(match: re.Match[str], text: str) -> Claim:
    said = match[0]
    if match.lastgroup == "date":
        return Claim(said, tuple(words(said)), together=True)
    if match.lastgroup == "name" and _opens_a_sentence(match, text):
        said = said.partition(" ")[2]
    looked_up = (word for part in said.split() if _counts(part) for word in words(part))
    return Claim(said, tuple(word for word in looked_up if word not in _COMMON), together=False)


def _opens_a_sentence(match: re.Match[str], text: str) -> bool:
    return _SENTENCE_START.search(text[max(0, match.start() - 8) : match.start()]) is not None


def _counts(part: str) -> bool:
    """Whether a part of a name is one of its proper words: not of or the, not a small number."""
    return len(part) > 2 and not part.islower()


class Texts:
    """Texts in which claims are looked up."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._words: list[str] = []
        self._places: dict[str, list[int]] = {}
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """One more text."""
        # No name goes over the end of a text.
        self._words += [""] * (_LOOSE + 1)
        for word in words(text):
            self._places.setdefault(word, []).append(len(self._words))
            self._words.append(word)

    def __bool__(self) -> bool:
        return bool(self._places)

    def has(self, value: str) -> bool:
        """Whether the words of a value stand near each other in any order; a value without words does."""
        wanted = words(value)
        if not wanted:
            return True
        if any(word not in self._places for word in wanted):
            return False
        if len(wanted) == 1:
            return True
        rarest = min(wanted, key=lambda word: len(self._places[word]))
        reach = len(wanted) + _LOOSE
        return any(self._near(place, reach, wanted) for place in self._places[rarest])

    def __contains__(self, word: str) -> bool:
        return word in self._places

    def _near(self, place: int, reach: int, wanted: Sequence[str]) -> bool:
        """Whether some `reach` words around a place hold all the wanted ones."""
        needed = set(wanted)
        return any(
            needed <= set(self._words[start : start + reach])
            for start in range(max(0, place - reach + 1), place + 1)
        )
