"""How far a confidence can be trusted: reliability bins, expected calibration error, AUROC, Brier score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .results import ReliabilityBin

Floats = NDArray[np.float64]

BINS = 15


@dataclass(frozen=True, slots=True)
class Calibration:
    """Over N questions. `histogram` counts the questions of each bin; `auroc` is None where all are right or
    all are wrong."""

    bins: tuple[ReliabilityBin, ...]
    histogram: tuple[int, ...]
    ece: float
    auroc: float | None
    brier: float


def calibration(confidence: Floats, right: Floats, bins: int = BINS) -> Calibration:
    """Confidences and shares right, both of shape (N,) and in [0, 1], against each other.

    The expected calibration error is that of Naeini, Cooper and Hauskrecht (AAAI 2015) as Guo et al. (ICML
    2017, equation 3) write it: M bins of equal width, ECE = sum over the bins of (questions in the bin / N) *
    |mean right - mean confidence|. A bin is (low, high], the first with its low end too. The Brier score
    (Brier 1950) is the mean of (confidence - right)^2.
    """
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    found = tuple(
        _bin(number, bins, confidence[place == number], right[place == number]) for number in range(bins)
    )
    gaps = [
        one.questions * abs(one.accuracy - one.confidence)
        for one in found
        if one.accuracy is not None and one.confidence is not None
    ]
    return Calibration(
        found,
        tuple(one.questions for one in found),
        float(sum(gaps) / len(confidence)),
        auroc(confidence, right),
        float(np.mean((confidence - right) ** 2)),
    )


def _bin(number: int, bins: int, confidence: Floats, right: Floats) -> ReliabilityBin:
    low, high = number / bins, (number + 1) / bins
    if not len(confidence):
        return ReliabilityBin(low, high, None, None, 0)
    return ReliabilityBin(low, high, float(confidence.mean()), float(right.mean()), len(confidence))


def auroc(confidence: Floats, right: Floats) -> float | None:
    """The chance that a right answer got more confidence than a wrong one, ties counting half.

    A question that is right in a share of its rows counts on both sides. None where one side is empty.
    """
    from sklearn.metrics import roc_auc_score

    if not right.sum() or not (1 - right).sum():
        return None
    truth = np.repeat([1, 0], len(right))
    weights = np.concatenate([right, 1 - right])
    return float(roc_auc_score(truth, np.tile(confidence, 2), sample_weight=weights))
