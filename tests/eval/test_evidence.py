"""What is handed over: passages of the records, else those of the supporting titles."""

import pytest
from trajset.builder.errors import DataError
from trajset.builder.questions import TypedQuestion
from trajset.builder.retrieval.retriever import DictRetriever, Retriever
from trajset.builder.schema import Hit, Passage, Question
from trajset.eval.evidence import hand_over


def asked(name: str, titles: tuple[str, ...] | None, *passages: Passage) -> TypedQuestion:
    return TypedQuestion(Question(name, "demo", f"{name}?", ("x",), None, titles), None, passages)


def engine() -> Retriever:
    pages = {"A": [("A", "a1"), ("B", "b"), ("A", "a2"), ("A", "a3")], "B": [("B", "b1")]}
    hits = {
        title: [Hit(Passage(f"{n}", *page), 1.0) for n, page in enumerate(found)]
        for title, found in pages.items()
    }
    return DictRetriever(hits, "engine", "corpus@1")


def no_engine() -> Retriever:
    raise AssertionError("the records bring passages")


def test_passages_are_looked_up_by_title() -> None:
    given = hand_over([asked("q1", ("A", "B"))], engine, 2)
    assert given.texts == {"q1": "[1] A\na1\n\n[2] A\na2\n\n[3] B\nb1"}
    assert (given.source.name, given.source.corpus) == ("gold-evidence:titles,most=2", "corpus@1")
    assert given.source.search(["anything"], 3) == [[]]


def test_a_question_is_left_out_unless_all_its_titles_are_there() -> None:
    questions = [asked("q1", ("A", "C")), asked("q2", None), asked("q3", ()), asked("q4", ("B",))]
    given = hand_over(questions, engine, 5)
    assert (list(given.texts), given.left_out) == (["q4"], 3)


def test_passages_of_records_need_no_index() -> None:
    here = Passage("0", "A", "from the record")
    given = hand_over(
        [asked("q1", ("A",), here), asked("q2", ("A", "B"), here), asked("q3", None)], no_engine, 5
    )
    assert given.texts == {"q1": "[1] A\nfrom the record"}
    assert (given.left_out, given.source.corpus) == (2, "records")


def test_no_question_with_support_is_an_error_that_counts() -> None:
    with pytest.raises(DataError, match="2 questions without"):
        hand_over([asked("q1", None), asked("q2", ("C",))], engine, 5)
