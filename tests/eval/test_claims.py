"""What a text claims, and whether it stands in other texts."""

import pytest
from trajset.eval.claims import Texts, claims, words


def claimed(text: str) -> list[tuple[str, ...]]:
    return [claim.words for claim in claims(text)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("She met Anna Orvel in Rome.", [("anna", "orvel"), ("rome",)]),
        ("Orvel lies on a river.", []),  # may be a plain word: it opens the sentence
        ("However Anna Orvel left.", [("anna", "orvel")]),
        ("Founded by the University of Torvik in 1893", [("university", "torvik"), ("1893",)]),
        ("Step 1: find 2 towns. Step 2: I compare them, and I'll answer.", []),
        ("It has 1,234 people and 12 dogs.", [("1234",)]),
        ("He was born on 5 May 1794, or March 4th, 1797.", [("5", "may", "1794"), ("march", "4", "1797")]),
        ("In May it rained, says Wikipedia.", []),
        ("the mayor of the town", []),
        ("We saw Écija's gate", [("ecija",)]),
        ("", []),
    ],
)
def test_claims(text: str, wanted: list[tuple[str, ...]]) -> None:
    assert claimed(text) == wanted


def test_words_are_compared_without_accents_articles_and_endings() -> None:
    assert words("The Écija’s 1,234 gates, an O'Neill and a 4th") == [
        "ecija",
        "1234",
        "gates",
        "o",
        "neill",
        "and",
        "4",
    ]


@pytest.mark.parametrize(
    ("value", "stands"),
    [
        ("Barack Obama", True),
        ("Obama, Barack", True),
        ("4 March 1797", True),
        ("the House of Orvel", True),
        ("Barack Orvel", False),  # both stand, far apart
        ("John Adams", False),  # the end of one text and the start of the next
        ("March 5, 1797", False),
        ("", True),
        ("???", True),
    ],
)
def test_a_value_stands_where_its_words_are_near(value: str, stands: bool) -> None:
    texts = Texts(
        ["On March 4, 1797 the House of Orvel met a certain John", "Adams sat by Barack Hussein Obama."]
    )
    assert texts.has(value) is stands


def test_no_texts_hold_nothing() -> None:
    assert not Texts()
    assert not Texts().has("Rome")
    assert Texts(["Rome"])
