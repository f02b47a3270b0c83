"""Foreign text cannot take over the terminal; answers are found in it the way the scores find them."""

import string
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from sample_rows import texts
from trajset.builder.scoring import answer_in_evidence, normalise
from trajset.commands.label_text import GOLD, answer_pattern, marked, on_one_line, visible


@given(texts)
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    shown = visible(text)
    assert not [sign for sign in shown if unicodedata.category(sign) == "Cc" and sign != "\n"]
    assert not [
        sign for sign in shown if unicodedata.bidirectional(sign) in ("LRO", "RLO", "LRE", "RLE", "RLI")
    ]
    assert "\n" not in on_one_line(text)


def test_escape_sequences_are_shown_and_line_ends_kept() -> None:
    assert visible("a\x1b[2J\x1b]0;title\x07\r\nb\rc\td\x9b1m") == "a␛[2J␛]0;title␇\nb␍c    d�1m"
    assert visible("[bold]x[/] é 你 👩‍🚀") == "[bold]x[/] é 你 👩‍🚀"


words = st.lists(
    st.sampled_from(["the", "a", "U.S.", "Rome", "rock-n-roll", "St", "1,000", "An"]), min_size=1, max_size=4
)
glue = st.sampled_from([" ", "  ", ", ", "\n", " -- "])


@given(words, glue, words, words, st.sampled_from([str.upper, str.lower, str]))
def test_what_counts_as_evidence_is_marked(gold, between, before, after, case) -> None:
    text = case(between.join([*before, "x", *gold, "y", *after]))
    answer = " ".join(gold)
    if answer_in_evidence([text], [answer]):
        pattern = answer_pattern([answer])
        assert pattern is not None
        found = pattern.search(text)
        assert found is not None
        assert normalise(found[0]) == normalise(answer)


@given(st.text(string.ascii_letters + string.punctuation + " ", max_size=8), texts)
def test_any_answer_makes_a_pattern_that_ends(answer: str, text: str) -> None:
    pattern = answer_pattern([answer])
    assert pattern is None or pattern.findall(text + "-" * 2000 + " a" * 500) is not None


def test_whole_words_and_no_yes_or_no() -> None:
    assert answer_pattern(["yes", "no", "the", ""]) is None
    pattern = answer_pattern(["an apple"])
    assert pattern is not None
    assert [hit[0] for hit in pattern.finditer("Apple, pineapple; apples. The apple")] == ["Apple", "apple"]


def test_the_gold_answer_is_marked_over_the_given_one() -> None:
    shown = marked("Rome is [bold]in[/] Italy\x1b[2J", ["Rome"], "Italy")
    assert shown.plain == "Rome is [bold]in[/] Italy␛[2J"
    styles = {shown.plain[span.start : span.end]: span.style for span in shown.spans}
    assert styles == {"Italy": "bold underline yellow", "Rome": GOLD}
    assert [span.style for span in marked("Rome", ["Rome"], "rome").spans][-1] == GOLD
