"""Comparisons on constructed scores: known differences, coverage of the interval, curves and splits."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import bootstrap
from trajset.eval.bootstrap import Draws
from trajset.eval.cells import Cell, Mode
from trajset.eval.comparison import loss_splits, noise_curves, paired
from trajset.eval.frame import Measurement

Scores = dict[str, list[float | None]]


def measured(cell: Cell, scores: Scores) -> Measurement:
    rows = [(question, value) for question, values in scores.items() for value in values]
    frame = pl.DataFrame(rows, schema={"question_id": pl.String, "f1": pl.Float64}, orient="row")
    return Measurement(cell, frame)


def of(model: str, scores: Scores) -> Measurement:
    return measured(Cell("bench", model), scores)


def test_the_difference_is_of_question_means_on_common_questions() -> None:
    first = of("a", {"q1": [1.0, 0.0], "q2": [1.0], "q3": [None], "q4": [1.0]})
    second = of("b", {"q1": [0.25], "q2": [0.0, None], "q3": [1.0], "q5": [0.0]})
    found = paired(first, second, "f1").difference
    assert found.value == pytest.approx(((0.5 - 0.25) + (1 - 0)) / 2)
    assert (found.questions, found.rows, found.unscored) == (2, 5, 5)


def test_the_interval_is_scipys() -> None:
    rng = np.random.default_rng(4)
    scores = rng.random((80, 2))
    first, second = (
        of(name, {str(q): [v] for q, v in enumerate(scores[:, i])}) for i, name in enumerate("ab")
    )
    found = paired(first, second, "f1").difference
    theirs = bootstrap(
        (scores[:, 0], scores[:, 1]),
        lambda one, other, axis=-1: one.mean(axis=axis) - other.mean(axis=axis),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=10_000,
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx(tuple(theirs), abs=1e-12)


def constructed(
    rng: np.random.Generator, questions: int, difference: float
) -> tuple[Measurement, Measurement]:
    """Two models with a common part by question and a known difference; two samples of the second."""
    easy = rng.normal(0.5, 0.4, questions)
    first = easy + difference + rng.normal(0, 0.15, questions)
    second = easy[:, None] + rng.normal(0, 0.15, (questions, 2))
    return (
        of("a", {str(place): [float(value)] for place, value in enumerate(first)}),
        of("b", {str(place): list(map(float, values)) for place, values in enumerate(second)}),
    )


def test_the_interval_holds_a_known_difference_about_95_times_in_100() -> None:
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(300):
        found = paired(*constructed(rng, 60, 0.05), "f1", Draws(400)).difference
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.05 <= found.high
    assert 0.90 <= held / 300 <= 0.98


def test_what_models_share_drops_out() -> None:
    first, second = constructed(np.random.default_rng(5), 100, 0.1)
    found = paired(first, second, "f1")
    alone = paired(first, of("c", dict(zip(map(str, range(100)), [[0.5]] * 100, strict=True))), "f1")
    width, alone_width = ((one.difference.high or 0) - (one.difference.low or 0) for one in (found, alone))
    assert width < alone_width / 2
    assert found.difference.low is not None
    assert found.difference.low > 0
    assert found.sign_changes == 0


def test_the_share_of_draws_in_which_the_sign_changes() -> None:
    # Of two questions, +3 and -1, a draw holds both (+1), the first twice (+3), or the second twice (-1).
    found = paired(of("a", {"1": [3.0], "2": [0.0]}), of("b", {"1": [0.0], "2": [1.0]}), "f1")
    assert found.sign_changes == pytest.approx(0.25, abs=0.02)
    turned = paired(of("b", {"1": [0.0], "2": [1.0]}), of("a", {"1": [3.0], "2": [0.0]}), "f1")
    assert turned.sign_changes == found.sign_changes
    # +1 and 0: the draws that hold the second twice are exactly 0, and count half.
    level = paired(of("a", {"1": [1.0], "2": [0.3]}), of("b", {"1": [0.0], "2": [0.3]}), "f1")
    assert level.sign_changes == pytest.approx(0.125, abs=0.02)


@pytest.mark.parametrize(
    ("first", "second", "value"),
    [
        ({"1": [0.5]}, {"2": [0.5]}, None),
        ({"1": [1.0]}, {"1": [0.5]}, 0.5),
        ({"1": [0.1, 0.2], "2": [1.0]}, {"1": [0.2, 0.1], "2": [1.0]}, 0.0),
        ({}, {}, None),
    ],
)
def test_without_a_difference_or_questions_no_sign_changes(
    first: Scores, second: Scores, value: float | None
) -> None:
    found = paired(of("a", first), of("b", second), "f1")
    assert found.sign_changes is None
    assert found.difference.value == (None if value is None else pytest.approx(value))


LIVE = Cell("bench", "a", Mode.LIVE, "", "bm25")


def noisy(noise: str, retriever: str = "bm25") -> Cell:
    return Cell("bench", "a", Mode.NOISY, noise, retriever)


def test_a_noise_curve_starts_at_the_live_measurement() -> None:
    cells: list[tuple[Cell, Scores]] = [
        (noisy("drop=0.2"), {"1": [0.0], "2": [0.5]}),
        (LIVE, {"1": [1.0], "2": [0.5], "3": [0.0]}),
        (noisy("drop=0.05"), {"1": [1.0], "2": [0.25], "3": [0.0]}),
        (noisy("swap=0.1"), {"1": [0.5]}),
        (noisy("drop=0.1,swap=0.1"), {"1": [0.5]}),
        (noisy("drop=0.1", "other"), {"1": [0.5]}),
        (Cell("bench", "b", Mode.LIVE, "", "bm25"), {"1": [0.9]}),
    ]
    drop, swap, lonely = noise_curves([measured(cell, scores) for cell, scores in cells])
    assert (drop.kind, drop.retriever, lonely.retriever, swap.kind) == ("drop", "bm25", "other", "swap")
    assert [point.share for point in drop.points] == [0.0, 0.05, 0.2]
    assert drop.points[0].f1.value == 0.5
    assert drop.points[0].loss is None
    losses = [point.loss for point in drop.points[1:]]
    assert [loss and loss.value for loss in losses] == pytest.approx([0.25 / 3, 0.5])
    assert [loss and loss.questions for loss in losses] == [3, 2]
    assert [(point.share, point.loss) for point in lonely.points] == [(0.1, None)]


def test_the_loss_is_split_on_the_questions_of_all_three() -> None:
    scores: list[tuple[Cell, Scores]] = [
        (Cell("bench", "a", Mode.CLOSED_BOOK), {"1": [0.0], "2": [0.5, 0.5], "3": [0.0]}),
        (LIVE, {"1": [0.5], "2": [1.0], "4": [0.0]}),
        (Cell("bench", "a", Mode.GOLD_EVIDENCE), {"1": [0.75], "2": [1.0], "3": [1.0], "4": [1.0]}),
        (Cell("bench", "b", Mode.LIVE, "", "bm25"), {"1": [0.5]}),
    ]
    (split,) = loss_splits([measured(cell, values) for cell, values in scores])
    parts = (
        split.closed_book,
        split.live,
        split.gold_evidence,
        split.memory,
        split.retrieval,
        split.reasoning,
    )
    assert [part.value for part in parts] == pytest.approx([0.25, 0.75, 0.875, 0.5, 0.125, 0.125])
    assert sum(part.value or 0 for part in parts[3:]) == pytest.approx(1 - 0.25)
    assert {part.questions for part in parts} == {2}
    assert (split.memory.rows, split.memory.unscored) == (5, 2)
    assert (split.model, split.retriever) == ("a", "bm25")
