"""Percentile bootstrap over questions, for many means at once (Efron and Tibshirani, An Introduction to the
Bootstrap, 1993, chapter 13), drawn by `scipy.stats.bootstrap`.

A mean over rows is a ratio of two sums over questions, of values and of rows; whole questions are drawn, so
that repeated samples of a question stay together. All means of a call share their draws. A draw is kept as
how often it holds each question, so that every mean of a batch of draws is one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

Floats = NDArray[np.float64]

CONFIDENCE = 0.95
_HELD = 100_000
"""Question numbers that are held at once: so few stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Draws:
    """How many bootstrap draws, from which seed: the same ones, the same intervals."""

    resamples: int = 10_000
    seed: int = 0


DEFAULT = Draws()


@dataclass(frozen=True, slots=True)
class Means:
    """Means, each of shape (measures,), and in `drawn`, of shape (measures, draws), those of every draw.

    With a single question there is nothing to draw: the ends are NaN and `drawn` is empty.
    """

    value: Floats
    low: Floats
    high: Floats
    drawn: Floats


def means(sums: Floats, rows: Floats, draws: Draws = DEFAULT) -> Means:
    """Sum of `sums` over sum of `rows`, both of shape (questions, measures), with 95 % intervals.

    Raises:
        ValueError: no question, or one without rows.
    """
    if not len(sums) or not (rows > 0).all():
        raise ValueError("means need questions, each with at least one row")
    value: Floats = sums.sum(axis=0) / rows.sum(axis=0)
    if len(sums) == 1:
        unknown = np.full_like(value, np.nan)
        return Means(value, unknown, unknown, np.empty((len(value), 0)))
    # Mostly all measures count the same rows: their totals are worked out once.
    counted, which = np.unique(rows, axis=1, return_inverse=True)
    both = np.hstack([sums, counted])

    def statistic(drawn: NDArray[np.intp], axis: int = -1) -> Floats:
        """The means of draws; `drawn` holds numbers of questions, along its last axis."""
        del axis  # it is always the last
        totals = _counts(np.atleast_2d(drawn)) @ both
        found = (totals[:, : len(value)] / totals[:, len(value) :][:, which]).T
        return found[:, 0] if drawn.ndim == 1 else found

    result = cast(
        "Any",
        bootstrap(
            (np.arange(len(sums)),),
            statistic,
            n_resamples=draws.resamples,
            batch=max(1, _HELD // len(sums)),
            vectorized=True,
            confidence_level=CONFIDENCE,
            method="percentile",
            rng=np.random.default_rng(draws.seed),
        ),
    )
    low, high = result.confidence_interval
    return Means(value, low, high, result.bootstrap_distribution)


def _counts(drawn: NDArray[np.intp]) -> Floats:
    """How often each draw holds each question, both of shape (draws, questions)."""
    draws, questions = drawn.shape
    place = drawn + questions * np.arange(draws)[:, None]
    counts = np.bincount(place.ravel(), minlength=draws * questions)
    return counts.reshape(draws, questions).astype(np.float64)
