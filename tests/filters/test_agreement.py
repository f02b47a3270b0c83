"""Agreement of annotators, against published figures, the textbook case and the audit of real rows."""

import csv
import itertools
import math
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_samples import label
from sklearn.metrics import cohen_kappa_score
from trajset.builder.schema import Label
from trajset.filters.ablation_types import Target
from trajset.filters.agreement import agreements, cohens_kappa, disagreements

pairs = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60)


def cells(both: int, first: int, second: int, neither: int) -> list[tuple[bool, bool]]:
    """A two-by-two table as pairs of answers."""
    kinds = [(True, True), (True, False), (False, True), (False, False)]
    return [
        kind for kind, count in zip(kinds, (both, first, second, neither), strict=True) for _ in range(count)
    ]


def test_a_case_worked_by_hand() -> None:
    """p_o = .7; p_e = .5 * .6 + .5 * .4 = .5; kappa = .4. Wilson's interval of 35 in 50 is .562 to .809."""
    kappa = cohens_kappa(cells(20, 5, 10, 15))
    assert kappa is not None
    assert kappa.value == pytest.approx(0.4)
    assert kappa.low == pytest.approx((0.5625 - 0.5) / 0.5, abs=0.001)
    assert kappa.high == pytest.approx((0.8090 - 0.5) / 0.5, abs=0.001)


@given(pairs)
def test_the_value_is_scikit_learns_and_lies_in_its_interval(answers: list[tuple[bool, bool]]) -> None:
    kappa = cohens_kappa(answers)
    if len(set(itertools.chain(*answers))) < 2:
        assert kappa is None
        return
    assert kappa is not None
    theirs = cohen_kappa_score([left for left, _ in answers], [right for _, right in answers])
    assert kappa.value == pytest.approx(theirs)
    assert -1 <= kappa.low <= kappa.value + 1e-9
    assert kappa.value <= kappa.high + 1e-9 <= 1 + 2e-9


def test_full_agreement_still_has_an_interval_and_one_answer_has_no_kappa() -> None:
    kappa = cohens_kappa(cells(30, 0, 0, 30))
    assert kappa is not None
    assert (kappa.value, kappa.high) == (1, pytest.approx(1))
    assert 0.85 < kappa.low < 0.95
    assert cohens_kappa(cells(30, 0, 0, 0)) is None
    assert cohens_kappa([]) is None


def test_each_pair_is_compared_on_what_both_answered() -> None:
    labels = [
        label(0),
        label(1, grounded=None),
        label(2, correct=False, grounded=None),
        label(0, "bob", grounded=False),
        label(1, "bob"),
        label(2, "bob", correct=False),
        label(9, "carl"),
    ]
    found = {(pair.first, pair.second, pair.target): pair for pair in agreements(labels)}
    assert len(found) == 9
    asked = (Target.CORRECT, Target.GROUNDED, Target.GOOD)
    correct, grounded, good = (found["ada", "bob", target] for target in asked)
    assert (correct.rows, correct.agreed, correct.share) == (3, 3, 1.0)
    assert (grounded.rows, grounded.agreed) == (1, 0)
    assert (good.rows, good.agreed) == (2, 1)
    alone = found["ada", "carl", Target.GOOD]
    assert (alone.rows, alone.share, alone.kappa) == (0, None, None)
    (differ,) = disagreements(labels)
    assert (differ.row_id, differ.first.annotator, differ.second.annotator) == (label(0).row_id, "ada", "bob")


def _answers(row: dict[str, str]) -> tuple[bool, bool]:
    return row["correct"] == "1", row["grounded"] == "1"


def test_the_audit_of_real_rows(shared_data: Path) -> None:
    with (shared_data / "labels" / "hotpotqa_audit.csv").open(encoding="utf-8") as file:
        now = datetime.now(UTC)
        labels = [
            Label(row["file"] + row["index"], row["annotator"], *_answers(row), None, now)
            for row in csv.DictReader(file)
        ]
    kappas = {pair.target: pair.kappa.value if pair.kappa else math.nan for pair in agreements(labels)}
    assert kappas[Target.CORRECT] == 1
    assert round(kappas[Target.GROUNDED], 2) == 0.95
    assert len(disagreements(labels)) == 5
