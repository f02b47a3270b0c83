"""Metrics against numpy and scipy on the rows themselves, and against a resampling written out by hand."""

import dataclasses
import math
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sample_rows import sample_row
from scipy.stats import bootstrap
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.manifest import MadeBy
from trajset.builder.schema import Judgement, Row, StopReason
from trajset.eval.bootstrap import Draws, means
from trajset.eval.cells import Mode, cell_of
from trajset.eval.frame import Measurement, frame_of
from trajset.eval.metrics import summarise, summarise_rows
from trajset.eval.results import Estimate, Summary


def row_of(question: int, sample: int, f1: float | None, searches: int = 1, hops: int | None = 2) -> Row:
    row = sample_row(100 * question + sample, f1=f1)
    return dataclasses.replace(
        row,
        identity=dataclasses.replace(row.identity, sample_index=sample),
        question=dataclasses.replace(row.question, question_id=f"q{question}", hops=hops),
        search_use=dataclasses.replace(row.search_use, n_searches=searches),
    )


def broken(row: Row) -> Row:
    return dataclasses.replace(
        row,
        outcome=dataclasses.replace(row.outcome, answer=None, stop_reason=StopReason.INFRASTRUCTURE),
        scores=dataclasses.replace(row.scores, f1=None, em=None, cover_match=None),
    )


def rows_of(seed: int, questions: int, repeated: bool) -> list[Row]:
    rng = np.random.default_rng(seed)
    return [
        row_of(question, sample, round(float(rng.random()), 3), int(rng.integers(0, 4)), 1 + question % 3)
        for question in range(questions)
        for sample in range(int(rng.integers(1, 4)) if repeated else 1)
    ]


def test_intervals_are_scipys_on_the_same_rows() -> None:
    rows = rows_of(1, 60, repeated=False)
    found = summarise_rows(rows)
    for name, values in (
        ("f1", [row.scores.f1 for row in rows]),
        ("searches", [row.search_use.n_searches for row in rows]),
    ):
        theirs = bootstrap(
            (values,), np.mean, method="percentile", n_resamples=10_000, rng=np.random.default_rng(0)
        ).confidence_interval
        ours = (found.quality | found.behaviour)[name]
        assert ours.value == pytest.approx(np.mean(values))
        assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=1e-12)


def test_repeated_samples_are_drawn_by_question() -> None:
    rows = rows_of(2, 40, repeated=True)
    by_question: dict[str, list[float]] = {}
    for row in rows:
        by_question.setdefault(row.question.question_id, []).append(row.scores.f1 or 0.0)
    groups = list(by_question.values())
    rng = np.random.default_rng(9)
    drawn = [
        np.mean(np.concatenate([groups[place] for place in rng.integers(0, len(groups), len(groups))]))
        for _ in range(20_000)
    ]
    ours = summarise_rows(rows).quality["f1"]
    assert ours.value == pytest.approx(np.mean([value for group in groups for value in group]))
    assert (ours.low, ours.high) == pytest.approx(tuple(np.percentile(drawn, (2.5, 97.5))), abs=0.005)
    assert (ours.questions, ours.rows) == (40, len(rows))


def test_a_question_asked_often_is_not_many_questions() -> None:
    once = [row_of(question, 0, float(question % 2)) for question in range(20)]
    often = [row_of(question, sample, float(question % 2)) for question in range(20) for sample in range(8)]
    few, many = (summarise_rows(rows).quality["f1"] for rows in (once, often))
    assert (few.value, few.low, few.high) == (many.value, many.low, many.high)


def test_unknown_is_left_out_and_counted() -> None:
    rows = [row_of(0, 0, 1.0), row_of(1, 0, 0.0), broken(row_of(2, 0, None, searches=5))]
    found = summarise_rows(rows)
    assert (found.rows, found.questions) == (3, 3)
    for estimate in (found.quality["f1"], found.quality["em"], found.behaviour["searches"]):
        assert (estimate.questions, estimate.rows, estimate.unscored) == (2, 2, 1)
    assert found.quality["f1"].value == 0.5
    assert found.behaviour["searches"].value == 1.0
    assert found.behaviour["answered"].value == 1.0
    assert found.quality["llm_judge"] == Estimate(None, None, None, 0, 0, 3)
    assert found.stops == {"answered": 2, "infrastructure": 1}


@pytest.mark.parametrize(("rows", "ends"), [(1, None), (2, 0.3), (7, 0.3)])
def test_degenerate_measurements_warn_of_nothing(rows: int, ends: float | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        f1 = summarise_rows([row_of(number, 0, 0.3) for number in range(rows)]).quality["f1"]
    assert f1.value == pytest.approx(0.3)
    assert [f1.low, f1.high] == ([None, None] if ends is None else pytest.approx([ends, ends]))


def test_means_need_questions_with_rows() -> None:
    with pytest.raises(ValueError, match="questions"):
        means(np.ones((2, 1)), np.array([[1.0], [0.0]]))


def test_latency_of_the_model_is_what_searching_leaves() -> None:
    costs = [(2.0, 0.5, 1), (4.0, None, 1), (3.0, None, 0), (None, None, 1)]
    rows = [
        dataclasses.replace(
            row := row_of(number, 0, 1.0, searches),
            cost=dataclasses.replace(row.cost, latency_s=total, search_latency_s=searching),
        )
        for number, (total, searching, searches) in enumerate(costs)
    ]
    latency = summarise_rows(rows).latency
    assert (latency["total"].p50, latency["total"].rows) == (3.0, 3)
    assert latency["total"].p95 == pytest.approx(np.quantile([2, 3, 4], 0.95))
    assert (latency["model"].p50, latency["model"].rows) == (2.25, 2)
    assert (latency["retrieval"].p50, latency["retrieval"].rows) == (0.25, 2)


def test_slices_hold_their_own_questions() -> None:
    rows = [row_of(number, 0, number / 10, hops=[1, 2, None][number % 3]) for number in range(9)]
    types = {"q0": "bridge", "q1": "comparison", "q3": "bridge"}
    slices = summarise_rows(rows, types).slices
    assert list(slices) == ["hops", "type"]
    assert list(slices["hops"]) == ["1", "2", "unknown"]
    assert slices["hops"]["2"].f1.value == pytest.approx((0.1 + 0.4 + 0.7) / 3)
    assert {name: part.f1.questions for name, part in slices["type"].items()} == {
        "bridge": 2,
        "comparison": 1,
        "unknown": 6,
    }
    assert slices["type"]["comparison"].f1.low is None


def numbers(found: Summary) -> Iterator[float]:
    parts = [*found.quality.values(), *found.behaviour.values()]
    parts += [
        estimate
        for division in found.slices.values()
        for part in division.values()
        for estimate in (part.f1, part.em, part.searches)
    ]
    for estimate in parts:
        yield from (end for end in (estimate.value, estimate.low, estimate.high) if end is not None)
    for quantiles in found.latency.values():
        yield from (end for end in (quantiles.p50, quantiles.p95) if end is not None)


def test_no_number_is_nan() -> None:
    rows = [row_of(0, 0, math.nan), row_of(1, 0, 0.5, hops=None), broken(row_of(2, 0, None))]
    found = summarise_rows(rows)
    assert found.quality["f1"].rows == 1
    assert not any(math.isnan(number) for number in numbers(found))


def test_a_dataset_gives_what_its_rows_give_and_knows_every_judge(tmp_path: Path) -> None:
    rows = [*rows_of(3, 12, repeated=True), broken(row_of(50, 0, None))]
    verdicts = [
        Judgement(row.id, judge, "m", None, index % 3 > 0 if index else None, None, None, None, None)
        for index, row in enumerate(rows)
        for judge in ("llm_judge", "strict")
    ]
    made = MadeBy("import", datetime(2026, 1, 1, tzinfo=UTC), {}, {})
    write_dataset(tmp_path / "data", Tables(rows, judgements=verdicts), made)
    dataset = LocalDataset.open(tmp_path / "data")
    found = summarise(Measurement(cell_of(rows[0]), frame_of(dataset)), Draws(500, 3))
    assert found.quality["strict"] == found.quality["llm_judge"]
    assert found.quality["strict"].unscored == 1
    ours = summarise_rows(dataset.rows(), draws=Draws(500, 3))
    assert ours.quality == {name: value for name, value in found.quality.items() if name != "strict"}
    assert (ours.behaviour, ours.latency, ours.slices) == (found.behaviour, found.latency, found.slices)


def test_a_summary_is_of_one_measurement() -> None:
    row = row_of(0, 0, 1.0)
    noisy = dataclasses.replace(
        row, provenance=dataclasses.replace(row.provenance, retriever="noise(drop=0.1,seed=0)/bm25")
    )
    assert cell_of(noisy).mode is Mode.NOISY
    with pytest.raises(ValueError, match="not of 2"):
        summarise_rows([row, noisy])
    with pytest.raises(ValueError, match="not of 0"):
        summarise_rows([])
