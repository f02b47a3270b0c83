"""What a reader should not take from the dataset, as far as its own numbers show it."""

from __future__ import annotations

from collections.abc import Iterator

from .about import About
from .facts import Facts

_ORIGIN = ("teacher", "prompt_id", "retriever", "corpus")


def limitations(facts: Facts, about: About) -> tuple[str, ...]:
    """One sentence or two for each, in Markdown."""
    return (*_simulation(facts), *_scores(facts), *_truth(facts), *_searching(facts), *_origin(facts, about))


def _simulation(facts: Facts) -> Iterator[str]:
    if facts.simulated:
        yield (
            "The data is simulated: a program made questions and passages. "
            "No number here says how a model does on real ones."
        )


def _scores(facts: Facts) -> Iterator[str]:
    if unscored := facts.unknown("f1"):
        yield (
            f"{_rows(unscored, facts)} unscored: the rollout broke, the source could not be read, or no gold "
            "answer is known. `f1_only` and `f1_search` do not accept them."
        )
    if facts.measures["f1"].known:
        yield (
            "F1 counts shared words. A wrong date or number that shares its words with the gold answer "
            "scores high, a right answer in other words low."
        )


def _truth(facts: Facts) -> Iterator[str]:
    labelled = max((entry.rows for entry in facts.annotators), default=0)
    if not labelled:
        yield "No row was checked by an annotator, so how much of a split is wrong is not known."
    elif labelled < facts.rows:
        yield (
            f"At most {labelled:,} of {facts.rows:,} rows were checked by one annotator. Rates against "
            "labels are over those rows only and not weighted for how they were drawn."
        )


def _searching(facts: Facts) -> Iterator[str]:
    if failed := facts.measures["n_failed_searches"].total:
        searches = facts.measures["n_searches"].total or 0
        yield f"{failed:,.0f} of {searches:,.0f} searches came back with an error."
    if unknown := facts.unknown("evidence_recall"):
        yield (
            f"{_rows(unknown, facts)} without known supporting titles: whether all the evidence was "
            "retrieved cannot be told there."
        )


def _origin(facts: Facts, about: About) -> Iterator[str]:
    for column in _ORIGIN:
        if unknown := facts.unknown(column):
            yield f"{_rows(unknown, facts)} without a known `{column}`: the source does not say."
    if about.licence is None:
        yield "No licence is stated. Ask the owner before using the data."


def _rows(number: int, facts: Facts) -> str:
    if number == facts.rows:
        return "All rows are"
    return f"{number:,} of {facts.rows:,} rows {'is' if number == 1 else 'are'}"
