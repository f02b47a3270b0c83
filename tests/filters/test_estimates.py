"""Estimates: a textbook's example, plain counts of a census, and what labels cannot say."""

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_rows import CREATED
from trajset.builder.errors import DataError
from trajset.builder.schema import Label
from trajset.filters.ablation_types import Design, Estimate, Target
from trajset.filters.estimates import (
    Estimates,
    Sides,
    audit_of,
    estimates,
)
from trajset.filters.samples import choose_annotator, sample_of

GOOD, CORRECT, GROUNDED = Target


def label(row: int, good: bool, stratum: str | None = None, size: int | None = None) -> Label:
    """A label of a row; without a stratum none of the design's three fields is known."""
    return Label(f"{row:06d}", "ann", good, good, None, CREATED, stratum, size, None)


def stratum(name: str, first: int, size: int, good: Sequence[bool]) -> list[Label]:
    """Labels of the first rows of a stratum that begins at row `first`."""
    return [label(first + place, value, name, size) for place, value in enumerate(good)]


def rows(*numbers: int) -> set[str]:
    return {f"{number:06d}" for number in numbers}


def share(good: int, bad: int) -> list[bool]:
    return [True] * good + [False] * bad


def test_a_textbook_example() -> None:
    """Scheaffer, Mendenhall and Ott, Elementary Survey Sampling: 310 households in two towns and the country;
    16 of 20, 2 of 8 and 6 of 12 watch a show: .60 of all, with an error of two standard errors of .13."""
    labels = [
        *stratum("town A", 0, 155, share(4, 16)),
        *stratum("town B", 155, 62, share(6, 2)),
        *stratum("rural", 217, 93, share(6, 6)),
    ]
    found = audit_of(labels, rows(*range(310)), 310, GOOD)
    assert found.fdr.value == pytest.approx((155 * 0.8 + 62 * 0.25 + 93 * 0.5) / 310)
    assert found.fdr.value == pytest.approx(0.60)
    assert (found.fdr.low, found.fdr.high) == (pytest.approx(0.47, abs=0.02), pytest.approx(0.73, abs=0.02))
    assert (found.labelled, found.labelled_accepted, found.fdr.labelled) == (40, 40, 40)


def test_a_census_is_counted() -> None:
    labels = [label(row, row % 3 != 0) for row in range(30)]
    found = audit_of(labels, rows(*range(12)), 30, GOOD)
    assert found.fdr == Estimate(4 / 12, 4 / 12, 4 / 12, 12)
    assert found.fpr == Estimate(4 / 10, 4 / 10, 4 / 10, 10)
    assert found.recall == Estimate(8 / 20, 8 / 20, 8 / 20, 20)
    assert sample_of(labels, GOOD, 30).design is Design.CENSUS


def test_strata_are_weighed() -> None:
    """One stratum was looked at ten times as closely as the other; both are accepted."""
    labels = [*stratum("a", 0, 100, share(0, 50)), *stratum("b", 100, 100, share(5, 0))]
    found = audit_of(labels, rows(*range(200)), 200, GOOD)
    assert found.fdr.value == pytest.approx(0.5)
    assert sample_of(labels, GOOD, 200).design is Design.STRATIFIED


def test_a_proportional_sample_needs_no_weights() -> None:
    labels = [*stratum("a", 0, 100, share(7, 3)), *stratum("b", 100, 200, share(2, 18))]
    found = audit_of(labels, rows(*range(100)), 300, GOOD)
    assert found.fdr.value == pytest.approx(3 / 10)
    assert found.fpr.value == pytest.approx(3 / 21)
    assert found.recall.value == pytest.approx(7 / 9)


def test_known_totals_are_used() -> None:
    """A stratum that the recipe cuts across: 3 of the 10 labelled rows are accepted, and 50 of all 100."""
    labels = stratum("a", 0, 100, [True, True, False, *share(5, 2)])
    found = audit_of(labels, rows(0, 1, 2, *range(50, 97)), 100, GOOD)
    wrong, wrong_rejected = 50 * 1 / 3, 50 * 2 / 7
    assert found.fdr.value == pytest.approx(1 / 3)
    assert found.fpr.value == pytest.approx(wrong / (wrong + wrong_rejected))


def test_sizes_are_fitted_to_both_totals() -> None:
    """Two mixed strata; the fitted table keeps the odds ratio of the sample (Deming and Stephan)."""
    labels = [*stratum("a", 0, 100, share(5, 5)), *stratum("b", 100, 300, share(2, 8))]
    accepted = {0, 1, 2, 5, 6, 100, 102, 103, *range(1000, 1092)}  # 5 of 10 and 3 of 10 labelled, 100 in all
    found = audit_of(labels, rows(*accepted), 400, GOOD)
    odds = (5 / 5) / (3 / 7)
    accepted_a = next(
        size
        for size in np.arange(0, 100, 0.0005)
        if size * (300 - (100 - size)) >= odds * (100 - size) * (100 - size)
    )
    expected = accepted_a * 2 / 5 + (100 - accepted_a) * 2 / 3
    assert found.fdr.value == pytest.approx(expected / 100, abs=1e-4)


def test_without_a_design_the_sample_is_one_of_endlessly_many() -> None:
    labels = [label(row, row != 0) for row in range(10)]
    nearly_all, few = (
        audit_of(labels, rows(*range(11)), 11, GOOD),
        audit_of(labels, rows(*range(99)), 99, GOOD),
    )
    assert nearly_all.fdr == few.fdr
    assert nearly_all.fdr.high - nearly_all.fdr.low > 0.2
    assert sample_of(labels, GOOD, 11).design is Design.UNKNOWN


def test_strata_that_do_not_make_up_the_dataset_are_no_design() -> None:
    labels = [*stratum("a", 0, 100, share(5, 5)), *stratum("b", 100, 100, share(5, 5))]
    assert sample_of(labels, GOOD, 200).design is Design.STRATIFIED
    assert sample_of(labels, GOOD, 250).design is Design.UNKNOWN
    assert sample_of(labels[:10], GOOD, 200).design is Design.UNKNOWN


def test_labels_beside_the_design_are_left_out() -> None:
    drawn = [*stratum("a", 0, 100, share(5, 5)), *stratum("b", 100, 100, share(5, 5))]
    found = sample_of([*drawn, label(70, good=False)], GOOD, 200)
    assert (found.design, len(found.ids)) == (Design.STRATIFIED, 20)


def test_the_last_label_of_a_row_counts() -> None:
    labels = [label(0, good=False), label(1, good=True), label(0, good=True)]
    assert audit_of(labels, rows(0, 1), 2, GOOD).fdr == Estimate(0.0, 0.0, 0.0, 2)


def test_a_label_that_leaves_the_target_open_may_be_either() -> None:
    """Ten of a hundred rows: six good, two wrong, one right but not grounded, one right of unknown ground."""
    drawn = stratum("a", 0, 100, share(6, 2))
    labels = [
        *drawn,
        replace(drawn[0], row_id="000008", grounded=False),
        replace(drawn[0], row_id="000009", grounded=None),
    ]
    sample = sample_of(labels, GOOD, 100)
    assert (sample.design, len(sample.ids), sample.labelled) == (Design.STRATIFIED, 10, 9)
    assert "label leaves it open (1)" in sample.method
    found = audit_of(labels, rows(*range(100)), 100, GOOD)
    assert found.labelled == found.labelled_accepted == found.fdr.labelled == 9
    assert found.fdr.value == pytest.approx((2 + 1 + 1 / 7) / 10)
    good, wrong = (
        audit_of([*labels[:9], label(9, end, "a", 100)], rows(*range(100)), 100, GOOD)
        for end in (True, False)
    )
    assert (found.fdr.low, found.fdr.high) == (good.fdr.low, wrong.fdr.high)
    assert good.fdr.high < wrong.fdr.high


@pytest.mark.parametrize("name", ["fdr", "fpr", "recall"])
def test_open_labels_span_the_worst_and_the_best_case(name: str) -> None:
    labels = [*stratum("a", 0, 60, share(9, 3)), *stratum("b", 60, 80, share(4, 8))]
    open_rows = [1, 61]
    either = [replace(one, grounded=None) if int(one.row_id) in open_rows else one for one in labels]
    accepted = rows(*range(60))
    found = getattr(audit_of(either, accepted, 140, GOOD), name)
    ends = [
        getattr(
            audit_of([*labels, label(1, first, "a", 60), label(61, second, "b", 80)], accepted, 140, GOOD),
            name,
        )
        for first in (True, False)
        for second in (True, False)
    ]
    assert found.low == pytest.approx(min(end.low for end in ends), abs=1e-6)
    assert found.high == pytest.approx(max(end.high for end in ends), abs=1e-6)
    assert min(end.value for end in ends) <= found.value <= max(end.value for end in ends)


def test_a_census_with_open_labels_is_none() -> None:
    labels = [label(row, row % 2 == 0) for row in range(8)]
    labels += [replace(label(8, good=True), grounded=None), replace(label(9, good=False), grounded=None)]
    assert sample_of(labels, CORRECT, 10).design is Design.CENSUS
    assert (sample_of(labels, GOOD, 10).design, sample_of(labels, GOOD, 10).labelled) == (Design.UNKNOWN, 9)
    assert sample_of(labels, GROUNDED, 10).labelled == 8
    found = audit_of(labels, rows(*range(10)), 10, GOOD)
    assert (found.fdr.low, found.fdr.high) == (pytest.approx(0.5), pytest.approx(0.6))


def test_labels_that_can_only_say_wrong_say_nothing() -> None:
    """Human verdicts on answers alone: nobody looked for grounds: an FDR of 100 % would be invented."""
    labels = [replace(label(row, row % 2 == 0), grounded=None) for row in range(8)]
    found = audit_of(labels, rows(*range(4)), 8, GOOD)
    assert found == Estimates(0, 0)
    assert sample_of(labels, GOOD, 8).design is Design.NONE
    assert audit_of(labels, rows(*range(4)), 8, CORRECT).fdr.value == 0.5


def test_sources_are_estimated_apart() -> None:
    labels = [*stratum("a", 0, 100, share(8, 2)), *stratum("b", 100, 60, share(3, 7))]
    sample = sample_of(labels, GOOD, 160)
    sides = Sides(np.ones(20, bool), np.repeat([0, 1], 10), np.array([[0.0, 100.0], [0.0, 60.0], [5.0, 0.0]]))
    first, second, empty = estimates([(sample, sides)])[0]
    assert (first.fdr.value, second.fdr.value) == (pytest.approx(0.2), pytest.approx(0.7))
    assert (first.labelled, second.labelled) == (10, 10)
    assert empty == Estimates(0, 0)


def test_annotators() -> None:
    assert choose_annotator(None, []) is None
    assert choose_annotator(None, ["ann", "ann"]) == "ann"
    assert choose_annotator("bob", ["ann", "bob"]) == "bob"
    with pytest.raises(DataError, match="Choose with --annotator: ann, bob"):
        choose_annotator(None, ["bob", "ann"])
    with pytest.raises(DataError, match="cid"):
        choose_annotator("cid", ["ann"])


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=40),
    st.integers(0, 99),
)
def test_the_order_of_the_labels_changes_nothing(drawn: list[tuple[bool, bool, bool]], seed: int) -> None:
    sizes = {side: 3 * sum(in_a is side for in_a, _, _ in drawn) for side in (True, False)}
    labels = [label(row, good, str(a), sizes[a]) for row, (a, good, _) in enumerate(drawn)]
    accepted = rows(*(row for row, (_, _, kept) in enumerate(drawn) if kept))
    found = audit_of(labels, accepted, 3 * len(drawn), GOOD)
    shuffled = random.Random(seed).sample(labels, len(labels))
    assert audit_of(shuffled, accepted, 3 * len(drawn), GOOD) == found
    for one in (found.fdr, found.fpr, found.recall):
        assert one.value is None or 0 <= one.low <= one.value <= one.high <= 1
