"""What the simulated teacher writes: each fact that it goes on, then what it needs or the answer.

The repetition is on purpose: small students learn the task from wording that restates what was found. It is
also the teacher's only notebook: `said_value` reads back what earlier turns settled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from random import Random
from typing import Literal

from .pages import called, possessive
from .wording import Relation, sentence

ANSWER_FORMS = (
    "It was {v}.",
    "The answer is {v}.",
    "{v}, according to the search results.",
    "That would be {v}.",
)
"""Forms around a short answer that some rollouts use; the content is the same."""


Why = Literal["need", "again", "check"]


class Source(Enum):
    """Where a belief comes from."""

    FOUND = "found in retrieved text"
    CUED = "memory, and says so"
    SILENT = "memory, unsaid"
    GUESSED = "guessed"
    SAID = "settled in an earlier turn"


_LEADS: Mapping[Source, Sequence[str]] = {
    Source.FOUND: ("{plain}.", "The results say that {plain}.", "Found: {plain}."),
    Source.CUED: (
        "I recall that {plain}.",
        "As far as I know, {plain}.",
        "If memory serves, {plain}.",
        "From memory, {plain}.",
        "I'm fairly sure that {plain}.",
    ),
    Source.SILENT: ("{plain}.", "Well, {plain}.", "So {plain}."),
    Source.SAID: ("{plain}.", "So {plain}."),
    Source.GUESSED: ("The results do not settle it; most likely {plain}.", "Perhaps {plain}."),
}
_HEADS = {lead.removesuffix("{plain}.") for leads in _LEADS.values() for lead in leads}
_BEFORE_A_FACT = (*filter(None, _HEADS), ". ", "? ")
_WHY: Mapping[Why, Sequence[str]] = {
    "need": ("Next: {ask}", "I need to find out: {ask}", "Open question: {ask}"),
    "again": ("The results do not help, so in other words: {ask}", "Nothing useful there. Once more: {ask}"),
    "check": ("Let me make sure: {ask}", "One more look: {ask}"),
}


def tell(source: Source, relation: Relation, subject: str, value: str, rng: Random) -> str:
    """A belief in a sentence that says, or hides, where it comes from."""
    plain = f"{_opening(relation, subject)}{value}"
    return sentence(rng.choice(_LEADS[source]), {"plain": plain})


def tell_plainly(source: Source, relation: Relation, subject: str, value: str) -> str:
    """The same in the first of its wordings, which is the bare fact where it was found."""
    return sentence(_LEADS[source][0], {"plain": f"{_opening(relation, subject)}{value}"})


def ask_plainly(relation: Relation, subject: str) -> str:
    """A query in plain style: the fact up to the value that is missing."""
    return _opening(relation, subject).strip()


def said_value(texts: Iterable[str], relation: Relation, subject: str) -> str | None:
    """The value that an earlier turn stated with `tell`, None where none did."""
    opening = _opening(relation, subject)
    for text in texts:
        # The first letter may have become a capital.
        place = text.find(opening[1:])
        while place > 0:
            before = text[: place - 1]
            if text[place - 1].lower() == opening[0].lower() and (
                not before or before.endswith(_BEFORE_A_FACT)
            ):
                return _first_sentence(text[place + len(opening) - 1 :])
            place = text.find(opening[1:], place + 1)
    return None


def announce(relation: Relation, subject: str, why: Why, rng: Random) -> str:
    """What the next search is for."""
    ask = relation.ask[0].format(x=called(relation.kind, subject))
    return rng.choice(_WHY[why]).format(ask=ask)


def _opening(relation: Relation, subject: str) -> str:
    """The plain fact up to its value, which comes last in all of them."""
    name = called(relation.kind, subject)
    return relation.plain.format(s=name, p=possessive(name), v="")


def _first_sentence(text: str) -> str:
    value = text.partition(". ")[0].removesuffix(".")
    return f"{value}." if value.endswith(" Jr") else value
