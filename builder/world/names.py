"""Invented names: words put together from syllables, names put together from words, and look-alikes of names.

A `Namer` hands out names that are unique within their kind after `scoring.normalise`, so that a name and a
kind always mean one entity. Names of different kinds may coincide ("Orvel", a town and a film).
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from ..scoring import normalise
from .wording import Kind


def _words(text: str) -> list[str]:
    return text.split()


_ONSETS = _words("""
    b br ch d dr f fl g gr h j k kl l m n p pr r s sk sl sn st t th tr v vr w y z
""")
_VOWELS = _words("a a a e e e i i o o u ae ei ou")
_JOINTS = ["", "", *_words("l n r s m")]
_INNER = _words("b d dr f g j k l m n p r s st t th v z")
_CODAS = ["", *_words("l n r s m k v x rn ld lt nd nt rk sk sh th")]
_TOWN_ENDS = _words("ton wick mere holm gate ford stead by mouth berg ham del av esk in or")
_COUNTRY_ENDS = _words("ia land ara mark onia ur eth una istal avia")
_SIDES = _words("North South Upper New Old Little")
_ADJECTIVES = _words("""
    Amber Silent Broken Crooked Distant Empty Faded Gilded Hollow Idle Jagged Kindly Lonely Marble Narrow
    Open Painted Quiet Ragged Salted Tender Unlit Velvet Wandering Yellow Borrowed Copper Drowned Early
    Frozen Golden Hidden Ivory Last Mended Noble Orange Pale Restless Second Tin Vanished Winter Young
""")
_NOUNS = _words("""
    Orchard Harbour Lantern Ledger Meadow Window Bridge Kettle Garden Mirror Anchor Bell Candle Door Engine
    Feather Glove Hammer Island Jar Kite Ladder Mill Needle Oar Pillar Quarry River Saddle Tower Umbrella
    Valley Wheel Yard Almanac Bonfire Carriage Drum Envelope Ferry Guest Hour Journey Keeper Letter Market
""")
_TRADES = _words("Glass Textile Copper Paper Railway Timber Salt Clock Brick Wool Steam Sugar Ink Lamp Cable")
_FIRMS = _words("Works Company Brothers Mills Trading Foundry House Union")
_SCHOOLS = _words("University Institute College Academy")
_SCHOOL_OF = ("University of {}", "Royal University of {}", "{} University", "{} Institute", "{} College")


def invented_word(rng: Random, syllables: int = 2) -> str:
    """A pronounceable capitalised word of one syllable (four letters or more) or two (five or more)."""
    while True:
        parts = [rng.choice(_ONSETS), rng.choice(_VOWELS)]
        if syllables == 2:
            parts += [rng.choice(_JOINTS), rng.choice(_INNER), rng.choice(_VOWELS)]
        word = "".join(parts) + rng.choice(_CODAS)
        if len(word) >= 3 + syllables:
            return word.capitalize()


def near_spelling(rng: Random, word: str) -> str:
    """The word with one inner letter exchanged for another of its class (vowel or consonant)."""
    place = rng.randrange(1, len(word))
    letters = "aeiou" if word[place] in "aeiouy" else "bdfgklmnprstvz"
    return word[:place] + rng.choice(letters.replace(word[place], "")) + word[place + 1 :]


class Namer:
    """Hands out names, each unique within its kind; all randomness comes from `rng`."""

    def __init__(self, rng: Random, people: int) -> None:
        self._rng = rng
        self._taken: set[tuple[str, str]] = set()
        self._given = self._pool(max(24, min(700, people // 5)))
        self._family = self._pool(max(16, people // 7))

    def name(self, kind: Kind) -> str:
        """A new name of a kind."""
        return self._unused(kind, lambda: _MAKERS[kind](self))

    def take(self, kind: Kind, name: str) -> bool:
        """Claim a name; False if that kind has it already."""
        key = (kind, normalise(name))
        if key in self._taken:
            return False
        self._taken.add(key)
        return True

    def look_alike(self, kind: Kind, name: str) -> str:
        """A new name of a kind that shares most of its words or letters with `name`."""
        return self._unused(kind, lambda: self._varied(kind, name))

    def alias(self, kind: Kind, name: str) -> str | None:
        """Another name of the same entity: a pen name, an old name, a short form; None where it is taken."""
        if kind == "company":
            alias = name.rpartition(" ")[0]
        elif kind == "university":
            alias = f"{invented_word(self._rng)} Hall"
        else:
            alias = _MAKERS[kind](self)
        return alias if self.take(kind, alias) else None

    def person(self) -> str:
        """Given name, sometimes a middle one, family name."""
        middle = [self._choice(self._given)] if self._rng.random() < 0.4 else []
        return " ".join([self._choice(self._given), *middle, self._choice(self._family)])

    def town(self) -> str:
        """One word, mostly with a place-name ending."""
        return invented_word(self._rng, self._rng.choice((1, 2, 2))) + self._choice(_TOWN_ENDS)

    def country(self) -> str:
        """One word with a country-name ending."""
        return invented_word(self._rng) + self._choice(_COUNTRY_ENDS)

    def river(self) -> str:
        """`River` and a word."""
        return f"River {invented_word(self._rng)}"

    def work(self) -> str:
        """The title of a book or a film."""
        phrase = f"The {self._choice(_ADJECTIVES)} {self._choice(_NOUNS)}"
        word = invented_word(self._rng)
        noun = self._choice(_NOUNS)
        return self._choice(
            (f"{phrase} of {word}", f"The {noun} of {word}", phrase, f"{word} and the {noun}")
        )

    def company(self) -> str:
        """A family name or a word, a trade, a kind of firm."""
        owner = self._choice(self._family) if self._rng.random() < 0.6 else invented_word(self._rng)
        return f"{owner} {self._choice(_TRADES)} {self._choice(_FIRMS)}"

    def band(self) -> str:
        """An adjective or a word, and a plural."""
        plural = f"{self._choice(_NOUNS)}s"
        first = self._choice(_ADJECTIVES) if self._rng.random() < 0.3 else invented_word(self._rng)
        return f"The {first} {plural}"

    def university(self) -> str:
        """A word in one of the usual forms."""
        return self._choice(_SCHOOL_OF).format(invented_word(self._rng))

    def _varied(self, kind: Kind, name: str) -> str:
        words = name.split()
        if kind == "person":
            return self._varied_person(words)
        if kind in ("town", "country") and words[0] not in _SIDES and self._rng.random() < 0.5:
            return f"{self._choice(_SIDES)} {name}"
        if words[-1] in _LAST_WORDS.get(kind, ()) and self._rng.random() < 0.7:
            return " ".join([*words[:-1], self._choice(_LAST_WORDS[kind])])
        place = next((index for index, word in enumerate(words) if word not in _VOCABULARY), 1)
        words[place] = near_spelling(self._rng, words[place])
        return " ".join(words)

    def _varied_person(self, words: list[str]) -> str:
        words = words[: -1 if words[-1] == "Jr." else None]
        way = self._rng.random()
        if way < 0.5:
            return " ".join([words[0], self._choice(self._given), words[-1]])
        if way < 0.75:
            return " ".join([*words[:-1], near_spelling(self._rng, words[-1])])
        return " ".join([self._choice(self._given), *words[1:]])

    def _pool(self, size: int) -> list[str]:
        words: dict[str, None] = {}
        while len(words) < size:
            words[invented_word(self._rng)] = None
        return list(words)

    def _choice(self, options: list[str] | tuple[str, ...]) -> str:
        return options[int(self._rng.random() * len(options))]

    def _unused(self, kind: Kind, make: Callable[[], str]) -> str:
        while True:
            name = make()
            if self.take(kind, name):
                return name


_MAKERS: dict[Kind, Callable[[Namer], str]] = {
    "country": Namer.country,
    "town": Namer.town,
    "river": Namer.river,
    "person": Namer.person,
    "university": Namer.university,
    "company": Namer.company,
    "book": Namer.work,
    "film": Namer.work,
    "band": Namer.band,
}
_LAST_WORDS: dict[Kind, list[str]] = {
    "company": _FIRMS,
    "university": _SCHOOLS,
    "book": _NOUNS,
    "film": _NOUNS,
    "band": [f"{noun}s" for noun in _NOUNS],
}
_VOCABULARY = frozenset(
    [
        "The",
        "of",
        "and",
        "River",
        "Jr.",
        "Royal",
        *_SIDES,
        *_ADJECTIVES,
        *_NOUNS,
        *_TRADES,
        *_FIRMS,
        *_SCHOOLS,
    ]
)
