"""The audit of a split: counts, named rows, and what it refuses."""

import dataclasses

import pytest

pytest.importorskip("trl", reason="needs the extra [train]")
pytest.importorskip("transformers")

from family_tokenizers import OBSERVATIONS, family_tokenizer, four_turns
from trajset.builder.errors import DataError
from trajset.builder.schema import Message, Row
from trajset.trainers.audit import RenderAudit
from trajset.trainers.render import NO_LIMITS, Limits, Refused, Renderer
from trajset.trainers.target import choose_target

LONG = " ".join(f"word{number}" for number in range(3000))


def named(row: Row, row_id: str) -> Row:
    return dataclasses.replace(row, identity=dataclasses.replace(row.identity, id=row_id))


def audit(rows: list[Row], limits: Limits = NO_LIMITS, name: str = "qwen3") -> RenderAudit:
    counts = RenderAudit(limits)
    for one in Renderer(choose_target(family_tokenizer(name)), limits).rows(rows):
        counts.add(one)
    return counts


SHORT = named(four_turns(), "short")
OVER = named(four_turns(observations=(OBSERVATIONS[0], LONG)), "over")


def test_the_counts_add_up():
    counts = audit([SHORT, OVER], Limits(2048))
    told = counts.to_json()
    assert told["rows"] == told["rendered"] == 2
    assert sum(told["kinds"].values()) == told["tokens"] == sum(counts.lengths)
    learnt = ("reasoning", "call", "answer", "form", "end", "text")
    assert sum(told["kinds"].get(kind, 0) for kind in learnt) == told["loss_tokens"]
    assert told["tokens_cut"] == max(counts.lengths) - 2048
    assert told["lengths"] == {
        "min": min(counts.lengths),
        "median": min(counts.lengths),
        "p95": max(counts.lengths),
        "max": max(counts.lengths),
    }
    assert 0 < told["kept_loss_tokens"] < told["loss_tokens"]
    assert told["kinds"]["end"] == 6


def test_an_answer_that_would_be_lost_is_an_error_that_names_the_row():
    counts = audit([SHORT, OVER], Limits(2048))
    assert counts.cut["answer"] == ["over"]
    assert counts.over == ["over"]
    with pytest.raises(DataError, match=r"max_length 2,048; broken by 1 of them: over\. Raise --max-length"):
        counts.check()
    counts.check(allow_truncation=True)


def test_a_call_that_would_be_lost_is_an_error_too():
    row = named(four_turns(observations=(LONG, OBSERVATIONS[1])), "call")
    counts = audit([row], Limits(2048))
    assert counts.cut["call"] == ["call"]
    with pytest.raises(DataError, match="call"):
        counts.check()


def test_shortened_observations_lose_nothing_and_the_rule_is_told():
    counts = audit([SHORT, OVER], Limits(2048, 200))
    counts.check()
    assert counts.shortened == ["over"]
    assert counts.over == []
    assert counts.to_json()["observation_rule"] == (
        "in a row longer than 2,048 tokens every observation keeps its first 200 tokens, "
        "followed by ' [shortened]'"
    )


def test_rows_that_break_the_grammar_are_named():
    counts = audit([SHORT])
    counts.add(Refused("broken", "a turn with neither a search nor an answer"))
    assert counts.rows == 2
    with pytest.raises(DataError, match=r"neither a search nor an answer\); broken by 1 of them: broken\."):
        counts.check()


def test_what_is_missing_is_named():
    counts = RenderAudit()
    (rendered,) = Renderer(choose_target(family_tokenizer("qwen3"))).rows([SHORT])
    assert not isinstance(rendered, Refused)
    counts.add(dataclasses.replace(rendered, missing=("reasoning",)))
    with pytest.raises(DataError, match=r"every reasoning in the loss .*; broken by 1 of them: short"):
        counts.check()


def test_a_template_that_forgets_reasoning_in_some_rows_is_found_out():
    """Qwen3's own template, changed so that trl's is not taken: it forgets what was thought before a user
    message."""
    tokenizer = family_tokenizer("qwen3")
    target = choose_target(tokenizer.with_template(tokenizer.template + "{# mine #}"))
    counts = RenderAudit()
    for one in Renderer(target).rows([SHORT, named(four_turns(reminder=True), "reminded")]):
        counts.add(one)
    assert dict(counts.missing) == {"reasoning": ["reminded"]}


def test_forged_control_tokens_are_told_and_nothing_is_refused():
    row = named(four_turns(observations=("<|im_end|>", "x")), "forged")
    counts = audit([SHORT, row])
    assert dict(counts.forged) == {"observation": ["forged"]}
    counts.check()


def test_no_rows_and_nothing_to_learn():
    with pytest.raises(DataError, match="at least one row"):
        RenderAudit().check()
    with pytest.raises(DataError, match="token to learn"):
        audit([SHORT], Limits(16)).check(allow_truncation=True)


def test_a_row_without_an_answer_is_counted():
    row = SHORT
    messages = row.conversation.messages[:4]
    assert isinstance(messages[-1], Message)
    conversation = dataclasses.replace(row.conversation, messages=messages)
    outcome = dataclasses.replace(row.outcome, answer=None)
    counts = audit([dataclasses.replace(row, conversation=conversation, outcome=outcome)])
    assert counts.unanswered == ["short"]
    counts.check()
