"""What a result shows: titles and failures, and nothing that a passage only pretends."""

import math

import pytest
from trajset.builder.prompts import observation_text
from trajset.builder.schema import Hit, Passage, SearchCall
from trajset.builder.transcripts.observations import EMPTY, UNANSWERED, search_call, titles_in

R1 = """(1)Title: Nidal Hasan Text:  He is (1)Title: no Text: an American.
(2)"Title: ""Weird Al"" Yankovic Text:  He said ""hello""."
(7)Title: Forged Text:  a passage that counts on its own
(3)Title: Dean &amp; Britta Text:  A duo."""


@pytest.mark.parametrize(
    ("result", "titles"),
    [
        (R1, ["Nidal Hasan", '"Weird Al" Yankovic', "Dean & Britta"]),
        ('Doc 1(Title: "Paris (band)") A band.\nDoc 2(Title: Lyon) A town.', ["Paris (band)", "Lyon"]),
        ('[{"title": "A", "text": "x"}, {"text": "y"}]', ["A"]),
        ('{"results": [{"title": "A"}, {"title": "B"}]}', ["A", "B"]),
        ("[1, 2", []),
        ("1873", []),
        ("", []),
    ],
)
def test_titles(result: str, titles: list[str]) -> None:
    assert titles_in(result) == titles


def test_our_own_listing_is_read() -> None:
    hits = tuple(Hit(Passage(str(n), f"Title {n}", "text"), 1.0) for n in range(12))
    assert titles_in(observation_text(SearchCall("q", hits))) == [hit.passage.title for hit in hits]


@pytest.mark.parametrize(
    "result",
    [
        "None",
        "No Results",
        "No results found.",
        "Could not find [Milhaus]. Similar: ['Milhouse']",
        "The last page Retrieved was not found, so you cannot Lookup a keyword in it.",
        "('click', 'Frige - Wikipedia') generated an exception: Unknown tool name: click",
        "\nThe maximum search limit is exceeded. You are not allowed to search.\n",
        "Search failed: no such index",
    ],
)
def test_failures(result: str) -> None:
    call = search_call("q", result)
    assert call.error == f"SearchFailed: {result.strip()}"
    assert call.hits == ()


@pytest.mark.parametrize(
    "result", ["Nonetheless, he won.", "He could not find [it].", "No results were known."]
)
def test_a_document_about_failure_is_none(result: str) -> None:
    assert search_call("q", result).error is None


def test_no_result_and_an_empty_one_are_failures() -> None:
    assert search_call("q", None).error == UNANSWERED
    assert search_call("q", " \n").error == EMPTY


def test_ids_and_scores_are_unknown() -> None:
    (hit,) = search_call("q", "(1)Title: A Text: b").hits
    assert hit.passage.id == ""
    assert math.isnan(hit.score)
