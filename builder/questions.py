"""Questions from files and the Hub: our own layout and the common public ones, told by their columns.

Columns of any other name are named in `QuestionFields`; public sets bring their names along
(`question_sources`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from .errors import DataError, Problem
from .identity import text_hash
from .question_fields import find, hop_count, title_texts
from .question_passages import supporting_passages
from .question_sources import Reading, reading_of
from .schema import JsonObject, Passage, Question
from .source_config import QuestionFields
from .source_files import Record
from .sources import missing_column

_IDS = ("question_id", "_id", "id", "example_id", "qid")
_QUESTIONS = ("question", "query", "problem")
_ANSWERS = ("gold_answers", "golden_answers", "answers", "answer", "golden_answer")
_TYPES = ("type", "question_type")
_NO_FIELDS = QuestionFields()


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
    titles = title_texts(facts if isinstance(facts, dict) else _list(facts)) or ()
    return Support(titles, len(titles))


def _paragraphs(values: JsonObject) -> Support:
    """The id says the number of hops (`2hop__…`), which is otherwise that of the supporting paragraphs."""
    supporting = [item["title"] for item in _list(values["paragraphs"]) if item["is_supporting"]]
    hops = hop_count(str(values.get("id"))) if "hop" in str(values.get("id")) else None
    return Support(_distinct(_texts(supporting)), len(supporting) if hops is None else hops)


def _gold_titles(values: JsonObject) -> Support:
    """One text, titles separated by a bar."""
    titles = _distinct(values["gold_titles"].split(" | "))
    return Support(titles, len(titles))


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
    """A question with the kind that its source gives it (`bridge`, `comparison`, …), if any.

    `passages` are those that it rests on, where the record brings them. A question with a `canary` is to be
    on disk encrypted only (`sealed`).
    """

    question: Question
    type: str | None
    passages: tuple[Passage, ...] = ()
    canary: str | None = None


def load_questions(
    source: str, limit: int | None = None, seed: int = 0, fields: QuestionFields = _NO_FIELDS
) -> list[Question]:
    """All questions in order, or a sample of `limit`.

    A sample depends on the seed and the questions' ids, not on their order in the file; a smaller one is the
    beginning of a larger one. A question that is repeated word for word counts once. Without an id column the
    id is a hash of the question.

    Raises:
        DataError: the source cannot be read, has no question or answer column, a value of the wrong type, or
            two different questions under one id; file and line or row are named. Or the questions have a
            canary, so that nobody writes them down by mistake.
        HubError: the Hub cannot be reached or refuses.
    """
    typed = load_typed_questions(source, limit, seed, fields)
    if any(one.canary for one in typed):
        rule = "must not be those of a benchmark with a canary, which is for evaluation alone"
        fix = "Evaluate on it with `trajset eval`, which keeps it encrypted on disk."
        raise DataError(str(Problem("questions", rule, source, fix)))
    return [one.question for one in typed]


def load_typed_questions(
    source: str,
    limit: int | None = None,
    seed: int = 0,
    fields: QuestionFields = _NO_FIELDS,
    *,
    passages: bool = False,
) -> list[TypedQuestion]:
    """`load_questions` with what else the source says of each question, those with a canary too; the passages
    that a record brings where they are asked for. Raises the same otherwise."""
    reading = dataclasses.replace(reading_of(source, fields), passages=passages)
    opened = reading.open()
    reading = dataclasses.replace(reading, dataset=reading.dataset or opened.name)
    questions = _distinct_questions(opened.records(), reading)
    if not questions:
        fix = "Give a file with questions."
        raise DataError(str(Problem(opened.name, "must hold at least one question", "an empty source", fix)))
    if limit is None:
        return questions
    return sorted(questions, key=lambda typed: text_hash(f"{seed}:{typed.question.question_id}", 64))[:limit]


def _distinct_questions(records: Iterable[Record], reading: Reading) -> list[TypedQuestion]:
    seen: dict[str, tuple[TypedQuestion, str]] = {}
    for record in records:
        typed = _readable_question(record, reading)
        known, place = seen.setdefault(typed.question.question_id, (typed, record.place))
        if known.question == typed.question:
            continue
        if not reading.merges or known.question.question != typed.question.question:
            rule = f"a question id must name one question, it names another at {place}"
            fix = "Make the ids unique, or leave the id column out."
            raise DataError(str(Problem(record.place, rule, typed.question.question_id, fix)))
        seen[typed.question.question_id] = (_merged(known, typed.question), place)
    return [typed for typed, _ in seen.values()]


def _merged(known: TypedQuestion, again: Question) -> TypedQuestion:
    answers = _distinct((*known.question.gold_answers, *again.gold_answers))
    question = dataclasses.replace(known.question, gold_answers=answers)
    return dataclasses.replace(known, question=question)


def _readable_question(record: Record, reading: Reading) -> TypedQuestion:
    """A question; of a set with a canary no message quotes a record in clear."""
    if reading.cipher is None:
        return _typed_question(record, reading)
    canary, clear = reading.cipher.canary_of(record), reading.clear(record)
    try:
        return dataclasses.replace(_typed_question(clear, reading), canary=canary)
    except DataError:
        rule = "must hold a question and an answer, once decrypted"
        fix = "Take the file as the authors publish it."
        raise _bad(record, rule, "(not shown)", fix) from None


def _typed_question(record: Record, reading: Reading) -> TypedQuestion:
    values, fields = record.values, reading.fields
    layout = next(layout for layout in LAYOUTS if layout.columns <= values.keys())
    text = _question(record, fields.question_field)
    support = _support(record, layout, reading)
    question = Question(
        question_id=_id(record, text, fields.id_field),
        dataset=str(values.get("dataset") or reading.dataset),
        question=text,
        gold_answers=_answers(record, layout, fields.answer_field),
        hops=support.hops,
        supporting_titles=support.titles,
    )
    passages = supporting_passages(values, support.titles or ()) if reading.passages else ()
    return TypedQuestion(question, _type(record, fields.type_field), passages)


def _support(record: Record, layout: Layout, reading: Reading) -> Support:
    path = reading.fields.titles_field
    try:
        support = layout.support(record.values) if path is None else _named_titles(record, path)
        return Support(support.titles, _hops(record, reading, support.hops))
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        rule = f"must follow the layout {layout.name!r} ({type(error).__name__}: {error})"
        fix = "See docs/questions.md for the layouts of questions."
        raise _bad(record, rule, record.values, fix) from error


def _named_titles(record: Record, path: str) -> Support:
    titles = title_texts(find(record, path, "titles-field"))
    return Support(titles, None if titles is None else len(titles))


def _hops(record: Record, reading: Reading, known: int | None) -> int | None:
    """What the named field says, else what holds for the whole set, else what the layout tells."""
    path = reading.fields.hops_field
    if path is None or (reading.hops_optional and path not in record.values):
        return known if reading.fixed_hops is None else reading.fixed_hops
    return hop_count(find(record, path, "hops-field"))


def _question(record: Record, path: str | None) -> str:
    column = path or _present(record.values, _QUESTIONS)
    if column is None:
        fix = "Rename the column that holds the question, or name it with --question-field."
        raise missing_column(record, "question", fix)
    value = find(record, column, "question-field")
    if not isinstance(value, str) or not value.strip():
        raise _bad(record, f"{column!r} must be a text", value, "Write the question as a non-empty string.")
    return value


def _id(record: Record, question: str, path: str | None) -> str:
    column = path or _present(record.values, _IDS)
    if column is None:
        return text_hash(question)
    value = find(record, column, "id-field")
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise _bad(record, f"{column!r} must be a text or an integer", value, "Give every question an id.")
    return str(value)


def _answers(record: Record, layout: Layout, paths: Sequence[str]) -> tuple[str, ...]:
    values = record.values
    if paths:
        return _distinct([text for path in paths for text in _answer_texts(record, path)])
    column = _present(values, _ANSWERS)
    if column is None:
        if layout.has_answers:
            fix = "Name it with --answer-field; where no answer is known, add the column `answer` with null."
            raise missing_column(record, "answer", fix)
        return ()
    aliases = _answer_texts(record, "answer_aliases") if "answer_aliases" in values else ()
    return _distinct((*_answer_texts(record, column), *aliases))


def _answer_texts(record: Record, path: str) -> tuple[str, ...]:
    value = find(record, path, "answer-field")
    if value is None:
        return ()
    try:
        return (value,) if isinstance(value, str) else _texts(_list(value))
    except TypeError as error:
        rule = f"{path!r} must be a text or a list of texts"
        raise _bad(record, rule, value, "Write answers as strings, null where none is known.") from error


def _type(record: Record, path: str | None) -> str | None:
    column = path or _present(record.values, _TYPES)
    value = None if column is None else find(record, column, "type-field")
    if isinstance(value, list):
        return " | ".join(map(str, cast("list[Any]", value))) or None
    return None if value is None else str(value)


def _present(values: JsonObject, names: Sequence[str]) -> str | None:
    return next((name for name in names if name in values), None)


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
