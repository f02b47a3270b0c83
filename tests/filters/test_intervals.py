"""Intervals against outsiders (an optimiser, closed forms, plain counts), and what holds for any cells."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize
from scipy.stats import binomtest
from trajset.filters.intervals import Cells, Share, estimate, interval

Z = 1.959963984540054

Cell = tuple[bool, int, int, int]
"""Accepted, rows, labelled, wrong."""


def made(*cells: Cell, finite: bool = True) -> Cells:
    accepted, *counts = (np.array([part]) for part in zip(*cells, strict=True))
    known = np.zeros(accepted.shape)
    return Cells(accepted.astype(bool), *(part.astype(float) for part in counts), known, np.array([finite]))


def found(*cells: Cell, share: Share = Share.FDR, finite: bool = True) -> tuple[float, float, float]:
    """Low end, estimate, high end."""
    problem = made(*cells, finite=finite)
    low, high = interval(problem, share)
    return low[0], estimate(problem, share)[0], high[0]


def skewed(value: float, wrong: int, labelled: int, skew: float = 1.0, counts: float | None = None) -> float:
    """Gart and Nam's statistic for one share, written out: the root of z = s + (s^2 - 1) g / 6."""
    counts = counts or labelled
    spread = value * (1 - value)
    z = (wrong / labelled - value) / math.sqrt(spread / counts)
    g = skew * (1 - 2 * value) / math.sqrt(spread * counts)
    return brentq(lambda s: s + (s * s - 1) * g / 6 - z, -3 / abs(g), 3 / abs(g)) if abs(g) > 1e-9 else z


@pytest.mark.parametrize(("wrong", "labelled"), [(5, 50), (20, 50), (40, 50), (3, 200)])
def test_one_cell_is_the_score_interval_of_one_share(wrong: int, labelled: int) -> None:
    low, value, high = found((True, 1000, labelled, wrong), finite=False)
    assert value == wrong / labelled
    assert skewed(low, wrong, labelled) == pytest.approx(Z, abs=1e-5)
    assert skewed(high, wrong, labelled) == pytest.approx(-Z, abs=1e-5)
    theirs = binomtest(wrong, labelled).proportion_ci(method="wilson")
    assert (low, high) == (pytest.approx(theirs.low, abs=0.015), pytest.approx(theirs.high, abs=0.015))


def test_without_an_error_the_high_end_is_near_the_exact_one() -> None:
    low, value, high = found((True, 10**9, 100, 0))
    exact = binomtest(0, 100).proportion_ci(method="exact")
    assert (low, value) == (0.0, 0.0)
    assert 0.75 * exact.high < high < 1.1 * exact.high


def test_rows_of_a_finite_cell_count_for_more() -> None:
    low, _, high = found((True, 100, 50, 5))
    counts, skew = 50 * 99 / 50, 0.0  # half of the cell: its distribution is symmetric
    assert skewed(low, 5, 50, skew, counts) == pytest.approx(Z, abs=1e-5)
    assert skewed(high, 5, 50, skew, counts) == pytest.approx(-Z, abs=1e-5)


@pytest.mark.parametrize("share", Share)
def test_an_end_is_where_the_test_rejects(share: Share) -> None:
    """The fit under the hypothesis, by a general optimiser; then the statistic from its definition."""
    cells = ((True, 400, 40, 3), (True, 100, 20, 6), (False, 300, 30, 22), (False, 80, 10, 4))
    low, value, high = found(*cells, share=share)
    assert low < value < high
    assert statistic(cells, share, low) == pytest.approx(Z, abs=2e-3)
    assert statistic(cells, share, high) == pytest.approx(-Z, abs=2e-3)


def statistic(cells: tuple[Cell, ...], share: Share, value: float) -> float:
    accepted, size, labelled, wrong = (np.array(part) for part in zip(*cells, strict=True))
    sign = 1 if share is not Share.RECALL else -1
    rate = wrong / labelled if sign > 0 else 1 - wrong / labelled
    counts = labelled * (size - 1) / (size - labelled)
    if share is Share.FDR:
        weight, target = np.where(accepted, size, 0), value * size[accepted].sum()
    else:
        weight, target = np.where(accepted, 1 - value, -value) * size, 0.0

    def unlikely(rates: np.ndarray) -> float:
        return -(counts * (rate * np.log(rates) + (1 - rate) * np.log(1 - rates))).sum()

    constraint = {"type": "eq", "fun": lambda rates: (weight * rates).sum() - target}
    bounds = [(1e-9, 1 - 1e-9)] * len(rate)
    fit = minimize(
        unlikely, rate, bounds=bounds, constraints=[constraint], options={"ftol": 1e-13, "maxiter": 500}
    ).x
    spread = fit * (1 - fit) / counts
    error = math.sqrt((weight**2 * spread).sum())
    skew = (size - 2 * labelled) / (size - labelled)
    g = (weight**3 * spread * (1 - 2 * fit) / counts * skew).sum() / error**3
    z = (weight * (rate - fit)).sum() / error
    return brentq(lambda s: s + (s * s - 1) * g / 6 - z, -3 / abs(g), 3 / abs(g))


def test_what_was_looked_at_whole_is_exact() -> None:
    cells = ((True, 7, 7, 5), (True, 3, 3, 0), (False, 11, 11, 2))
    assert found(*cells) == (0.5, 0.5, 0.5)
    assert found(*cells, share=Share.FPR) == (5 / 7, 5 / 7, 5 / 7)
    assert found(*cells, share=Share.RECALL) == (5 / 14, 5 / 14, 5 / 14)


def test_a_cell_nobody_looked_at_may_hold_anything() -> None:
    seen, unseen = (True, 100, 100, 10), (True, 20, 0, 0)
    assert found(seen, unseen) == (pytest.approx(10 / 120), 0.1, pytest.approx(30 / 120))


def test_what_cannot_be_known_is_not_a_number() -> None:
    assert all(map(math.isnan, found((False, 10, 5, 1))))
    assert all(map(math.isnan, found((True, 10, 0, 0), (False, 10, 5, 1))))
    assert all(map(math.isnan, found((True, 10, 5, 0), (False, 10, 5, 0), share=Share.FPR)))
    assert all(map(math.isnan, found((True, 10, 5, 1), (False, 10, 0, 0), share=Share.FPR)))


def test_few_errors_in_large_strata_leave_doubt() -> None:
    """Wald's interval and the bootstrap would have no width here."""
    low, value, high = found((True, 900, 30, 0), (True, 900, 30, 0))
    assert (low, value) == (0.0, 0.0)
    assert 0.03 < high < 0.12


cells = st.builds(
    lambda accepted, labelled, wrong, more: (accepted, labelled + more, labelled, min(wrong, labelled)),
    st.booleans(),
    st.integers(1, 60),
    st.integers(0, 60),
    st.integers(0, 3000),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(cells, min_size=1, max_size=6), st.sampled_from(Share), st.booleans(), st.randoms())
def test_an_interval_holds_its_estimate(
    drawn: list[Cell], share: Share, finite: bool, random: object
) -> None:
    low, value, high = found(*drawn, share=share, finite=finite)
    if math.isnan(value):
        assert math.isnan(low)
        assert math.isnan(high)
        return
    assert 0 <= low <= value <= high <= 1
    shuffled = drawn.copy()
    random.shuffle(shuffled)
    again = found(*shuffled, share=share, finite=finite)
    assert again == pytest.approx((low, value, high), abs=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.lists(cells, min_size=2, max_size=5))
def test_problems_side_by_side_are_solved_alike(drawn: list[Cell]) -> None:
    """Padding and neighbours change nothing."""
    nothing = (False, 0, 0, 0)
    parts = [made(*drawn), made(*drawn[:1], *[nothing] * (len(drawn) - 1))]
    both = Cells(*(np.concatenate([getattr(part, name) for part in parts]) for name in Cells.__slots__))
    low, high = interval(both, Share.FDR)
    for place, part in enumerate(parts):
        alone = interval(part, Share.FDR)
        assert (low[place], high[place]) == pytest.approx((alone[0][0], alone[1][0]), abs=1e-6, nan_ok=True)
