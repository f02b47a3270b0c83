"""Ranks as far as intervals tell, names, forms, and the differences with a baseline."""

import dataclasses

import evaluation_samples as samples
import pytest
from trajset.builder.errors import ConfigError
from trajset.eval.cells import Cell, Mode
from trajset.eval.report import forms
from trajset.eval.report.baseline import against
from trajset.eval.report.labels import labels_of
from trajset.eval.report.leaderboard import rank
from trajset.eval.report.published import MEASURES, published
from trajset.eval.results import Estimate, Evaluation, Summary


def measured(model: str, low: float | None, high: float | None, mode: Mode = Mode.LIVE) -> Summary:
    value = 0.5 if low is None or high is None else (low + high) / 2
    return Summary(Cell("set", model, mode), 9, 9, {"f1": Estimate(value, low, high, 9, 9)}, {}, {})


def test_a_rank_is_as_wide_as_the_intervals_leave_it() -> None:
    best, second, third = measured("a", 0.6, 0.7), measured("b", 0.5, 0.65), measured("c", 0.4, 0.55)
    last = measured("d", 0.1, 0.2)
    every = (best, second, third, last)
    assert [rank(one, every) for one in every] == ["1–2", "1–3", "2–3", "4"]


def test_a_rank_is_among_equal_measurements_that_are_scored() -> None:
    live, closed = measured("a", 0.6, 0.7), measured("b", 0.1, 0.2, Mode.CLOSED_BOOK)
    assert rank(live, (live, closed)) == "alone"
    single = measured("c", None, None)
    assert rank(single, (live, single)) == "1–2"
    unscored = dataclasses.replace(single, quality={"f1": samples.NOTHING})
    assert rank(unscored, (live, unscored)) == forms.UNKNOWN
    assert rank(live, (live, unscored)) == "alone"


def test_differences_with_a_baseline_have_it_second() -> None:
    found = samples.full()
    name = samples.MODELS[0]
    kept = against(found, name)
    assert {one.second.model for one in kept.paired} == {name}
    assert len(kept.paired) == 8
    first, turned = found.paired[0], kept.paired[0]
    assert turned.first == first.second
    assert turned.difference.value == -(first.difference.value or 0)
    assert turned.difference.low == -(first.difference.high or 0)
    assert turned.difference.high == -(first.difference.low or 0)
    assert turned.sign_changes == first.sign_changes
    with pytest.raises(ConfigError, match="nobody"):
        against(found, "nobody")


def test_a_commit_is_cut_only_where_the_name_stays_alone() -> None:
    short = labels_of(samples.full())
    assert short.model(samples.MODELS[0]) == "Qwen/Qwen3-1.7B@70d244cc"
    near = f"{samples.MODELS[0][:-1]}0"
    cells = [Cell("set", model) for model in (samples.MODELS[0], near)]
    two = labels_of(Evaluation(tuple(samples.summary(cell, 0.5) for cell in cells), (), (), (), (), ()))
    assert two.model(near) == near


def test_more_models_than_colours_still_look_unlike() -> None:
    labels = labels_of(samples.many_models())
    looks = {(one.colour, one.marker) for one in map(labels.series, labels.models)}
    assert len(looks) == len(labels.models) == 8


@pytest.mark.parametrize(
    ("estimate", "show", "expected"),
    [
        (Estimate(0.576, 0.54, 0.61, 9, 9), forms.points, "54.0–61.0"),
        (Estimate(-0.031, -0.052, 0.004, 9, 9), forms.signed_points, "−5.2 to +0.4"),
        (Estimate(-0.0001, -0.0002, 0.0, 9, 9), forms.signed_points, "0.0–0.0"),
        (Estimate(1.0, None, None, 1, 1), forms.points, "no interval"),
        (Estimate(None, None, None, 0, 0, 4), forms.points, ""),
    ],
)
def test_intervals(estimate: Estimate, show: forms.Show, expected: str) -> None:
    assert forms.interval(estimate, show) == expected


def test_what_is_unknown_says_why() -> None:
    assert forms.estimate_cell(Estimate(None, None, None, 0, 0, 4), forms.points).detail == "4 unscored"
    assert forms.estimate_cell(None, forms.points).detail == "not measured"
    assert forms.estimate_cell(samples.NOTHING, forms.points).text == forms.UNKNOWN


def test_a_difference_is_clear_where_its_interval_leaves_out_0() -> None:
    assert forms.is_clear(Estimate(0.1, 0.01, 0.2, 9, 9))
    assert forms.is_clear(Estimate(-0.1, -0.2, -0.01, 9, 9))
    assert not forms.is_clear(Estimate(0.1, 0.0, 0.2, 9, 9))
    assert not forms.is_clear(Estimate(0.1, None, None, 1, 1))


def test_the_published_figures_are_those_of_the_paper() -> None:
    found = {(one.method, one.benchmark): one.value for one in published().of("f1", "hotpotqa")}
    assert found[("distilled", "hotpotqa")] == 47.9
    assert found[("ASP, SFT", "hotpotqa")] == 57.6
    assert [one.value for one in published().of("searches")] == [1.72, 1.89, 2.47, 2.84, 3.02]
    assert {one.measure for one in published().figures} == set(MEASURES)
    named = published().measured(["hotpotqa_val500", "2WikiMultihopQA", "musique"])
    assert [one.key for one in named] == ["hotpotqa", "2wikimultihopqa"]
