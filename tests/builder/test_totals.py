"""Sums over rows: pauses between sessions, the last minutes, kinds of error that do not pile up."""

from dataclasses import replace

import pytest
from trajset.builder.schema import StopReason
from trajset.builder.totals import PAUSE_S, WINDOW_S, Fact, Totals, kind_of

FACT = Fact("a", StopReason.ANSWERED, 0.0, 0.5, 2, 100, 10, None)
BROKEN = replace(FACT, reason=StopReason.INFRASTRUCTURE, f1=None, error="ChatServerError: no")


def counted(*facts: Fact) -> Totals:
    totals = Totals()
    for fact in facts:
        totals.add(fact)
    return totals


def at(*times: float) -> Totals:
    return counted(*(replace(FACT, id=str(place), at=time) for place, time in enumerate(times)))


def test_a_pause_between_sessions_does_not_lower_the_rate():
    assert at(0, 10, 20).rate == pytest.approx(0.1)
    paused = at(0, 10, 20, 20 + 10 * PAUSE_S, 30 + 10 * PAUSE_S)
    assert paused.active_s == 30
    assert paused.rate == pytest.approx(4 / 30)


def test_one_row_has_no_rate():
    assert at(5).rate is None
    assert Totals().rate is None


def test_the_recent_rate_is_of_this_session_and_the_last_minutes():
    totals = at(*range(0, 1000, 10))
    assert totals.recent_rate(1000.0, since=0.0) == pytest.approx(30 / WINDOW_S)
    assert at(990, 995).recent_rate(1000.0, since=980.0) == pytest.approx(2 / 20)
    assert at(0, 10).recent_rate(10_000.0, since=9_000.0) is None  # all of them of an earlier session
    assert at(0, 10).recent_rate(1000.0, since=0.0) == 0.0  # it has come to a halt


def test_a_row_takes_the_place_of_the_broken_one():
    totals = counted(BROKEN, replace(BROKEN, id="b"), replace(FACT, at=1.0))
    assert (totals.finished, totals.failed, totals.scored, totals.searches) == (2, 1, 1, 2)
    assert (totals.prompt_tokens, totals.completion_tokens) == (200, 20)
    assert [kind.count for kind in totals.errors.values()] == [1]


def test_errors_that_differ_in_numbers_are_one_kind():
    assert kind_of("E: port 81 refused; got 'x'. Fix 3.") == "E: port # refused"
    assert len(kind_of("x" * 500)) == 120


def test_kinds_do_not_pile_up():
    errors = (replace(BROKEN, id=str(n), error=f"E{'x' * n}: no") for n in range(100))
    totals = counted(*errors)
    assert len(totals.errors) == 21
    assert sum(kind.count for kind in totals.errors.values()) == 100
    for n in range(100):
        totals.add(replace(FACT, id=str(n)))
    assert totals.errors == {}


def test_unknown_tokens_count_as_none_spent():
    totals = counted(replace(FACT, prompt_tokens=None, completion_tokens=None))
    assert (totals.prompt_tokens, totals.completion_tokens) == (0, 0)
