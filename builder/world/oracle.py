"""Exact labels for rows about the demo world, from the world and the transcript alone.

correct    the answer, normalised, equals a gold answer (exactly, no F1); one of the forms that the simulated
           teacher puts around an answer ("It was X.") does not make it wrong.
grounded   every fact of the gold chain (of both branches for a comparison) stood in retrieved text before it
           was used. A fact stood there when its sentence stood verbatim, under its subject's title, in an
           observation. It is used where its value first appears in a query of the model (not as part of
           another entity's longer name), at the latest by the answer. Without an answer: not grounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..errors import DataError, Problem
from ..prompts import parse_turn
from ..schema import Label, Row
from ..scoring import normalise
from .evidence import Evidence
from .pages import Fact
from .speech import ANSWER_FORMS
from .world import World

ANNOTATOR = "oracle"

_LONGEST_NAME = 8
"""Words that a longer name can have on either side of a shorter one; names are shorter than that."""


def oracle_labels(world: World, rows: Iterable[Row]) -> Iterator[Label]:
    """One label per row, in order. `labelled_at` is the row's own time, so that labels are repeatable.

    Raises:
        DataError: a row's question is not one of this world's.
    """
    for row in rows:
        if row.question.question_id not in world.chains:
            rule = "must be a question of the demo world that labels it"
            problem = Problem(
                "question_id", rule, row.question.question_id, "Use the world it was made with."
            )
            raise DataError(str(problem))
        correct, unfounded = is_correct(row), ungrounded_facts(world, row)
        note = _note(correct, unfounded)
        yield Label(row.id, ANNOTATOR, correct, not unfounded, note, row.provenance.created_at)


def is_correct(row: Row) -> bool:
    """Whether the answer is a gold answer, exactly."""
    answer = row.outcome.answer
    return answer is not None and states_gold(answer, row.question.gold_answers)


def states_gold(answer: str, golds: Sequence[str]) -> bool:
    """Whether an answer, normalised, is a gold answer in one of the forms that the teacher gives it."""
    forms = ("{v}", *ANSWER_FORMS)
    return normalise(answer) in {normalise(form.format(v=gold)) for form in forms for gold in golds}


def ungrounded_facts(world: World, row: Row) -> list[Fact]:
    """The facts of the gold chain that had not been retrieved when they were used."""
    facts = world.facts_of(row.question.question_id)
    if row.outcome.answer is None:
        return list(facts)
    evidence = Evidence.of(row.conversation.messages)
    queries = _queries(row)
    return [fact for fact in facts if not _found_in_time(world, fact, evidence, queries)]


def _found_in_time(world: World, fact: Fact, evidence: Evidence, queries: Sequence[tuple[int, str]]) -> bool:
    found = evidence.first_turn(fact)
    if found is None:
        return False
    used = next((turn for turn, query in queries if _mentions(world, query, fact)), None)
    return used is None or found < used


def _queries(row: Row) -> list[tuple[int, str]]:
    """The model's queries, normalised, each with the position of its message."""
    conversation = row.conversation
    return [
        (turn, normalise(call.query))
        for turn, message in enumerate(conversation.messages)
        if message.is_model
        for call in parse_turn(message, conversation.grammar).calls
        if call.query
    ]


def _mentions(world: World, query: str, fact: Fact) -> bool:
    """Whether a normalised query speaks of the fact's value, rather than of something with a longer name."""
    own = {normalise(name) for name in world.names_of_value(fact)}
    words = query.split()
    return any(
        " ".join(words[start:stop]) in own and not _within_longer(world, words, (start, stop), own)
        for start in range(len(words))
        for stop in range(start + 1, len(words) + 1)
    )


def _within_longer(world: World, words: Sequence[str], span: tuple[int, int], own: set[str]) -> bool:
    """Whether the span is part of a longer name of another entity ("Orvel" in "North Orvel")."""
    start, stop = span
    longer = (
        " ".join(words[first:last])
        for first in range(max(0, start - _LONGEST_NAME), start + 1)
        for last in range(stop, min(len(words), stop + _LONGEST_NAME) + 1)
        if (first, last) != span
    )
    return any(name in world.normalised_names and name not in own for name in longer)


def _note(correct: bool, unfounded: Sequence[Fact]) -> str | None:
    """What is wrong, in words; None where nothing is."""
    parts = [] if correct else ["answer differs from gold"]
    parts += [f"not retrieved before use: {fact.relation} of {fact.subject}" for fact in unfounded]
    return "; ".join(parts) or None
