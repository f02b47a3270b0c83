"""Facts: every number checked by hand on six rows."""

from datetime import UTC, datetime

import pytest
from sample_rows import CREATED, sample_row
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.manifest import MadeBy
from trajset.dataset_cards.facts import AnnotatorFacts, Count, JudgeFacts, Measure, compute_facts
from trajset.filters.outcomes import Audit


def test_counts_and_measures(dataset: LocalDataset) -> None:
    facts = compute_facts(dataset)
    assert (facts.rows, facts.questions, facts.simulated) == (6, 6, False)
    assert facts.counts["teacher"] == (Count("teacher", 5), Count(None, 1))
    assert facts.counts["stop_reason"] == (Count("answered", 5), Count("infrastructure", 1))
    assert facts.values("teacher") == ("teacher",)
    assert (facts.unknown("teacher"), facts.unknown("f1"), facts.unknown("evidence_recall")) == (1, 1, 1)
    assert facts.measures["f1"] == Measure(5, pytest.approx(0.7), pytest.approx(3.5))
    assert facts.measures["em"] == Measure(5, pytest.approx(0.6), 3.0)
    assert facts.measures["prompt_tokens"] == Measure(6, 100.0, 600.0)
    assert facts.created == (CREATED, CREATED)


def test_distributions(dataset: LocalDataset) -> None:
    facts = compute_facts(dataset)
    assert [(entry.value, entry.rows) for entry in facts.f1 if entry.rows] == [
        ("0", 1),
        ("over 0.25, up to 0.5", 1),
        ("1", 3),
    ]
    assert len(facts.f1) == 6
    assert facts.searches == (Count(0, 1), Count(1, 5))


def test_splits_judges_and_annotators(dataset: LocalDataset) -> None:
    facts = compute_facts(dataset)
    raw, f1_only, f1_search = facts.splits
    assert (raw.name, raw.rows, raw.share, raw.recipe, raw.audits) == ("raw", 6, 1.0, None, {})
    assert (f1_only.rows, f1_only.share) == (3, 0.5)
    assert f1_only.audits == {"ann": Audit(2, 1, 0, 1)}
    assert f1_search.recipe is not None
    assert f1_search.recipe["name"] == "f1_search"
    assert facts.judges == (JudgeFacts("llm_judge", "gpt-4o", right=1, wrong=1, unread=1),)
    assert facts.annotators == (AnnotatorFacts("ann", rows=4, correct=4, grounded=3, good=3),)


def test_nothing_is_invented_for_what_is_not_there(tmp_path) -> None:
    write_dataset(
        tmp_path, Tables([sample_row(1, f1=None)]), MadeBy("test", datetime(2026, 1, 1, tzinfo=UTC))
    )
    facts = compute_facts(LocalDataset.open(tmp_path))
    assert facts.f1 == ()
    assert facts.measures["f1"] == Measure(0, None, None)
    assert (facts.judges, facts.annotators) == ((), ())
