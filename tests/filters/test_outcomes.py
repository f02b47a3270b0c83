"""Outcomes: counts by hand, nothing invented where nothing is known."""

import io

import pytest
from rich.console import Console
from trajset.builder.errors import DataError
from trajset.filters.outcomes import Audit, Outcomes, outcomes
from trajset.filters.recipes import list_recipes, load_recipe

RECIPES = [load_recipe(name) for name in ("f1_only", "f1_search", "llm_judge")]


def printed(found: Outcomes, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(found.table())
    return console.export_text()


def test_all_rows_labelled(make_dataset) -> None:
    found = outcomes(make_dataset(ann=5), RECIPES)
    f1_only, f1_search, judge = found.outcomes
    assert (found.rows, found.labelled, found.annotator, found.simulated) == (5, 5, "ann", False)
    assert (f1_only.accepted, f1_only.scored, f1_only.unscored, f1_only.accept_rate) == (3, 4, 1, 0.6)
    assert f1_only.audit == Audit(true_positives=2, false_positives=1, true_negatives=1, false_negatives=1)
    assert (f1_only.audit.fdr, f1_only.audit.fpr, f1_only.audit.recall) == (1 / 3, 1 / 2, 2 / 3)
    assert f1_only.mean_f1 == pytest.approx(2.8 / 3)
    assert f1_only.mean_searches == pytest.approx(2 / 3)
    assert f1_search.audit == Audit(2, 0, 2, 1)
    assert (f1_search.audit.fdr, f1_search.audit.fpr) == (0.0, 0.0)
    assert (judge.scored, judge.accept_rate, judge.mean_f1, judge.mean_searches) == (0, None, None, None)
    assert judge.audit is None


def test_some_rows_labelled(make_dataset) -> None:
    found = outcomes(make_dataset(ann=2), RECIPES, engine="polars")
    assert found.labelled == 2
    assert found.outcomes[0].audit == Audit(1, 1, 0, 0)
    assert found.outcomes[1].audit == Audit(1, 0, 1, 0)


def test_without_labels_nothing_is_said_about_truth(make_dataset) -> None:
    found = outcomes(make_dataset(), RECIPES)
    assert (found.annotator, found.labelled) == (None, 0)
    assert all(outcome.audit is None for outcome in found.outcomes)
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
    text = printed(outcomes(make_dataset(ann=5), list_recipes()))
    assert "33.3%" in text
    assert "5 of them labelled by ann" in text
    assert "…" not in text
