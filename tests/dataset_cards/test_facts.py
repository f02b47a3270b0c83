"""Facts: every number checked by hand on six rows."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from sample_rows import CREATED, sample_row
from trajset.builder.amend import Amendment, amend
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.manifest import MadeBy
from trajset.builder.schema import Label
from trajset.dataset_cards.facts import Count, JudgeFacts, Measure, compute_facts
from trajset.dataset_cards.label_facts import annotators, by_annotator
from trajset.dataset_cards.overlap_facts import SetFacts
from trajset.filters.ablation_types import Design, Estimate, Target


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
    assert set(f1_only.audits) == {"ann", "human"}
    ann, human = f1_only.audits["ann"], f1_only.audits["human"]
    assert (ann.labelled, ann.labelled_accepted) == (4, 3)
    assert ann.fdr.value == pytest.approx(1 / 3)
    assert ann.fdr.low is not None
    assert human.fdr == Estimate(0.0, 0.0, 0.0, 3)
    assert human.recall == Estimate(0.75, 0.75, 0.75, 4)
    assert f1_search.recipe is not None
    assert f1_search.recipe["name"] == "f1_search"
    assert facts.judges == (JudgeFacts("llm_judge", "gpt-4o", right=1, wrong=1, unread=1),)
    ann, human = facts.annotators
    assert (ann.annotator, ann.rows, ann.correct, ann.grounded, ann.good) == ("ann", 4, 4, 3, 3)
    assert (ann.design, ann.target, ann.open) == (Design.UNKNOWN, Target.GOOD, 0)
    assert (human.rows, human.correct, human.grounded, human.good) == (6, 4, None, None)
    assert (human.design, human.target, human.open) == (Design.CENSUS, Target.CORRECT, 6)


def label(number: int, correct: bool, grounded: bool | None) -> Label:
    return Label(f"{number:016x}", "ann", correct, grounded, None, CREATED)


def test_what_a_label_leaves_open_is_neither_good_nor_bad() -> None:
    said = [label(0, True, True), label(1, True, None), label(2, False, None), label(2, False, False)]
    (facts,) = annotators(by_annotator(said), 5)
    assert (facts.rows, facts.correct, facts.open) == (3, 2, 1)
    assert (facts.grounded, facts.grounded_known) == (1, 2)
    assert (facts.good, facts.good_known) == (1, 2)
    assert (facts.design, facts.target) == (Design.UNKNOWN, Target.GOOD)


def test_overlaps_are_unknown_until_they_were_looked_for(dataset: LocalDataset) -> None:
    assert compute_facts(dataset).overlap is None
    mark(dataset.path, [None] * 6)
    found = compute_facts(LocalDataset.open(dataset.path)).overlap
    assert found is not None
    assert (found.questions, found.repeats, found.contaminated, found.last) == (6, 1, None, None)
    mark(dataset.path, [True, False, False, True, False, None], EVALUATION)
    found = compute_facts(LocalDataset.open(dataset.path)).overlap
    assert found is not None
    assert found.contaminated == {"raw": 2, "f1_only": 1, "f1_search": 1}
    assert found.contaminated_questions == 2
    assert found.last is not None
    assert found.last.against == (SetFacts("dev", "dev.jsonl", "abcd", 7405, 1, 1),)


def mark(path: Path, contaminated: list[bool | None], *against: dict[str, object]) -> None:
    """What `trajset decontaminate` leaves; without a set the manifest does not say by what rules."""
    dataset = LocalDataset.open(path)
    columns = {
        "id": dataset.ids(),
        "duplicate_group": ["q0", "q0", "q2", "q3", "q4", "q5"],
        "contaminated": pa.array(contaminated, pa.bool_()),
    }
    config = {"ngram": 8, "threshold": 0.7, "near": 0.8, "against": list(against)} if against else {}
    amend(path, Amendment(columns=pa.table(columns)), MadeBy("decontaminate", CREATED, config))


EVALUATION = {"name": "dev", "source": "dev.jsonl", "hash": "abcd", "questions": 7405, "exact": 1, "ngram": 1}


def test_nothing_is_invented_for_what_is_not_there(tmp_path) -> None:
    write_dataset(
        tmp_path, Tables([sample_row(1, f1=None)]), MadeBy("test", datetime(2026, 1, 1, tzinfo=UTC))
    )
    facts = compute_facts(LocalDataset.open(tmp_path))
    assert facts.f1 == ()
    assert facts.measures["f1"] == Measure(0, None, None)
    assert (facts.judges, facts.annotators) == ((), ())
