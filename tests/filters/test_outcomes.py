"""Outcomes: counts by hand, nothing invented where nothing is known."""

import io
import re

import pytest
from rich.console import Console
from trajset.builder.errors import DataError
from trajset.filters.ablation_types import Design, Estimate
from trajset.filters.outcomes import Audit, Outcomes, audit, outcomes
from trajset.filters.recipes import list_recipes, load_recipe

RECIPES = [load_recipe(name) for name in ("f1_only", "f1_search", "llm_judge")]
NOTHING = Estimate(None, None, None, 0)


def printed(found: Outcomes, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(found.table())
    return console.export_text()


def test_all_rows_labelled(make_dataset) -> None:
    found = outcomes(make_dataset(ann=5), RECIPES)
    f1_only, f1_search, judge = found.outcomes
    assert (found.rows, found.labelled, found.annotator, found.simulated) == (5, 5, "ann", False)
    assert found.design is Design.CENSUS
    assert (f1_only.accepted, f1_only.scored, f1_only.unscored, f1_only.accept_rate) == (3, 4, 1, 0.6)
    assert f1_only.fdr == Estimate(1 / 3, 1 / 3, 1 / 3, 3)
    assert f1_only.fpr == Estimate(1 / 2, 1 / 2, 1 / 2, 2)
    assert f1_only.recall == Estimate(2 / 3, 2 / 3, 2 / 3, 3)
    assert f1_only.mean_f1 == pytest.approx(2.8 / 3)
    assert f1_only.mean_searches == pytest.approx(2 / 3)
    assert (f1_search.labelled_accepted, f1_search.fdr.value, f1_search.fpr.value) == (2, 0.0, 0.0)
    assert (judge.scored, judge.accept_rate, judge.mean_f1, judge.mean_searches) == (0, None, None, None)
    assert (judge.fdr, judge.fpr, judge.recall) == (NOTHING, NOTHING, NOTHING)


def test_some_rows_labelled(make_dataset) -> None:
    found = outcomes(make_dataset(ann=2), RECIPES, engine="polars")
    f1_only, f1_search, _ = found.outcomes
    assert (found.labelled, found.design) == (2, Design.UNKNOWN)
    assert (f1_only.labelled, f1_only.labelled_accepted) == (2, 2)
    assert f1_only.fdr.value == 1 / 2
    assert 0 < f1_only.fdr.low < 1 / 2 < f1_only.fdr.high < 1
    assert f1_only.fpr == Estimate(None, None, None, 1), "no labelled row is rejected"
    assert (f1_search.fdr.value, f1_search.fpr.value, f1_search.recall.value) == (0.0, 0.0, 1.0)
    assert f1_search.fdr.high > 0.5
    text = printed(found)
    assert "nobody says how" in " ".join(text.split())
    assert re.search(r"\d-\d\d", text)


def test_without_labels_nothing_is_said_about_truth(make_dataset) -> None:
    found = outcomes(make_dataset(), RECIPES)
    assert (found.annotator, found.labelled, found.design) == (None, 0, Design.NONE)
    assert all(outcome.fdr == outcome.fpr == outcome.recall == NOTHING for outcome in found.outcomes)
    text = printed(found)
    assert "none of them labelled" in text
    assert " 0.0%" not in text


def test_of_several_annotators_one_is_chosen(make_dataset) -> None:
    dataset = make_dataset(ann=5, bob=1)
    assert outcomes(dataset, RECIPES, "bob").labelled == 1
    with pytest.raises(DataError, match="Choose with --annotator: ann, bob"):
        outcomes(dataset, RECIPES)
    with pytest.raises(DataError, match="Known: ann, bob"):
        outcomes(dataset, RECIPES, "cid")


def test_the_table_fits_a_terminal(make_dataset) -> None:
    for labelled in (5, 2):
        text = printed(outcomes(make_dataset(ann=labelled), list_recipes()))
        assert f"{labelled} of them labelled by ann" in text
        assert "…" not in text
    assert "33.3%" in printed(outcomes(make_dataset(ann=5), list_recipes()))


def test_an_audit_counts_the_last_labels(make_dataset) -> None:
    dataset = make_dataset(ann=5)
    kept = frozenset(dataset.ids()[:3])
    found = audit(dataset.labels(), kept)
    assert found == Audit(true_positives=2, false_positives=1, true_negatives=1, false_negatives=1)
    assert (found.labelled, found.fdr, found.fpr, found.recall) == (5, 1 / 3, 1 / 2, 2 / 3)
