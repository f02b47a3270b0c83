"""The simulation of adaptive search against values worked out by hand, and its intervals against scipy's."""

import numpy as np
import pytest
from scipy.stats import bootstrap
from trajset.eval.adaptive import PERCENTS, Answered, Drawing, curve, ordered, random_curve


def answered(closed: list[float], live: list[float], searches: list[float]) -> Answered:
    ids = tuple(f"q{number}" for number in range(len(closed)))
    return Answered(ids, np.array(closed), np.array(live), np.array(searches), rows=2 * len(closed))


TEN = answered(
    [1, 1, 0, 0, 0.5, 0, 0, 0, 0, 0], [1, 0, 1, 1, 1, 1, 0, 1, 1, 1], [2, 3, 2, 2, 1, 2, 2, 2, 2, 2]
)
FALLING = np.linspace(0.9, 0.1, 10)


def values(points, name: str) -> dict[float, float]:
    return {point.percent: getattr(point, name).value for point in points}


def test_the_curve_of_ten_questions_worked_out_by_hand() -> None:
    points = curve(TEN, FALLING)
    assert tuple(point.percent for point in points) == PERCENTS
    assert [point.closed_book for point in points] == [0, 0, 1, 1, 2, 5, 10]
    f1 = values(points, "f1")
    assert f1[0] == pytest.approx(0.8)
    assert f1[10] == pytest.approx(0.8)  # q0 is right in both
    assert f1[20] == pytest.approx(0.9)  # q1 is right from memory alone
    assert f1[50] == pytest.approx((1 + 1 + 0 + 0 + 0.5 + 1 + 0 + 1 + 1 + 1) / 10)
    assert f1[100] == pytest.approx(0.25)
    assert values(points, "change")[100] == pytest.approx(-0.55)
    assert values(points, "searches") == pytest.approx(
        {0: 2.0, 1: 2.0, 5: 1.8, 10: 1.8, 20: 1.5, 50: 1.0, 100: 0.0}
    )


def test_nothing_changes_at_0_percent_and_unknown_ends_stay_unknown() -> None:
    first = curve(TEN, FALLING)[0].change
    assert (first.value, first.low, first.high) == (0.0, 0.0, 0.0)
    lonely = curve(answered([1.0], [0.0], [1.0]), np.array([0.5]))[-1].change
    assert (lonely.value, lonely.low, lonely.high) == (1.0, None, None)


def test_the_interval_is_that_of_scipy_on_the_paired_differences() -> None:
    change = curve(TEN, FALLING, Drawing(3000, seed=5))[-1].change
    differences = TEN.closed_f1 - TEN.live_f1
    expected = bootstrap(
        (differences,), np.mean, n_resamples=3000, method="percentile", rng=5
    ).confidence_interval
    assert (change.low, change.high) == pytest.approx((expected.low, expected.high))
    assert change.questions == 10
    assert change.rows == 20


def test_ties_have_one_order_whatever_order_the_questions_came_in() -> None:
    ids = [f"q{number}" for number in range(50)]
    confidence = np.full(50, 0.5)
    first = [ids[place] for place in ordered(confidence, ids)]
    again = [ids[::-1][place] for place in ordered(confidence, ids[::-1])]
    assert first == again
    assert first != ids
    confidence[7] = 0.6
    assert ordered(confidence, ids)[0] == 7


def test_a_random_confidence_is_the_mean_over_all_orders() -> None:
    draw = np.random.default_rng(0)
    many = [values(curve(TEN, draw.random(10), Drawing(10)), "f1")[50] for _ in range(150)]
    assert values(random_curve(TEN), "f1")[50] == pytest.approx(np.mean(many), abs=0.03)
    assert values(random_curve(TEN), "searches")[50] == pytest.approx(1.0)
