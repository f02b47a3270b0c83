"""What a reader should not take from the dataset, as far as its own numbers show it."""

from __future__ import annotations

from collections.abc import Iterator

from ..builder.manifest import RAW
from ..filters.ablation_types import Design, Target
from .about import About
from .facts import Facts
from .label_facts import AnnotatorFacts
from .markdown import code

UNKNOWN = "unknown"
"""What a licence is called that a source does not state, as on the Hub."""
_ORIGIN = ("teacher", "prompt_id", "retriever", "corpus")


def limitations(facts: Facts, about: About) -> tuple[str, ...]:
    """One sentence or two for each, in Markdown."""
    return (
        *_simulation(facts),
        *_scores(facts),
        *_truth(facts),
        *_overlap(facts),
        *_searching(facts),
        *_origin(facts, about),
    )


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
        yield f"At most {labelled:,} of {facts.rows:,} rows were checked by one annotator."
    for entry in facts.annotators:
        yield from _label(entry)


def _label(entry: AnnotatorFacts) -> Iterator[str]:
    name = code(entry.annotator)
    if entry.design is Design.UNKNOWN:
        yield (
            f"How {name} chose the rows to label is not known. Rates and intervals hold for the whole only "
            "if they were drawn at random."
        )
    if entry.target is Target.CORRECT:
        yield f"{name} did not say whether rows are grounded: rates say how many answers are wrong, no more."
    elif entry.open:
        yield f"{entry.open:,} of the {entry.rows:,} labels by {name} leave open whether the row is grounded."


def _overlap(facts: Facts) -> Iterator[str]:
    if facts.overlap is None:
        yield "Questions were not compared with evaluation sets: rows may ask what a benchmark asks."
    elif facts.overlap.contaminated is None:
        yield "Questions were not compared with evaluation sets, only with each other."
    elif rows := facts.overlap.contaminated[RAW]:
        yield (
            f"{rows:,} of {facts.rows:,} rows ask what an evaluation set asks (`contaminated`): a model "
            "trained on them cannot be evaluated on it."
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
    if facts.questions_licence == UNKNOWN:
        yield "The source of the questions states no licence for them."
    elif facts.questions_licence is not None:
        yield (
            f"The questions are under {code(facts.questions_licence)}, as their source states; it may bind "
            "what is made of them."
        )
    if about.licence is None:
        yield "No licence is stated. Ask the owner before using the data."


def _rows(number: int, facts: Facts) -> str:
    if number == facts.rows:
        return "All rows are"
    return f"{number:,} of {facts.rows:,} rows {'is' if number == 1 else 'are'}"
