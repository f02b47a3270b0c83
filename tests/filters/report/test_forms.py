"""Numbers, reasons and untrusted text as a report writes them."""

import unicodedata

import ablation_samples as samples
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trajset.filters.ablation_types import Estimate
from trajset.filters.report import forms
from trajset.filters.report.markdown import block, code, text


@given(st.text(max_size=40))
def test_clean_text_is_one_line_that_any_file_holds_and_no_terminal_obeys(value: str) -> None:
    shown = forms.clean(value)
    shown.encode("utf-8")
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cs"}
    assert not any("\u202a" <= character <= "\u202e" for character in shown)
    assert forms.clean(shown) == shown


def test_control_characters_are_shown_and_not_dropped() -> None:
    assert forms.clean("\x1b[31mred\x00\x7f\x9b") == "␛[31mred␀␡�"
    assert forms.clean("a\n\t b\u2028c") == "a b c"
    assert forms.clean("\u202eabc\ufffe") == "�abc�"
    assert forms.clean("naïve 日本 👩\u200d🔬") == "naïve 日本 👩\u200d🔬"


@pytest.mark.parametrize(
    ("estimate", "shown"),
    [
        (Estimate(0.123, 0.0811, 0.1749, 30), "8.1–17.5"),
        (Estimate(0.5, 0.5, 0.5, 30), ""),
        (Estimate(None, None, None, 0), ""),
        (Estimate(0.5, None, None, 1), "no interval"),
    ],
)
def test_an_interval_is_shown_where_there_is_one(estimate: Estimate, shown: str) -> None:
    assert forms.interval(estimate) == shown


def test_precision_turns_the_interval_around() -> None:
    assert forms.complement(Estimate(0.25, 0.125, 0.5, 9)) == Estimate(0.75, 0.5, 0.875, 9)
    assert forms.complement(samples.NOTHING) == samples.NOTHING


def test_what_is_not_known_is_a_dash() -> None:
    assert {forms.percent(None), forms.decimal(None), forms.count(None)} == {"–"}
    assert (forms.percent(0.0), forms.decimal(0.0), forms.count(0)) == ("0.0%", "0.00", "0")


def test_the_reason_names_what_is_missing() -> None:
    unlabelled, labelled = samples.no_labels(), samples.one_recipe()
    f1_only, never = unlabelled.overall[0], unlabelled.overall[3]
    assert forms.why_unknown(unlabelled, f1_only, "is kept") == "no row is labelled"
    assert forms.why_unknown(unlabelled, never, "is kept") == "no verdict"
    assert forms.why_unknown(labelled, labelled.overall[0], "is wrong") == "no labelled row is wrong"


def test_markdown_takes_no_order_from_the_data() -> None:
    assert text("http://e.x www.e.x @user <b>") == r"http\://e.x www\.e.x \@user \<b\>"
    assert code("a`b|c") == r"``a`b\|c``"
    assert block("```\nend") == "````\n``` end\n````"
