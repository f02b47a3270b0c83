"""Overlap with evaluation questions: the words that stand in shared n-grams, and what does not count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trajset.filters.decontaminate_overlap import COMMON, Match, OverlapIndex, overlaps
from trajset.filters.decontaminate_sets import EvaluationSet
from trajset.filters.decontaminate_words import words


def found(question: str, *sets: EvaluationSet, n: int = 3, others: tuple[str, ...] = ()) -> list[Match]:
    """The matches of the first of several questions of a dataset."""
    return next(overlaps(OverlapIndex(sets, n), [words(text) for text in (question, *others)]))


def evaluation(*questions: str, name: str = "test") -> EvaluationSet:
    return EvaluationSet(name, f"{name}.txt", questions)


def test_the_same_words_are_exact_whatever_case_and_punctuation() -> None:
    (match,) = found("who was the Rock Band's singer", evaluation("Who was the rock-band’s singer?"))
    assert match == Match("test", "exact", 1.0, "Who was the rock-band’s singer?")


@pytest.mark.parametrize(
    ("question", "share"),
    [
        ("a b c d e f", None),  # exact
        ("x a b c d e f y", 1.0),
        ("x a b c y", 3 / 6),
        ("a b c x d e f", 1.0),
        ("b c d e x", 4 / 6),
        ("a b x c d x e f", 0.0),
        ("f e d c b a", 0.0),
    ],
)
def test_the_share_of_words_in_shared_runs(question: str, share: float | None) -> None:
    matches = found(question, evaluation("a b c d e f"))
    if share is None:
        assert [match.kind for match in matches] == ["exact"]
    elif share:
        assert matches == [Match("test", "ngram", pytest.approx(share), "a b c d e f")]
    else:
        assert matches == []


@pytest.mark.parametrize(("question", "hit"), [("so who is he then", True), ("who is so he", False)])
def test_an_evaluation_question_shorter_than_n_counts_as_a_whole(question: str, hit: bool) -> None:
    matches = found(question, evaluation("Who is he?"), n=8)
    assert [match.overlap for match in matches] == ([1.0] if hit else [])


def test_one_evaluation_question_must_match_not_several_together() -> None:
    (match,) = found("a b c d e f", evaluation("a b c x x x", "d e f y y y"))
    assert match.overlap == 0.5


def test_a_run_in_many_evaluation_questions_is_a_phrase() -> None:
    few = [f"who is the mother of x{number}" for number in range(COMMON)]
    assert found("who is the mother of him", evaluation(*few))[0].overlap == 5 / 6
    assert found("who is the mother of him", evaluation(*few, "who is the mother of x10")) == []
    assert found(few[3], evaluation(*few, "who is the mother of x10"))[0].kind == "exact"


def test_a_run_in_many_questions_of_the_dataset_is_a_phrase_too() -> None:
    ours = tuple(f"who is the mother of y{number}" for number in range(COMMON))
    target = evaluation("who is the mother of him")
    assert found("who is the mother of z", target, others=ours[1:])[0].overlap == 5 / 6
    assert found("who is the mother of z", target, others=ours) == []


def test_wordings_are_counted_not_repeats() -> None:
    many = [f"Who is the mother of x{'?' * number}" for number in range(COMMON + 5)]
    assert found("so who is the mother of x", evaluation(*many))[0].overlap == 1.0


def test_the_best_match_of_every_set_the_best_first() -> None:
    one, two = evaluation("a b c x y z", "a b c d y z", name="one"), evaluation("A b c d e?", name="two")
    assert [(match.set, match.kind, match.overlap) for match in found("a b c d e", one, two)] == [
        ("two", "exact", 1.0),
        ("one", "ngram", pytest.approx(4 / 6)),
    ]
    tied = evaluation("a b c x y z", name="late")
    assert [match.set for match in found("a b c", one, tied)] == ["one", "late"]


def test_blank_evaluation_questions_match_nothing() -> None:
    assert found("a b c", evaluation("?", "…")) == []


letters = st.lists(st.sampled_from("abcd"), min_size=1, max_size=9).map(tuple)


@given(letters, letters, st.integers(1, 4))
def test_against_counting_by_hand(question: tuple[str, ...], target: tuple[str, ...], n: int) -> None:
    size = min(n, len(target))
    runs = {question[start : start + size] for start in range(len(question) - size + 1)}
    covered = {
        start + place
        for start in range(len(target) - size + 1)
        if target[start : start + size] in runs
        for place in range(size)
    }
    matches = found(" ".join(question), evaluation(" ".join(target)), n=n)
    if question == target:
        assert [match.kind for match in matches] == ["exact"]
    else:
        assert [match.overlap for match in matches] == ([len(covered) / len(target)] if covered else [])
