"""The audit sample: every stratum, known chances, the same draw whatever the order of the rows."""

import random
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trajset.builder.errors import ConfigError, DataError
from trajset.filters.audit_sample import (
    ALLOCATIONS,
    SamplePlan,
    Stratum,
    allocate,
    draw_sample,
    strata_of,
)

verdict_rows = st.lists(
    st.tuples(st.sampled_from([True, False, None]), st.booleans()), min_size=1, max_size=200
)


def table(rows: list[tuple[bool | None, bool]]) -> pa.Table:
    schema = pa.schema({"id": pa.string(), "judge": pa.bool_(), "f1_only": pa.bool_()})
    ids = [f"row{number}" for number in range(len(rows))]
    return pa.table([ids, *map(list, zip(*rows, strict=True))], schema=schema)


def strata(*sizes: int) -> list[Stratum]:
    return [
        Stratum(name, tuple(f"{name}{number}" for number in range(size)))
        for name, size in zip("abcdefgh", sizes, strict=False)
    ]


@given(verdict_rows, st.integers(8, 250), st.sampled_from(ALLOCATIONS), st.integers(0, 20), st.integers())
def test_chances_add_up_and_every_stratum_is_drawn(rows, size, allocation, least, seed) -> None:
    found = strata_of(table(rows))
    plan = SamplePlan(size, allocation, least, seed % 2**63)
    sample = draw_sample(found, plan)
    assert sum(len(stratum.ids) for stratum in found) == len(rows)
    assert len({row.row_id for row in sample}) == len(sample) == min(size, len(rows))
    counts = Counter(row.stratum for row in sample)
    for stratum in found:
        chances = {row.inclusion_probability for row in sample if row.stratum == stratum.name}
        assert chances == {counts[stratum.name] / len(stratum.ids)}
        assert counts[stratum.name] >= min(2, len(stratum.ids), max(least, 1))
    assert sum(1 / row.inclusion_probability for row in sample) == pytest.approx(len(rows))


@given(verdict_rows, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows, shuffler: random.Random) -> None:
    whole = table(rows)
    order = list(range(len(rows)))
    shuffler.shuffle(order)
    plan = SamplePlan(20, seed=7)
    assert draw_sample(strata_of(whole.take(order)), plan) == draw_sample(strata_of(whole), plan)


def test_the_weighted_total_is_right_on_average() -> None:
    """Horvitz and Thompson 1952: the sum of y / pi over the sample has the population's total as its mean."""
    values = {row: number % 3 == 0 for number, row in enumerate(i for s in strata(300, 60, 7) for i in s.ids)}
    totals = [
        sum(values[row.row_id] / row.inclusion_probability for row in sample)
        for seed in range(600)
        for sample in [draw_sample(strata(300, 60, 7), SamplePlan(60, "equal", 5, seed))]
    ]
    mean = sum(totals) / len(totals)
    deviation = (sum((total - mean) ** 2 for total in totals) / len(totals)) ** 0.5
    assert abs(mean - sum(values.values())) < 4 * deviation / len(totals) ** 0.5
    assert deviation > 1


def test_each_row_is_drawn_as_often_as_its_chance_says() -> None:
    drawn = Counter(
        row.row_id
        for seed in range(2000)
        for row in draw_sample(strata(40, 12), SamplePlan(14, "equal", 2, seed))
    )
    for row, chance in [("a0", 7 / 40), ("a39", 7 / 40), ("b0", 7 / 12), ("b11", 7 / 12)]:
        assert abs(drawn[row] - 2000 * chance) < 4 * (2000 * chance * (1 - chance)) ** 0.5


@pytest.mark.parametrize(
    ("plan", "counts"),
    [
        (SamplePlan(100, min_per_stratum=1), [80, 16, 4]),
        (SamplePlan(100), [75, 15, 10]),
        (SamplePlan(100, "equal"), [33, 34, 33]),
        (SamplePlan(300, "equal"), [200, 60, 40]),
        (SamplePlan(20, min_per_stratum=10), [14, 3, 3]),
        (SamplePlan(2000), [800, 160, 40]),
    ],
)
def test_allocation(plan: SamplePlan, counts: list[int]) -> None:
    assert sum(counts) == min(plan.size, 1000)
    sizes = (800, 160, 40) if plan.size != 300 else (500, 60, 40)
    assert sorted(allocate(strata(*sizes), plan)) == sorted(counts)


def test_neyman_draws_more_where_recipes_disagree() -> None:
    rows = [(True, True)] * 100 + [(True, False)] * 100 + [(False, False)] * 100
    found = strata_of(table(rows))
    counts = dict(zip([s.name for s in found], allocate(found, SamplePlan(90, "neyman")), strict=True))
    # S: sqrt(3/16) where both agree, 1/2 where they do not.
    assert counts == {"judge+ f1_only+": 29, "judge+ f1_only-": 33, "judge- f1_only-": 28}


def test_strata_are_named_after_verdicts_and_values() -> None:
    rows = [(None, True), (False, True), (True, False)]
    found = strata_of(table(rows), {"teacher": ["qwen", "qwen", None]})
    assert [(s.name, s.ids) for s in found] == [
        ("judge+ f1_only- teacher=?", ("row2",)),
        ("judge- f1_only+ teacher=qwen", ("row0", "row1")),
    ]


def test_a_recipe_without_verdicts_divides_nothing() -> None:
    found = strata_of(table([(None, True), (None, False)]))
    assert [s.name for s in found] == ["f1_only+", "f1_only-"]
    (whole,) = strata_of(pa.table({"id": ["a", "b"]}))
    assert whole == Stratum("all", ("a", "b"))


def test_an_audit_that_stops_early_has_seen_every_stratum() -> None:
    sample = draw_sample(strata(900, 80, 20), SamplePlan(100))
    assert Counter(row.stratum for row in sample[:6]) == {"a": 2, "b": 2, "c": 2}
    half = Counter(row.stratum for row in sample[:53])
    assert half["a"] == pytest.approx(40, abs=3)
    assert half["b"] == pytest.approx(5, abs=1)


def test_a_larger_draw_of_a_stratum_holds_the_smaller_one() -> None:
    found = strata(300, 60, 9)
    small, large = ({row.row_id for row in draw_sample(found, SamplePlan(size))} for size in (60, 120))
    assert small < large


def test_too_small_a_sample_says_what_would_do() -> None:
    with pytest.raises(ConfigError, match="must be at least 6, for 2 rows of each of the 3 strata; got 5"):
        draw_sample(strata(10, 10, 10), SamplePlan(5))
    with pytest.raises(DataError, match="at least one row"):
        draw_sample([], SamplePlan(5))
