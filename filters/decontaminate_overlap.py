"""Overlap of a question with evaluation questions: the same words, or long runs of words in common.

A word of an evaluation question is matched when it stands in an n-gram that the other question has too; the
overlap is the share of its words that one other question matches (Lambert et al. 2024, Tülu 3, section 3.2).
n = 8 and 70 % are what PaLM (Chowdhery et al. 2022, section 8) calls contaminated. Two more rules are from
GPT-3 (Brown et al. 2020, section 4 and appendix C): an evaluation question shorter than n is matched where
it stands in the other as a whole, and an n-gram in more than ten questions is a phrase ("who is the mother of
the director of the film"), not a question, and counts for nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from .decontaminate_sets import EvaluationSet
from .decontaminate_words import words

COMMON = 10
"""An n-gram in more questions than this, of one evaluation set or of the dataset, is a phrase."""

Kind = Literal["exact", "ngram"]

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """The evaluation question of one set that a question overlaps with most. `overlap` is in (0, 1]."""

    set: str
    kind: Kind
    overlap: float
    question: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """An evaluation question with its words and the name of its set."""

    set: str
    question: str
    said: Words


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a gram stands: the entry's index, its first word's, and its number of words."""

    entry: int
    start: int
    length: int


class OverlapIndex:
    """The evaluation questions' n-grams. Memory grows with the evaluation sets, not with the dataset."""

    def __init__(self, sets: Sequence[EvaluationSet], n: int) -> None:
        self._entries = [
            _Entry(entry.name, question, said)
            for entry in sets
            for question in entry.questions
            if (said := words(question))
        ]
        self._exact: dict[Words, list[int]] = defaultdict(list)
        places: dict[Words, list[_Place]] = defaultdict(list)
        for index, entry in enumerate(self._entries):
            self._exact[entry.said].append(index)
            for start, gram in _grams(entry.said, min(n, len(entry.said))):
                places[gram].append(_Place(index, start, len(gram)))
        kept = [(gram, found) for gram, found in places.items() if not self._is_phrase(found)]
        self._numbers = {gram: number for number, (gram, _) in enumerate(kept)}
        self._places = [found for _, found in kept]
        self._lengths = sorted({len(gram) for gram in self._numbers})

    def _is_phrase(self, places: Iterable[_Place]) -> bool:
        """Whether a gram stands in too many differently worded questions of one set."""
        entries = (self._entries[place.entry] for place in places)
        counts = Counter(name for name, _ in {(entry.set, entry.said) for entry in entries})
        return max(counts.values()) > COMMON

    def grams(self, said: Words) -> tuple[int, ...]:
        """Numbers of the question's n-grams, and shorter runs, that stand in an evaluation question too."""
        runs = (gram for length in self._lengths for _, gram in _grams(said, length))
        numbers = (self._numbers.get(gram) for gram in runs)
        return tuple(dict.fromkeys(number for number in numbers if number is not None))

    def matches(self, said: Words, grams: Iterable[int]) -> list[Match]:
        """The best match in every set that shares anything, the best first, then in the order of the sets.

        `grams` are those of `grams` that are no mere phrases.
        """
        exact = self._exact.get(said, ())
        shares = self._shares(grams) | dict.fromkeys(exact, 1.0)
        best: dict[str, Match] = {}
        for index, share in sorted(shares.items()):
            entry = self._entries[index]
            match = Match(entry.set, "exact" if index in exact else "ngram", share, entry.question)
            if entry.set not in best or _rank(match) > _rank(best[entry.set]):
                best[entry.set] = match
        return sorted(best.values(), key=_rank, reverse=True)

    def _shares(self, grams: Iterable[int]) -> dict[int, float]:
        """Evaluation question to the share of its words that stand in one of the grams; words are bits."""
        covered: dict[int, int] = defaultdict(int)
        for gram in grams:
            for place in self._places[gram]:
                covered[place.entry] |= ((1 << place.length) - 1) << place.start
        return {index: bits.bit_count() / len(self._entries[index].said) for index, bits in covered.items()}


def _grams(said: Words, length: int) -> Iterator[tuple[int, Words]]:
    return ((start, said[start : start + length]) for start in range(len(said) - length + 1))


def _rank(match: Match) -> tuple[bool, float]:
    return match.kind == "exact", match.overlap


def overlaps(index: OverlapIndex, questions: Sequence[Words]) -> Iterator[list[Match]]:
    """The matches of every question (distinct, as words), in order."""
    shared = [index.grams(said) for said in questions]
    counts = Counter(gram for grams in shared for gram in grams)
    phrases = {gram for gram, count in counts.items() if count > COMMON}
    for said, grams in zip(questions, shared, strict=True):
        yield index.matches(said, (gram for gram in grams if gram not in phrases))
