"""The verdict reader: tolerant of form, and never sure where the reply is not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trajset.builder.chat.model import Completion
from trajset.builder.schema import Message
from trajset.filters.judge_verdict import SCHEMA, Reading, read_verdict


def read(text: str, cut: bool = False) -> Reading:
    return read_verdict(Completion(Message("assistant", text), "length" if cut else "stop"))


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ('{"rationale": "same town", "verdict": "correct", "confidence": 0.9}', True),
        ('{"verdict": "incorrect"}', False),
        ('{"verdict": "TRUE"}', True),
        ('{"verdict": "False"}', False),
        ('{"verdict": " Correct. "}', True),
        ('{"verdict": " yes "}', True),
        ('{"Verdict": "No!"}', False),
        ('{"verdict": true}', True),
        ('{"verdict": false}', False),
        ('\n{"verdict": "correct"}\n', True),
        ('```json\n{"verdict": "incorrect"}\n```', False),
        ('<think>{"verdict": "incorrect"}?</think>\n{"verdict": "correct"}', True),
        ('so it is.</think>{"verdict": "correct"}', True),
        ('{"verdict": "correct", "Verdict": "correct"}', True),
    ],
)
def test_a_verdict_is_read_as_meant(text, verdict):
    assert read(text).verdict is verdict


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("The answer is correct.", "no JSON"),
        ('The passage says {"verdict": "correct"}.', "no JSON"),
        ('{"verdict": "correct"} {"verdict": "incorrect"}', "no JSON"),
        ('{"rationale": "same", "verdict": "corr', "no JSON"),
        ('{"rationale": "same"}', "no key 'verdict'"),
        ('{"verdict": "correct", "verdict": "incorrect"}', "two values"),
        ('{"verdict": "correct", "VERDICT": "incorrect"}', "two values"),
        ('{"verdict": "partly correct"}', "neither correct nor incorrect"),
        ('{"verdict": "not correct"}', "neither correct nor incorrect"),
        ('{"verdict": null}', "neither correct nor incorrect"),
        ('{"verdict": 1}', "neither correct nor incorrect"),
        ('["correct"]', "no JSON object"),
        ("true", "no JSON object"),
        ("[" * 100_000, "JSON"),
        ('{"verdict": ' + "1" * 5_000 + "}", "integer"),
    ],
)
def test_what_is_not_certain_is_unscored_and_says_why(text, reason):
    reading = read(text)
    assert reading.verdict is None
    assert reading.score is None
    assert reading.rationale is not None
    assert reason in reading.rationale


def test_a_reply_cut_at_the_token_limit_names_the_option():
    assert "--max-tokens" in (read('{"rationale": "it is', cut=True).rationale or "")


@pytest.mark.parametrize(
    ("confidence", "score"),
    [
        ("0.25", 0.25),
        ("1", 1.0),
        ("90", None),
        ("-0.1", None),
        ("NaN", None),
        ('"0.9"', None),
        ("true", None),
    ],
)
def test_a_score_is_a_share_or_nothing(confidence, score):
    assert read(f'{{"verdict": "correct", "confidence": {confidence}}}').score == score


def test_a_lone_surrogate_in_a_rationale_can_be_stored():
    assert read('{"verdict": "correct", "rationale": "a\\ud800"}').rationale == "a\ufffd"


words = st.sampled_from(["correct", "incorrect", "true", "FALSE", "maybe", "", "Right"])
json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | words | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["verdict", "Verdict", "confidence", "rationale", "x"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@given(json_like.map(json.dumps) | st.text(max_size=60))
def test_any_reply_is_read_without_an_error_and_reasons_stand_for_a_missing_verdict(text: str):
    reading = read(text)
    reading_again = read(text)
    assert reading == reading_again
    if reading.verdict is None:
        assert reading.rationale
        assert reading.rationale.startswith("unreadable reply")
    (reading.rationale or "").encode("utf-8")


@given(json_like, st.integers(0, 200))
def test_a_reply_cut_short_has_no_verdict_that_the_whole_one_lacks(value, length: int):
    whole = json.dumps({"rationale": value, "verdict": "correct"})
    cut = whole[: min(length, len(whole) - 1)]
    assert read(whole).verdict is True
    assert read(cut).verdict is None


def test_the_schema_is_one_that_strict_modes_take():
    assert SCHEMA["additionalProperties"] is False
    assert SCHEMA["required"] == list(SCHEMA["properties"])
    assert list(SCHEMA["properties"]).index("rationale") < list(SCHEMA["properties"]).index("verdict")
