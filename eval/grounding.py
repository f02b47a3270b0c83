"""What a row says that it had no grounds for, found by walking through its conversation (`failures`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..builder.prompts import Turn, parse_turn
from ..builder.schema import Row
from ..builder.scoring import CLOSED_ANSWERS, memory_cues, model_texts, normalise
from .claims import Claim, Texts, claims, words

NO_ANSWER = frozenset(
    (
        *("", "unknown", "none", "na", "not found", "no answer", "no information", "i do not know"),
        *("i dont know", "dont know", "not available", "not specified", "not mentioned", "not provided"),
        *("not enough information", "insufficient information", "cannot be determined"),
        *("unable to determine", "information not available", "undetermined"),
    )
)
"""Answers, normalised, that claim nothing."""

_GUESS = re.compile(
    r"\b(?:likely|probably|presumably|perhaps|maybe|i guess|my (?:best )?guess|i assume|i suspect)\b",
    re.IGNORECASE,
)
_NO_STATEMENT = re.compile(
    r"\b(?:could ?n[o'’]t|could not|can ?not|can[’']t|did(?:n['’]t| not)|do(?:n['’]t| not)|unable"
    r"|no (?:\w+ )?information|i (?:will|need|should|want|have to)|i['’]ll|let me|let['’]s"
    r"|to (?:find|determine|identify|answer|solve))\b",
    re.IGNORECASE,
)
"""Words of plans, and of what was not found."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_CLAUSE = re.compile(r"(?<=[.!?])\s+|\n+|[;,]\s+(?:and|but|while|whereas|which|who|so)\b|;\s")
_PASSAGE = re.compile(r"\n\n+|^(?=[\[(]\d+[\])])", re.MULTILINE)
_PARTS = re.compile(r",\s|;|&|\band\b|\bor\b")


@dataclass(frozen=True, slots=True)
class _Known:
    """What the model was told and what it has read so far, as text and passage by passage."""

    told: Texts
    read: Texts = field(default_factory=Texts)
    passages: list[frozenset[str]] = field(default_factory=list[frozenset[str]])

    def add(self, observation: str) -> None:
        self.read.add(observation)
        self.passages.extend(frozenset(words(part)) for part in _PASSAGE.split(observation))

    def has(self, text: str) -> bool:
        """Whether a text stands there."""
        return self.told.has(text) or self.read.has(text)

    def knows(self, claim: Claim) -> bool:
        """Whether a claim stands there: a date as a whole, a name word by word."""
        if claim.together:
            return self.has(claim.text)
        return all(word in self.told or word in self.read for word in claim.words)

    def hold_together(self, found: list[Claim]) -> bool:
        """Whether one passage, or what the model was told, has all of the claims."""
        wanted = {word for claim in found for word in claim.words}
        return all(word in self.told for word in wanted) or any(wanted <= here for here in self.passages)


def claims_an_answer(row: Row) -> bool:
    """Whether there is an answer that says something."""
    answer = row.outcome.answer
    return answer is not None and normalise(answer) not in NO_ANSWER


def groundless(row: Row, *, strict: bool) -> str | None:
    """The first thing that the row says without grounds, in words; None where there is none.

    `strict` also asks that what a statement brings together stands together in one passage.
    """
    if cues := memory_cues(model_texts(row.conversation.messages)):
        return f"says that it speaks from memory: {cues[0]}"
    told = [m.content for m in row.conversation.messages if m.role == "user" and not m.is_observation]
    known = _Known(Texts([row.question.question, *told]))
    for message in row.conversation.messages:
        if message.is_observation:
            known.add(message.content)
        elif message.is_model:
            turn = parse_turn(message, row.conversation.grammar)
            if fault := next(_faults(turn, known, strict=strict), None):
                return fault
    answer = row.outcome.answer
    if answer is not None and claims_an_answer(row) and not _stands(answer, known):
        return f"the answer does not stand in what was read: {answer}"
    return None


def _faults(turn: Turn, known: _Known, *, strict: bool) -> Iterator[str]:
    """What a turn says without grounds, its queries first."""
    for query in (call.query or "" for call in turn.calls):
        yield from (
            f"searched for what stood nowhere: {it.text}" for it in claims(query) if not known.knows(it)
        )
    for text in (turn.reasoning or "", turn.text):
        yield from (f"said what stood nowhere: {it.text}" for it in claims(text) if not known.knows(it))
        yield from (f"says that it guesses: {it}" for it in _said(text, _SENTENCE, 1) if _GUESS.search(it))
        if strict and known.passages:
            found = (it for it in _said(text, _CLAUSE, 2) if not _NO_STATEMENT.search(it))
            yield from (
                f"said what no passage says: {it}" for it in found if not known.hold_together(claims(it))
            )


def _said(text: str, ends: re.Pattern[str], least: int) -> Iterator[str]:
    """The pieces of a text that are no questions and claim so much."""
    for piece in ends.split(text):
        if not piece.rstrip().endswith("?") and len(claims(piece)) >= least:
            yield piece.strip()


def _stands(answer: str, known: _Known) -> bool:
    """Whether an answer stands there: part by part where it is a list, or all that it claims where it is a
    sentence. Yes and no stand anywhere."""
    if normalise(answer) in CLOSED_ANSWERS or all(map(known.has, _PARTS.split(answer))):
        return True
    found = claims(f"it is {answer}")
    claimed = sum(len(claim.words) for claim in found)
    return 0 < claimed < len(words(answer)) and all(map(known.knows, found))
