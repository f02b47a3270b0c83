"""Collapse by its rules: each fires on a curve made for it, none on a healthy one."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest
from trajset.trainers.collapse import Detector, detect, ends_of
from trajset.trainers.grpo_options import CollapseOptions

OPTIONS = CollapseOptions(collapse_window=10)
HEALTHY = {
    "reward": 0.5,
    "entropy": 0.4,
    "completions/mean_length": 60.0,
    "rollouts/searched": 1.0,
    "rollouts/answered": 0.95,
    "frac_reward_zero_std": 0.3,
}


def history(**curves: list[float]) -> list[dict[str, Any]]:
    """Points with healthy values but for these curves (`/` as `__`); the longest curve's length."""
    length = max(map(len, curves.values()), default=40)
    named = {name.replace("__", "/"): values for name, values in curves.items()}
    return [
        HEALTHY
        | {name: values[min(place, len(values) - 1)] for name, values in named.items()}
        | {"step": place}
        for place in range(length)
    ]


def ramp(start: float, end: float, flat: int = 20, steep: int = 20) -> list[float]:
    return [start] * flat + [start + (end - start) * place / steep for place in range(steep + 1)] + [end] * 10


@pytest.mark.parametrize(
    ("curves", "what"),
    [
        ({"reward": ramp(0.6, 0.1)}, "reward fell"),
        ({"rollouts__answered": ramp(0.9, 0.2)}, "answers fell"),
        ({"rollouts__searched": ramp(1.0, 0.0)}, "searches fell"),
        ({"entropy": ramp(0.4, 0.0)}, "entropy vanished"),
        ({"entropy": ramp(0.4, 3.0)}, "entropy exploded"),
        ({"completions__mean_length": ramp(60, 5)}, "length collapsed"),
        ({"completions__mean_length": ramp(60, 400)}, "length exploded"),
        ({"frac_reward_zero_std": [1.0] * 30, "reward": [0.0] * 30}, "no learning signal"),
    ],
)
def test_each_rule_fires_on_its_curve_once(curves: dict[str, list[float]], what: str):
    (found,) = detect(history(**curves), OPTIONS)
    assert found.name == what
    assert found.step >= 9
    assert what in str(found)
    assert found.to_json()["what"] == what


def test_a_healthy_curve_is_not_told_of():
    noise = random.Random(0)
    rising = [min(0.9, 0.2 + 0.004 * place) + noise.gauss(0, 0.1) for place in range(200)]
    entropy = [max(0.05, 0.8 - 0.004 * place) + noise.uniform(0, 0.05) for place in range(200)]
    length = [60 + 0.1 * place + noise.gauss(0, 8) for place in range(200)]
    spread = [noise.uniform(0, 0.6) for _ in range(200)]
    curves = {"reward": rising, "entropy": entropy, "completions__mean_length": length}
    assert detect(history(**curves, frac_reward_zero_std=spread), OPTIONS) == []


def test_a_solved_task_has_no_spread_and_is_no_collapse():
    assert detect(history(reward=[1.0] * 30, frac_reward_zero_std=[1.0] * 30), OPTIONS) == []


def test_a_student_that_never_searched_has_not_stopped_searching():
    assert detect(history(rollouts__searched=[0.0] * 30), OPTIONS) == []


def test_a_short_dip_is_no_collapse():
    assert detect(history(reward=[0.6] * 20 + [0.0] * 2 + [0.6] * 20), OPTIONS) == []


def test_a_small_reward_that_halves_is_within_the_noise():
    assert detect(history(reward=[0.06] * 20 + [0.02] * 20), OPTIONS) == []


def test_nothing_is_said_before_the_window_is_full():
    detector = Detector(OPTIONS)
    for point in history(reward=[0.0] * 9, frac_reward_zero_std=[1.0] * 9):
        assert detector.see(point) == []
    assert not detector.judged
    assert [one.name for one in detector.see(history(reward=[0.0], frac_reward_zero_std=[1.0])[0])]
    assert detector.judged


def test_points_without_a_value_are_passed_over():
    points = history(reward=ramp(0.6, 0.1))
    with_gaps = [
        one
        for place, point in enumerate(points)
        for one in (point, {"step": place, "reward": None}, {"step": place, "train_runtime": 1.0})
    ]
    with_gaps.append({"step": 99, "reward": float("nan")})
    assert detect(with_gaps, OPTIONS) == detect(points, OPTIONS)


def test_seeing_a_history_again_finds_the_same_at_the_same_steps():
    points = history(reward=ramp(0.6, 0.1), rollouts__answered=ramp(0.9, 0.2, flat=25))
    detector = Detector(OPTIONS)
    told = [(point["step"], one.name) for point in points for one in detector.see(point)]
    assert [(one.step, one.name) for one in detect(points, OPTIONS)] == told
    assert [name for _, name in told] == ["reward fell", "answers fell"]


def test_thresholds_are_options():
    curve = history(reward=ramp(0.6, 0.4))
    assert detect(curve, OPTIONS) == []
    (found,) = detect(curve, dataclasses.replace(OPTIONS, collapse_reward_fall=0.8))
    assert found.before == pytest.approx(0.6)
    assert found.now < 0.48


def test_the_ends_of_a_curve_do_not_overlap():
    points = [{"reward": float(place), "step": place} for place in range(6)]
    ends = ends_of(points, "reward", 20)
    assert ends is not None
    assert (ends.first, ends.last) == (1.0, 4.0)
    assert ends_of(points, "entropy", 20) is None
