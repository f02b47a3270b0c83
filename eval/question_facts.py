"""What is known of questions beside the rows: type, hops, titles of the supporting passages.

From `questions.parquet` beside a dataset, or a file of one's own (JSON lines, JSON, CSV or Parquet) with any
of `question_id` or `question` to find the row by, and `type`, `hops`, `supporting_titles`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from ..builder.errors import DataError, Problem
from ..builder.schema import JsonObject
from ..builder.source_files import read_record_file

QUESTIONS = "questions.parquet"
_FACTS = ("type", "hops", "supporting_titles")


@dataclass(frozen=True, slots=True)
class QuestionFacts:
    """What is known of one question; None where it is not."""

    type: str | None = None
    hops: int | None = None
    supporting_titles: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class KnownQuestions:
    """Facts by question id, and by the question's text for rows whose id is another."""

    by_id: dict[str, QuestionFacts] = field(default_factory=dict[str, QuestionFacts])
    by_text: dict[str, QuestionFacts] = field(default_factory=dict[str, QuestionFacts])

    def of(self, question_id: str, question: str) -> QuestionFacts:
        """The facts of a question, by its id if that is known, else by its text."""
        return self.by_id.get(question_id) or self.by_text.get(question.strip()) or QuestionFacts()

    def and_then(self, other: KnownQuestions) -> KnownQuestions:
        """These facts, and the other's, which go before."""
        return KnownQuestions(self.by_id | other.by_id, self.by_text | other.by_text)

    def add(self, record: JsonObject, place: str) -> None:
        """The facts of a record.

        Raises:
            DataError: it names no question, or a fact is of the wrong kind.
        """
        question_id, text = record.get("question_id"), record.get("question")
        if question_id is None and text is None:
            fix = "Give each record the row's question_id, or its question word for word."
            raise DataError(str(Problem(place, "must have question_id or question", sorted(record), fix)))
        facts = _facts(record, place)
        if question_id is not None:
            self.by_id[str(question_id)] = facts
        if text is not None:
            self.by_text[str(text).strip()] = facts

    def titles(self, frame: pl.DataFrame) -> dict[str, tuple[str, ...]]:
        """Supporting titles by question id, for the questions of a frame of which they are known."""
        asked = frame.select("question_id", "question").unique().iter_rows()
        found = {name: self.of(name, text).supporting_titles for name, text in asked}
        return {name: titles for name, titles in found.items() if titles}

    def told(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with a column `type`, and with `hops` where its rows do not say."""
        facts = [self.of(*row) for row in frame.select("question_id", "question").iter_rows()]
        hops = pl.Series("hops", [one.hops for one in facts], pl.Int64)
        return frame.with_columns(
            pl.Series("type", [one.type for one in facts], pl.String),
            pl.coalesce(pl.col("hops"), hops),
        )


def read_facts(paths: Iterable[Path]) -> KnownQuestions:
    """The facts of several files; of a question that stands in several the last.

    Raises:
        DataError: a file cannot be read, or a record names no question or has a fact of the wrong kind.
    """
    known = KnownQuestions()
    for path in paths:
        if not path.is_file():
            fix = "Name a file with question_id or question, and type, hops or supporting_titles."
            raise DataError(str(Problem("questions", "must be a file", str(path), fix)))
        for record in read_record_file(path):
            known.add(record.values, record.place)
    return known


def _facts(record: JsonObject, place: str) -> QuestionFacts:
    values: dict[str, Any] = {name: record.get(name) for name in _FACTS}
    kind, hops, titles = values.values()
    if kind is not None and not isinstance(kind, str):
        raise _misfit(place, "type", "text", kind)
    if hops is not None and (not isinstance(hops, int) or isinstance(hops, bool)):
        raise _misfit(place, "hops", "a whole number", hops)
    if titles is not None and not isinstance(titles, list):
        raise _misfit(place, "supporting_titles", "a list of texts", titles)
    return QuestionFacts(kind, hops, None if titles is None else tuple(map(str, titles)))


def _misfit(place: str, name: str, rule: str, value: object) -> DataError:
    return DataError(
        str(Problem(f"{place}: {name}", f"must be {rule}", value, "Mend or leave out the field."))
    )
