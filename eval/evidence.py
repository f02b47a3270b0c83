"""What `gold_evidence` hands over with each question: the passages that it rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..builder.errors import DataError, Problem
from ..builder.prompts import passages_text
from ..builder.questions import TypedQuestion
from ..builder.retrieval.by_title import Titled, passages_titled
from ..builder.retrieval.retriever import Retriever
from ..builder.schema import Hit, Passage

RECORDS = "records"
"""The corpus of passages that the questions' own records bring."""


@dataclass(frozen=True, slots=True)
class NoSearch:
    """A search engine that finds nothing, for a model that has no tool. Its names tell rows apart."""

    name: str = "none"
    corpus: str = "none"

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """Nothing for each query."""
        return [[] for _ in queries]


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The passages by question id, as the model reads them, and where they are from.

    Questions without known support, or of which a supporting title has no passage, are not in `texts`:
    `left_out` counts them.
    """

    texts: Mapping[str, str]
    source: NoSearch
    left_out: int


def hand_over(questions: Sequence[TypedQuestion], engine: Callable[[], Retriever], most: int) -> HandedOver:
    """The supporting passages of the questions: those that the records bring, else at most `most` of each
    supporting title out of the index.

    Raises:
        DataError: no question has any.
        RetrieverError: the search engine failed.
    """
    if any(one.passages for one in questions):
        found, source = {one.question.question_id: one.passages for one in questions}, NoSearch(*_OF_RECORDS)
    else:
        retriever = engine()
        titles = [title for one in questions for title in one.question.supporting_titles or ()]
        titled = passages_titled(retriever, titles, most)
        found = {one.question.question_id: _of_titles(one, titled) for one in questions}
        source = NoSearch(f"gold-evidence:titles,most={most}", retriever.corpus)
    whole = [one for one in questions if _is_whole(one, found[one.question.question_id])]
    if not whole:
        rule = "must name supporting titles whose passages are in the index, or bring passages"
        value = f"{len(questions):,} questions without"
        raise DataError(str(Problem("gold_evidence", rule, value, "Leave this mode out for them.")))
    texts = {one.question.question_id: passages_text(found[one.question.question_id]) for one in whole}
    return HandedOver(texts, source, len(questions) - len(whole))


_OF_RECORDS = (f"gold-evidence:{RECORDS}", RECORDS)


def _of_titles(one: TypedQuestion, titled: Titled) -> tuple[Passage, ...]:
    titles = dict.fromkeys(one.question.supporting_titles or ())
    return tuple(passage for title in titles for passage in titled.get(title, ()))


def _is_whole(one: TypedQuestion, passages: Sequence[Passage]) -> bool:
    """Whether every supporting title has a passage."""
    titles = set(one.question.supporting_titles or ())
    return bool(passages) and titles <= {passage.title for passage in passages}
