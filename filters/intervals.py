"""95 % intervals for shares of a finite population, from a stratified sample of it.

The population is cut into cells: rows of one stratum that a recipe treats alike (accepted, or not). Of a cell
the size N is known, n of its rows were looked at, and x of those are wrong. Three shares are asked for:

    FDR     wrong rows among the accepted                    sum of N p over accepted cells / their size
    FPR     the accepted among the wrong rows                sum of N p over accepted cells / over all cells
    recall  the accepted among the good rows                 the same with good for wrong

A value is in the interval when a score test does not reject it at 5 %: the cells' rates are fitted by maximum
likelihood under the hypothesis that the share has this value, and the distance between the fitted and the
observed wrong rows is divided by its standard error under that fit (Miettinen and Nurminen, Statistics in
Medicine 4, 1985; with one cell it is Wilson's interval, JASA 22, 1927). A cell without an error found still
counts as uncertain, which Wald's interval and the bootstrap miss. Two refinements:

    skewness     the standardised distance is corrected by its third cumulant (Gart and Nam, Biometrics 44,
                 1988), which matters where errors are rare
    finite size  n rows of N count as n (N - 1) / (N - n) independent ones (Cochran, Sampling Techniques, 3rd
                 ed. 1977, eq. 3.3): a cell that was looked at whole is exact

A cell of which nothing was looked at may hold any number of wrong rows, and the interval spans them all.
How often the intervals hold the true value is measured by benchmarks/coverage.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import elementwise
from scipy.stats import norm

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CONFIDENCE = 0.95
_Z = float(norm.ppf((1 + CONFIDENCE) / 2))
_REACH = 40.0
"""Multipliers are searched between -sinh(40) and sinh(40), some 10^17."""
_MOST_BENT = 0.25
"""Largest skewness / 6 that is corrected for: beyond 1 / (2 z) the correction could never reject."""


class Share(StrEnum):
    """What is estimated; see the module."""

    FDR = "fdr"
    FPR = "fpr"
    RECALL = "recall"


@dataclass(frozen=True, slots=True)
class Cells:
    """Problems by cells, all of shape (problems, cells) but `finite`; a cell of size 0 is no cell.

    `doubt` is the variance of the size, where that is an estimate; sizes of a side add up to a known number.
    `finite`, of shape (problems,), is False where the rows looked at stand for endlessly many others, so that
    no cell is exact and sizes are only weights.
    """

    accepted: Bools
    size: Floats
    labelled: Floats
    wrong: Floats
    doubt: Floats
    finite: Bools

    def of_good(self) -> Cells:
        """The same cells with good rows counted for wrong ones."""
        return replace(self, wrong=self.labelled - self.wrong)

    def pick(self, problems: Any) -> Cells:
        """Some of the problems."""
        return Cells(
            self.accepted[problems],
            self.size[problems],
            self.labelled[problems],
            self.wrong[problems],
            self.doubt[problems],
            self.finite[problems],
        )

    @property
    def whole(self) -> Bools:
        """The cells that were looked at whole."""
        return self.finite[:, None] & (self.size - self.labelled < 1e-9)


def estimate(cells: Cells, share: Share) -> Floats:
    """The share in each problem, by the cells' observed rates; NaN where its denominator is 0 or unknown.

    A cell of which nothing was looked at is taken to be like the others on its side, accepted or not.
    """
    cells = cells.of_good() if share is Share.RECALL else cells
    accepted, rejected = (_total(cells, side) for side in (cells.accepted, ~cells.accepted))
    of = _size(cells, cells.accepted) if share is Share.FDR else accepted + rejected
    return np.divide(accepted, of, out=np.full_like(of, np.nan), where=of > 0)


def interval(cells: Cells, share: Share) -> tuple[Floats, Floats]:
    """Low and high ends in each problem; NaN where `estimate` is, and both that value where all is known."""
    value = estimate(cells, share)
    low, high = value.copy(), value.copy()
    open_ = np.flatnonzero(~np.isnan(value) & ~cells.whole.all(axis=1))
    if open_.size:
        test = _Test.of(cells.pick(open_), share)
        least, most = test.bounds()
        low[open_] = np.maximum(test.end(np.zeros(open_.size), value[open_]), least)
        high[open_] = np.minimum(test.end(np.ones(open_.size), value[open_]), most)
    return np.fmin(low, value), np.fmax(high, value)


def _size(cells: Cells, side: Bools) -> Floats:
    return np.where(side, cells.size, 0).sum(axis=1)


def _total(cells: Cells, side: Bools) -> Floats:
    """Estimated wrong rows on one side; NaN where none of its rows was looked at."""
    seen = side & (cells.labelled > 0)
    weight = np.divide(cells.size, cells.labelled, out=np.zeros_like(cells.size), where=seen)
    wrong, covered, size = (weight * cells.wrong).sum(axis=1), _size(cells, seen), _size(cells, side)
    stretch = np.divide(size, covered, out=np.full_like(wrong, np.nan), where=covered > 0)
    return np.where(size > 0, wrong * stretch, 0)


def _independent(cells: Cells) -> tuple[Floats, Floats]:
    """How many independent rows each cell counts for, and the factor of its skewness (1 for n << N)."""
    left = cells.size - cells.labelled
    part = cells.finite[:, None] & ~cells.whole
    counts = np.divide(cells.labelled * (cells.size - 1), left, out=cells.labelled.copy(), where=part)
    skew = np.divide(left - cells.labelled, left, out=np.ones_like(left), where=part)
    return np.where(cells.whole, np.inf, counts), skew


@dataclass(frozen=True, slots=True)
class _Test:
    """The score test of `sum of weight(value) * p = target(value)`, for many problems at once."""

    cells: Cells
    share: Share
    counts: Floats
    skew: Floats
    rate: Floats

    @classmethod
    def of(cls, cells: Cells, share: Share) -> _Test:
        cells = cells.of_good() if share is Share.RECALL else cells
        counts, skew = _independent(cells)
        rate = np.divide(
            cells.wrong, cells.labelled, out=np.full_like(cells.size, 0.5), where=cells.labelled > 0
        )
        return cls(cells, share, counts, skew, rate)

    def bounds(self) -> tuple[Floats, Floats]:
        """What the rows that were looked at leave possible, whatever the others are."""
        cells = self.cells
        most = np.maximum(cells.size - cells.labelled, 0) + cells.wrong
        sides = cells.accepted, ~cells.accepted
        (few, few_rejected), (many, many_rejected) = (
            [np.where(side, count, 0).sum(axis=1) for side in sides] for count in (cells.wrong, most)
        )
        if self.share is Share.FDR:
            size = _size(cells, cells.accepted)
            least, most = few / size, many / size
        else:
            least, most = _part(few, many_rejected), _part(many, few_rejected)
        return np.where(cells.finite, least, 0), np.where(cells.finite, most, 1)

    def end(self, outside: Floats, inside: Floats) -> Floats:
        """The value between `outside` and `inside` from which on the test does not reject."""

        def excess(value: Floats, problem: NDArray[np.intp]) -> Floats:
            return np.abs(self.deviation(value, problem)) - _Z

        problems = np.arange(len(inside))
        rejected = excess(outside, problems) > 0
        found = _root(excess, np.where(rejected, outside, inside), inside, problems, 1e-7)
        return np.where(rejected, found, outside)

    def deviation(self, value: Floats, problem: NDArray[np.intp]) -> Floats:
        """The distance of the observed rates from those fitted to the value, in standard errors."""
        weight, target = self.hypothesis(value, problem)
        counts, skew, rate = (part[problem] for part in (self.counts, self.skew, self.rate))
        fitted = _fitted(weight, target, counts, rate)
        looked = counts > 0
        distance = np.where(looked, weight * (rate - fitted), 0).sum(axis=-1)
        spread = np.divide(fitted * (1 - fitted), counts, out=np.zeros_like(rate), where=looked)
        variance = (weight**2 * spread).sum(axis=-1) + self.doubts(weight * fitted, problem)
        third = np.divide(weight**3 * spread * (1 - 2 * fitted) * skew, counts, where=looked, out=0 * rate)
        return _standardised(distance, variance, third.sum(axis=-1))

    def doubts(self, held: Floats, problem: NDArray[np.intp]) -> Floats:
        """Variance from sizes that are not known: a row moved from one cell of a side to another changes the
        sum by the difference of what their rows hold."""
        accepted, size, doubt = (
            self.cells.accepted[problem],
            self.cells.size[problem],
            self.cells.doubt[problem],
        )
        row = np.divide(held, size, out=np.zeros_like(held), where=size > 0)
        return _scatter(row, np.where(accepted, doubt, 0)) + _scatter(row, np.where(accepted, 0, doubt))

    def hypothesis(self, value: Floats, problem: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Weights of the cells' rates, and what their sum is if the share has this value."""
        accepted, size = self.cells.accepted[problem], self.cells.size[problem]
        size = size / size.sum(axis=-1, keepdims=True)
        value = value[..., None]
        if self.share is Share.FDR:
            weight = np.where(accepted, size, 0.0)
            return weight, (value * weight).sum(axis=-1)
        return np.where(accepted, 1 - value, -value) * size, np.zeros(value.shape[:-1])


def _scatter(values: Floats, weights: Floats) -> Floats:
    """Weighted squares about the weighted mean."""
    total = weights.sum(axis=-1, keepdims=True)
    mean = np.divide((weights * values).sum(axis=-1, keepdims=True), total, out=0 * total, where=total > 0)
    return (weights * (values - mean) ** 2).sum(axis=-1)


def _part(part: Floats, rest: Floats) -> Floats:
    """`part` of both, 0 where both are 0."""
    return np.divide(part, part + rest, out=np.zeros_like(part), where=part + rest > 0)


def _fitted(weight: Floats, target: Floats, counts: Floats, rate: Floats) -> Floats:
    """The rates of largest likelihood among those with `sum of weight * p = target`.

    With a Lagrange multiplier m every p solves `m w p^2 - (m w + n) p + n rate = 0`; the sum falls with m.
    """
    largest = np.abs(weight).max(axis=-1)
    scale = 1 / np.where(largest > 0, largest, 1)

    def rates(place: Floats, problem: NDArray[np.intp]) -> Floats:
        push = np.sinh(place)[..., None] * scale[problem][..., None] * weight[problem]
        return _pushed(push, counts[problem], rate[problem])

    def surplus(place: Floats, problem: NDArray[np.intp]) -> Floats:
        return (weight[problem] * rates(place, problem)).sum(axis=-1) - target[problem]

    problems = np.arange(len(target))
    ends = np.full(len(target), -_REACH), np.full(len(target), _REACH)
    place = _root(surplus, *ends, problems, 1e-11)
    return rates(place, problems)


def _pushed(push: Floats, counts: Floats, rate: Floats) -> Floats:
    """The rates under the pressure `push` = m w; a cell that is exact does not move."""
    seen = np.where(np.isfinite(counts), np.maximum(counts, 1e-6), 1.0)
    total = push + seen
    root = np.sqrt(np.maximum(total * total - 4 * push * seen * rate, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(total > 0, 2 * seen * rate / (total + root), (total - root) / (2 * push))
    return np.where(np.isfinite(counts), np.clip(np.nan_to_num(found), 0, 1), rate)


def _root(
    function: Callable[[Floats, NDArray[np.intp]], Floats],
    first: Floats,
    last: Floats,
    problems: NDArray[np.intp],
    close: float,
) -> Floats:
    """Where a monotone function crosses 0 (Chandrupatla 1997), to about `close`; the nearer end where not."""
    ends = [function(end, problems) for end in (first, last)]
    crosses = ends[0] * ends[1] < 0
    found = np.where(np.abs(ends[0]) <= np.abs(ends[1]), first, last)
    if crosses.any():
        result = elementwise.find_root(
            function,
            (first[crosses], last[crosses]),
            args=(problems[crosses],),
            tolerances={"xatol": close, "xrtol": close, "fatol": close},
        )
        found[crosses] = result.x
    return found


def _standardised(distance: Floats, variance: Floats, third: Floats) -> Floats:
    """`distance` in standard errors, freed of skewness: s with z = s + (s^2 - 1) skewness / 6.

    Without variance a distance is infinite, unless it is 0.
    """
    error = np.sqrt(variance)
    there = (error > 1e-12) & (np.abs(distance) > 1e-12)
    z = np.divide(distance, error, out=np.zeros_like(distance), where=there)
    bend = np.divide(third, 6 * error**3, out=np.zeros_like(distance), where=there)
    bend = np.clip(bend, -_MOST_BENT, _MOST_BENT)
    inside = np.maximum(1 + 4 * bend * (z + bend), 0)
    bent = np.abs(bend) > 1e-8
    corrected = np.divide(np.sqrt(inside) - 1, 2 * bend, out=z.copy(), where=bent)
    sure = (error <= 1e-12) & (np.abs(distance) > 1e-9)
    return np.where(sure, np.sign(distance) * 1e6, corrected)
