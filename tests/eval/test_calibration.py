"""Reliability bins and expected calibration error against values worked out by hand and by scikit-learn."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, roc_auc_score
from trajset.eval.calibration import auroc, calibration


def test_the_error_of_four_questions_worked_out_by_hand() -> None:
    confidence, right = np.array([0.1, 0.3, 0.45, 0.9]), np.array([0.0, 1.0, 0.0, 1.0])
    found = calibration(confidence, right, bins=2)
    # (0, 0.5]: mean confidence 0.85/3, mean right 1/3, three of four; (0.5, 1]: 0.9 and 1, one of four
    assert found.ece == pytest.approx(3 / 4 * abs(1 / 3 - 0.85 / 3) + 1 / 4 * 0.1)
    assert found.histogram == (3, 1)
    assert found.bins[0].confidence == pytest.approx(0.85 / 3)
    assert found.bins[0].accuracy == pytest.approx(1 / 3)
    assert (found.bins[1].low, found.bins[1].high) == (0.5, 1.0)
    assert found.brier == pytest.approx((0.01 + 0.49 + 0.2025 + 0.01) / 4)


def test_the_ends_of_the_range_have_a_bin_and_empty_bins_know_nothing() -> None:
    found = calibration(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    assert len(found.bins) == 15
    assert found.histogram[0] == found.histogram[-1] == 1
    assert found.bins[7].accuracy is None
    assert found.bins[7].confidence is None
    assert found.ece == 0.0


def test_it_agrees_with_scikit_learn() -> None:
    draw = np.random.default_rng(3)
    confidence = draw.random(500)
    right = (draw.random(500) < confidence**2).astype(float)
    found = calibration(confidence, right)
    accuracy, mean = calibration_curve(right, confidence, n_bins=15)
    assert [one.accuracy for one in found.bins] == pytest.approx(accuracy.tolist())
    assert [one.confidence for one in found.bins] == pytest.approx(mean.tolist())
    assert found.auroc == pytest.approx(roc_auc_score(right, confidence))
    assert found.brier == pytest.approx(brier_score_loss(right, confidence))
    assert found.ece > 0.1


def test_one_class_has_no_auroc_and_a_half_right_question_counts_on_both_sides() -> None:
    assert auroc(np.array([0.2, 0.4]), np.array([1.0, 1.0])) is None
    # right: 0.9 and half of 0.5; wrong: 0.1 and half of 0.5: of 2.25 pairs 2 are in order, 0.25 is a tie
    assert auroc(np.array([0.9, 0.5, 0.1]), np.array([1.0, 0.5, 0.0])) == pytest.approx(2.125 / 2.25)
