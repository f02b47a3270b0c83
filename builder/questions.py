"""Questions from files and the Hub: our own layout and the common public ones, told by their columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import DataError, Problem
from .identity import text_hash
from .schema import JsonObject, Question
from .source_files import Record
from .sources import Source, missing_column, open_source

_IDS = ("question_id", "_id", "id", "example_id", "qid")
_QUESTIONS = ("question", "query", "problem")
_ANSWERS = ("gold_answers", "golden_answers", "answers", "answer", "golden_answer")
_TYPES = ("type", "question_type")


@dataclass(frozen=True, slots=True)
class Support:
    """What a question rests on: the titles, and the number of facts; None where unknown."""

    titles: tuple[str, ...] | None = None
    hops: int | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """A public layout, told by columns that it must have; all share the names of id, question and answer."""

    name: str
    columns: frozenset[str]
    support: Callable[[JsonObject], Support]
    has_answers: bool = True


def _own(values: JsonObject) -> Support:
    titles, hops = values["supporting_titles"], values["hops"]
    if hops is not None and not isinstance(hops, int):
        raise TypeError("hops must be an integer or null")
    return Support(None if titles is None else _texts(titles), hops)


def _supporting_facts(values: JsonObject) -> Support:
    """`[[title, sentence], …]` as in the original files, or `{"title": […], …}` as on the Hub."""
    facts = values["supporting_facts"]
    return _titles(facts["title"] if isinstance(facts, dict) else [fact[0] for fact in _list(facts)])


def _paragraphs(values: JsonObject) -> Support:
    supporting = [item["title"] for item in _list(values["paragraphs"]) if item["is_supporting"]]
    return Support(_distinct(_texts(supporting)), len(supporting))


def _gold_titles(values: JsonObject) -> Support:
    """One text, titles separated by a bar."""
    return _titles(values["gold_titles"].split(" | "))


def _unsupported(values: JsonObject) -> Support:
    return Support()


LAYOUTS = (
    Layout("trajset", frozenset({"question", "hops", "supporting_titles"}), _own),
    Layout("HotpotQA, 2WikiMultiHopQA", frozenset({"question", "supporting_facts"}), _supporting_facts),
    Layout("MuSiQue", frozenset({"question", "paragraphs"}), _paragraphs),
    Layout("gold titles", frozenset({"question", "gold_titles"}), _gold_titles, has_answers=False),
    Layout("question and answer", frozenset(), _unsupported),
)
"""Tried in this order; the last takes all that has a question and an answer column."""


@dataclass(frozen=True, slots=True)
class TypedQuestion:
    """A question with the kind that its source gives it (`bridge`, `comparison`, …), if any."""

    question: Question
    type: str | None


def load_questions(source: str, limit: int | None = None, seed: int = 0) -> list[Question]:
    """All questions in order, or a sample of `limit`.

    A sample depends on the seed and the questions' ids, not on their order in the file; a smaller one is the
    beginning of a larger one. A question that is repeated word for word counts once. Without an id column the
    id is a hash of the question.

    Raises:
        DataError: the source cannot be read, has no question or answer column, a value of the wrong type, or
            two different questions under one id; file and line or row are named.
        HubError: the Hub cannot be reached or refuses.
    """
    return [typed.question for typed in load_typed_questions(source, limit, seed)]


def load_typed_questions(source: str, limit: int | None = None, seed: int = 0) -> list[TypedQuestion]:
    """`load_questions` with the type beside each question; raises the same."""
    opened = open_source(source)
    questions = list(_distinct_questions(opened))
    if not questions:
        fix = "Give a file with questions."
        raise DataError(str(Problem(opened.name, "must hold at least one question", "an empty source", fix)))
    if limit is None:
        return questions
    return sorted(questions, key=lambda typed: text_hash(f"{seed}:{typed.question.question_id}", 64))[:limit]


def _distinct_questions(source: Source) -> Iterator[TypedQuestion]:
    seen: dict[str, tuple[Question, str]] = {}
    for record in source.records():
        typed = _typed_question(record, source.name)
        question = typed.question
        known, place = seen.setdefault(question.question_id, (question, record.place))
        if place == record.place:
            yield typed
        elif known != question:
            rule = f"a question id must name one question, it names another at {place}"
            fix = "Make the ids unique, or leave the id column out."
            raise DataError(str(Problem(record.place, rule, question.question_id, fix)))


def _typed_question(record: Record, dataset: str) -> TypedQuestion:
    values = record.values
    layout = next(layout for layout in LAYOUTS if layout.columns <= values.keys())
    text = _question(record)
    try:
        support = layout.support(values)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        rule = f"must follow the layout {layout.name!r} ({type(error).__name__}: {error})"
        raise _bad(record, rule, values, "See the docs for the layouts of questions.") from error
    question = Question(
        question_id=_id(record, text),
        dataset=str(values.get("dataset") or dataset),
        question=text,
        gold_answers=_answers(record, layout),
        hops=support.hops,
        supporting_titles=support.titles,
    )
    return TypedQuestion(question, _type(values))


def _question(record: Record) -> str:
    column = _present(record.values, _QUESTIONS)
    if column is None:
        raise missing_column(record, "question", "Rename the column that holds the question.")
    value = record.values[column]
    if not isinstance(value, str) or not value.strip():
        raise _bad(record, f"{column!r} must be a text", value, "Write the question as a non-empty string.")
    return value


def _id(record: Record, question: str) -> str:
    column = _present(record.values, _IDS)
    if column is None:
        return text_hash(question)
    value = record.values[column]
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise _bad(record, f"{column!r} must be a text or an integer", value, "Give every question an id.")
    return str(value)


def _answers(record: Record, layout: Layout) -> tuple[str, ...]:
    values = record.values
    column = _present(values, _ANSWERS)
    if column is None:
        if layout.has_answers:
            fix = "Where no answer is known, add the column `answer` with null."
            raise missing_column(record, "answer", fix)
        return ()
    return _distinct((*_answer_texts(record, column), *_answer_texts(record, "answer_aliases")))


def _answer_texts(record: Record, column: str) -> tuple[str, ...]:
    value = record.values.get(column)
    if value is None:
        return ()
    try:
        return (value,) if isinstance(value, str) else _texts(_list(value))
    except TypeError as error:
        rule = f"{column!r} must be a text or a list of texts"
        raise _bad(record, rule, value, "Write answers as strings, null where none is known.") from error


def _type(values: JsonObject) -> str | None:
    column = _present(values, _TYPES)
    return None if column is None or values[column] is None else str(values[column])


def _present(values: JsonObject, names: Sequence[str]) -> str | None:
    return next((name for name in names if name in values), None)


def _titles(titles: Sequence[Any]) -> Support:
    distinct = _distinct(_texts(titles))
    return Support(distinct, len(distinct))


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {type(value).__name__}")
    return value


def _texts(values: Sequence[Any]) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values):
        raise TypeError("expected texts only")
    return tuple(values)


def _distinct(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _bad(record: Record, rule: str, value: object, fix: str) -> DataError:
    return DataError(str(Problem(record.place, rule, value, fix)))
