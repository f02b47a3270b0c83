"""The probe finds what is planted in the features, finds nothing where nothing is, and never peeks."""

import numpy as np
import pytest
from probe_samples import planted
from trajset.eval.calibration import calibration
from trajset.eval.confidence import Examples, confidence
from trajset.eval.probe_options import ProbeOptions


def one_each(right: np.ndarray) -> Examples:
    return Examples(np.arange(len(right)), right.astype(bool), [f"q{number}" for number in range(len(right))])


def test_a_planted_signal_is_found() -> None:
    values, _ = planted(500)
    right = values @ np.linspace(-1, 1, values.shape[1]) > 0
    found = confidence(values.astype(np.float32), one_each(right), ProbeOptions())
    assert not found.constant
    assert found.components == 32
    said = calibration(found.values, right.astype(float))
    assert said.auroc is not None
    assert said.auroc > 0.97
    assert said.ece < 0.15


def test_a_chance_is_met_by_the_confidence() -> None:
    values, chance = planted(800)
    right = np.random.default_rng(1).random(800) < chance
    found = confidence(values.astype(np.float32), one_each(right), ProbeOptions())
    assert calibration(found.values, right.astype(float)).ece < 0.08
    assert np.corrcoef(found.values, chance)[0, 1] > 0.9


def test_shuffled_labels_teach_nothing() -> None:
    values, chance = planted(500)
    right = np.random.default_rng(2).permutation(chance > 0.5)
    said = calibration(
        confidence(values.astype(np.float32), one_each(right), ProbeOptions()).values, right.astype(float)
    )
    assert said.auroc == pytest.approx(0.5, abs=0.08)


def test_near_duplicates_never_stand_on_both_sides() -> None:
    """Each question twice, with a label that only its twin gives away."""
    draw = np.random.default_rng(4)
    values = np.repeat(draw.normal(size=(200, 16)), 2, axis=0).astype(np.float32)
    right = np.repeat(draw.random(200) < 0.5, 2)
    apart = one_each(right)
    together = Examples(apart.question, apart.right, [f"g{number // 2}" for number in range(400)])
    leaked, clean = (
        calibration(confidence(values, one, ProbeOptions()).values, right.astype(float)).auroc
        for one in (apart, together)
    )
    assert leaked is not None
    assert clean is not None
    assert leaked > 0.6
    assert clean == pytest.approx(0.5, abs=0.1)


def test_the_seed_decides() -> None:
    values, chance = planted(100)
    one, again, other = (
        confidence(values.astype(np.float32), one_each(chance > 0.5), ProbeOptions(seed=seed)).values
        for seed in (0, 0, 1)
    )
    assert (one == again).all()
    assert (one != other).any()


@pytest.mark.parametrize("right", [0, 9, 51, 60])
def test_a_class_that_is_too_small_gives_the_base_rate(right: int) -> None:
    values, _ = planted(60)
    found = confidence(values.astype(np.float32), one_each(np.arange(60) < right), ProbeOptions())
    assert found.constant
    assert found.values == pytest.approx(np.full(60, right / 60))
    assert found.components == 0


def test_several_rows_of_a_question_are_learnt_from_and_give_one_confidence() -> None:
    values, chance = planted(200)
    question = np.repeat(np.arange(200), 3)
    right = np.random.default_rng(5).random(600) < chance[question]
    rows = Examples(question, right, [f"q{number}" for number in question])
    found = confidence(values.astype(np.float32), rows, ProbeOptions(components=24))
    assert found.values.shape == (200,)
    assert found.components == 24
    assert np.corrcoef(found.values, chance)[0, 1] > 0.4
