"""The whole probe on planted features and made-up rows whose outcome is known."""

import dataclasses

import numpy as np
import pytest
from probe_samples import closed_row, features, live_row, planted
from trajset.builder.errors import DataError
from trajset.eval.probe import ProbeRows, asked, probe_features
from trajset.eval.probe_options import ProbeOptions
from trajset.eval.results import Probe

COUNT = 240


def known(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features, and which questions are right closed book: a third, told by one direction."""
    values, chance = planted(COUNT, seed)
    return values, chance >= np.sort(chance)[-COUNT // 3]


def probed(closed: np.ndarray, live: np.ndarray, options: ProbeOptions | None = None) -> Probe:
    values, _ = known()
    rows = ProbeRows(
        [closed_row(number, float(f1)) for number, f1 in enumerate(closed)],
        [live_row(number, float(f1), searches=2) for number, f1 in enumerate(live)],
    )
    return probe_features(features(values), rows, options or ProbeOptions(draws=200, folds=3))


def changes(points) -> dict[float, float]:
    return {point.percent: point.change.value for point in points}


def test_a_model_that_knows_what_it_knows_may_answer_it_from_memory() -> None:
    _, right = known()
    found = probed(right, np.full(COUNT, 0.8), ProbeOptions(draws=200))
    assert (found.benchmark, found.model, found.revision) == ("demo", "student", "abc")
    assert (found.layer, found.layers, found.components) == (2, 4, 32)
    assert (found.questions, found.right, found.right_by) == (COUNT, int(right.sum()), "em")
    assert found.auroc is not None
    assert found.auroc > 0.9
    assert sum(found.histogram) == COUNT
    assert len(found.bins) == len(found.histogram) == 15
    assert not found.constant
    assert not found.simulated
    curve, oracle, chance = (changes(one) for one in (found.curve, found.oracle_curve, found.random_curve))
    assert curve[0] == chance[0] == 0
    assert oracle[20] == pytest.approx(0.2 * 0.2)  # all of them right, live 0.8
    assert curve[20] == pytest.approx(oracle[20], abs=0.02)
    assert chance[20] == pytest.approx(0.2 * (right.mean() - 0.8))
    assert found.curve[4].change.low > 0
    assert curve[100] == oracle[100] == pytest.approx(chance[100]) == pytest.approx(right.mean() - 0.8)
    assert found.curve[4].searches.value == pytest.approx(0.8 * 2)


def test_the_ends_of_the_curve_are_live_and_closed_book() -> None:
    _, right = known()
    live = np.random.default_rng(1).random(COUNT)
    found = probed(right, live)
    first, last = found.curve[0], found.curve[-1]
    assert (first.closed_book, last.closed_book) == (0, COUNT)
    assert first.f1.value == pytest.approx(live.mean())
    assert last.f1.value == pytest.approx(right.mean())
    assert last.searches.value == 0
    assert first.f1.questions == COUNT
    assert first.f1.rows == 2 * COUNT


def test_rows_without_a_score_are_left_out_and_counted() -> None:
    values, right = known()
    closed = [closed_row(number, float(f1)) for number, f1 in enumerate(right)]
    closed[0] = closed_row(0, None)
    live = [live_row(number, 0.5) for number in range(COUNT + 1)]
    live[1] = live_row(1, None)
    found = probe_features(features(values), ProbeRows(closed, live[:-11]), ProbeOptions(draws=100, folds=2))
    assert found.questions == COUNT - 1
    point = found.curve[0].f1
    assert point.questions == COUNT - 12
    assert point.unscored == 11


def test_several_samples_count_as_their_mean() -> None:
    values, right = known()
    closed = [
        closed_row(number, float(f1 and sample == 0), sample)
        for number, f1 in enumerate(right)
        for sample in (0, 1, 2)
    ]
    live = [
        live_row(number, f1, searches, sample)
        for number in range(COUNT)
        for sample, (f1, searches) in enumerate(((0.0, 1), (1.0, 4)))
    ]
    found = probe_features(features(values), ProbeRows(closed, live), ProbeOptions(draws=100, folds=2))
    assert found.right == 0  # no question is right in half of its rows
    assert found.curve[0].f1.value == pytest.approx(0.5)
    assert found.curve[0].searches.value == pytest.approx(2.5)
    assert found.curve[-1].f1.value == pytest.approx(right.mean() / 3)
    assert found.curve[0].f1.rows == 5 * COUNT


def test_where_nothing_can_be_learnt_it_is_said_and_nothing_made_up() -> None:
    found = probed(np.zeros(COUNT), np.full(COUNT, 0.5))
    assert found.constant
    assert found.right == 0
    assert (found.ece, found.auroc, found.brier, found.components) == (None, None, None, 0)
    assert changes(found.curve)[10] == pytest.approx(-0.05)
    assert changes(found.curve) == pytest.approx(changes(found.random_curve))


def test_without_live_rows_there_is_no_curve() -> None:
    values, right = known()
    rows = ProbeRows([closed_row(number, float(f1)) for number, f1 in enumerate(right)])
    found = probe_features(features(values), rows, ProbeOptions())
    assert found.curve == found.oracle_curve == found.random_curve == ()
    assert found.ece is not None


def test_right_may_be_said_by_f1_or_a_judge() -> None:
    values, right = known()
    closed = [closed_row(number, 0.7 if f1 else 0.6) for number, f1 in enumerate(right)]
    by_f1 = probe_features(features(values), ProbeRows(closed), ProbeOptions(right_by="f1", folds=2))
    assert (by_f1.right, by_f1.right_by) == (int(right.sum()), "f1")
    judged = [
        dataclasses.replace(row, verdicts=dataclasses.replace(row.verdicts, llm_judge=number % 2 == 0))
        for number, row in enumerate(closed)
    ]
    by_judge = ProbeOptions(right_by="llm_judge", folds=2)
    assert probe_features(features(values), ProbeRows(judged), by_judge).right == COUNT // 2
    with pytest.raises(DataError, match="must have llm_judge; got 'none'"):
        probe_features(features(values), ProbeRows(closed), by_judge)
    assert len(asked(judged[:3], by_judge)) == 3


def test_rows_that_do_not_meet_are_refused() -> None:
    values, _ = known()
    closed = [closed_row(number, 1.0) for number in range(20)]
    with pytest.raises(DataError, match="must share scored questions"):
        probe_features(features(values), ProbeRows(closed, [live_row(900, 1.0)]), ProbeOptions())
    with pytest.raises(DataError, match="features: must be there for every question"):
        probe_features(features(values[:5]), ProbeRows(closed), ProbeOptions(folds=2))
