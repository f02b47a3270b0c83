"""Adaptive search, simulated: the most confident questions are answered closed book, the others live.

Nothing is run again: a question takes its closed-book row's F1 and no search, or its live row's F1 and
searches. The paper lets the top 1, 5, 10 and 20 % be answered without a search; 0 is live, 100 closed book.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..builder.identity import text_hash
from .results import AdaptivePoint, Estimate

Floats = NDArray[np.float64]

PERCENTS = (0.0, 1.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_BATCH = 1_000_000
"""Values that are drawn at once."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What is known of N questions, each value a mean over the rows of its question: F1 closed book, F1 and
    searches live, all of shape (N,). `rows` are those of both modes, `unscored` the questions left out for
    want of a score in one of them."""

    question_ids: tuple[str, ...]
    closed_f1: Floats
    live_f1: Floats
    searches: Floats
    rows: int
    unscored: int = 0


@dataclass(frozen=True, slots=True)
class Drawing:
    """How the intervals are drawn."""

    draws: int = 2000
    seed: int = 0


DRAWING = Drawing()


def curve(answered: Answered, confidence: Floats, drawing: Drawing = DRAWING) -> tuple[AdaptivePoint, ...]:
    """The curve with confidences of shape (N,). The confidence is taken as given: the intervals are those of
    drawing questions, not of training another probe."""
    rank = np.empty(len(confidence), int)
    rank[ordered(confidence, answered.question_ids)] = np.arange(len(confidence))
    return _curve(answered, lambda count: (rank < count).astype(float), drawing)


def random_curve(answered: Answered, drawing: Drawing = DRAWING) -> tuple[AdaptivePoint, ...]:
    """What a confidence that knows nothing gives on average: each question is as likely as another."""
    total = len(answered.question_ids)
    return _curve(answered, lambda count: np.full(total, count / total), drawing)


def ordered(confidence: Floats, question_ids: Sequence[str]) -> list[int]:
    """Places from most to least confident. Equals follow the hashes of their ids: always the same order, and
    none that the questions came in."""
    return sorted(range(len(confidence)), key=lambda at: (-confidence[at], text_hash(question_ids[at]), at))


def _curve(
    answered: Answered, closed: Callable[[int], Floats], drawing: Drawing
) -> tuple[AdaptivePoint, ...]:
    """`closed`: for a number of questions, the share of each question that is answered closed book."""
    total = len(answered.question_ids)
    counts = [int(total * percent / 100 + 0.5) for percent in PERCENTS]
    return tuple(
        _point(answered, percent, count, closed(count), drawing)
        for percent, count in zip(PERCENTS, counts, strict=True)
    )


def _point(answered: Answered, percent: float, count: int, closed: Floats, drawing: Drawing) -> AdaptivePoint:
    change = closed * (answered.closed_f1 - answered.live_f1)

    def estimated(values: Floats) -> Estimate:
        return replace(estimate(values, drawing), rows=answered.rows, unscored=answered.unscored)

    return AdaptivePoint(
        percent,
        f1=estimated(answered.live_f1 + change),
        change=estimated(change),
        searches=estimated((1 - closed) * answered.searches),
        closed_book=count,
    )


def estimate(values: Floats, drawing: Drawing) -> Estimate:
    """The mean of values by question with its 95 % percentile bootstrap interval (Efron 1979); the same draws
    of questions for every set of as many values."""
    from scipy.stats import bootstrap

    mean = float(values.mean())
    if len(values) < 2:
        return Estimate(mean, None, None, len(values), len(values))
    found: Any = bootstrap(
        (values,),
        np.mean,
        n_resamples=drawing.draws,
        batch=max(1, _BATCH // len(values)),
        method="percentile",
        rng=np.random.default_rng(drawing.seed),
    )
    low, high = found.confidence_interval
    return Estimate(mean, float(low), float(high), len(values), len(values))
