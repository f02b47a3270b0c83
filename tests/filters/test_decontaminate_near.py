"""Near duplicates: the groups of an exhaustive comparison, whatever the hash functions."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trajset.filters.decontaminate_near import RECALL, Shingles, bands, jaccard, near_groups, shingles
from trajset.filters.decontaminate_words import words

vocabulary = st.sampled_from(
    [
        "who",
        "was",
        "the",
        "director",
        "of",
        "film",
        "man",
        "born",
        "in",
        "which",
        "town",
        "old",
        "new",
        "river",
    ]
)
questions = st.lists(st.lists(vocabulary, min_size=1, max_size=14).map(tuple), max_size=30, unique=True)


def groups(asked: list[tuple[str, ...]], near: float = 0.8, seed: int = 0) -> list[int]:
    return near_groups(asked, near, seed, lambda count: None)


def exhaustive(asked: list[tuple[str, ...]], near: float) -> list[int]:
    """Every pair compared, groups merged until nothing changes."""
    first = list(range(len(asked)))
    pairs = [
        pair
        for pair in itertools.combinations(range(len(asked)), 2)
        if jaccard(shingles(asked[pair[0]]), shingles(asked[pair[1]])) >= near
    ]
    for _ in asked:
        for one, two in pairs:
            first[one] = first[two] = min(first[one], first[two])
    return first


def test_words() -> None:
    said = ("who", "s", "the", "rock", "band", "s", "first_man", "é")
    assert words("Who’s the Rock-Band's ﬁrst_man, “É”?") == said
    assert words(" ?!… ") == ()


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ("who was it", "who was it", 1.0),
        ("who was it", "when did they", 0.0),
        ("a b c d", "a b x d", 3 / 9),
        # The father's father is somebody else: what is said twice counts twice.
        ("the father of the father of x", "the father of x", 6 / 9),
    ],
)
def test_similarity_of_trigrams(one: str, two: str, expected: float) -> None:
    assert jaccard(shingles(one.split()), shingles(two.split())) == pytest.approx(expected)


def test_every_word_weighs_the_same() -> None:
    said = [f"w{number}" for number in range(12)]
    changed = [[*said[:place], "other", *said[place + 1 :]] for place in range(12)]
    assert len({jaccard(shingles(said), shingles(other)) for other in changed}) == 1


@pytest.mark.parametrize("near", [0.3, 0.5, 0.8, 0.95, 1.0])
def test_bands_find_a_pair_at_the_threshold(near: float) -> None:
    count, rows = bands(near)
    assert count * rows <= 128
    assert 1 - (1 - near**rows) ** count >= RECALL
    longer = 128 // (rows + 1)
    assert rows == 128 or 1 - (1 - near ** (rows + 1)) ** longer < RECALL


@settings(max_examples=60, deadline=None)
@given(questions, st.sampled_from([0.5, 0.8, 1.0]), st.integers(0, 3))
def test_groups_are_those_of_an_exhaustive_comparison(
    asked: list[tuple[str, ...]], near: float, seed: int
) -> None:
    assert groups(asked, near, seed) == exhaustive(asked, near)


def test_a_group_is_connected_through_others() -> None:
    said = [f"w{number}" for number in range(40)]
    steps = [tuple([f"x{place}" for place in range(changed)] + said[changed:]) for changed in range(6)]
    assert jaccard(shingles(steps[0]), shingles(steps[5])) < 0.8
    assert groups([steps[5], ("other",), steps[0], *steps[1:5]]) == [0, 1, 0, 0, 0, 0, 0]


def test_one_changed_word_is_another_question_unless_the_question_is_long() -> None:
    for length, same in ((24, False), (25, True)):
        said = [f"w{number}" for number in range(length)]
        other = [*said[:7], "other", *said[8:]]
        assert (groups([tuple(said), tuple(other)]) == [0, 0]) is same
    assert math.isclose(jaccard(shingles(said), shingles(other)), 0.8)


def test_questions_from_one_template_are_not_all_compared_with_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[float] = []

    def counted(one: Shingles, other: Shingles) -> float:
        compared.append(jaccard(one, other))
        return compared[-1]

    monkeypatch.setattr("trajset.filters.decontaminate_near.jaccard", counted)
    template = tuple(f"w{number}" for number in range(30))
    assert groups([(*template, f"x{number}") for number in range(300)]) == [0] * 300
    assert len(compared) < 600
