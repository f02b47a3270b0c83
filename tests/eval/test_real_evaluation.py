"""The real R1-Searcher rows, evaluated, held against the raw files and the docs; the rule against an audit.

The expectation reads the raw files and scores them with the official HotpotQA formula, written out here.
"""

import csv
import gzip
import json
import re
import string
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trajset.builder.config import ImportConfig
from trajset.builder.schema import Row
from trajset.builder.transcripts import read_transcripts
from trajset.builder.verdicts import with_verdicts
from trajset.eval.evaluation import EvaluationOptions, evaluate_rows
from trajset.eval.failures import cause_of
from trajset.eval.results import Estimate, Evaluation, Failure

DOCS = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
MODELS = ("r1searcher_hotpotqa_llama3.1-8b", "r1searcher_hotpotqa_qwen2.5-7b")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def raw(shared_data: Path, model: str) -> list[dict[str, Any]]:
    with gzip.open(shared_data / "trajectories" / f"{model}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def normal(text: str) -> str:
    text = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def official_f1(prediction: str, gold: str) -> float:
    one, other = normal(prediction), normal(gold)
    if one != other and {one, other} & {"yes", "no", "noanswer"}:
        return 0.0
    same = sum((Counter(one.split()) & Counter(other.split())).values())
    if not same:
        return 0.0
    precision, recall = same / len(one.split()), same / len(other.split())
    return 2 * precision * recall / (precision + recall)


def scores(records: list[dict[str, Any]]) -> dict[str, float]:
    return {one["question"].strip(): official_f1(one["pred_ans"], one["answer"]) for one in records}


@pytest.fixture(scope="module")
def evaluation(shared_data: Path) -> Evaluation:
    files = [shared_data / "trajectories" / f"{model}.jsonl.gz" for model in MODELS]
    imported = read_transcripts(files, ImportConfig(dataset="hotpotqa"), NOW)
    types = shared_data / "retrieval" / "hotpotqa_dev_answers.json.gz"
    rows = with_verdicts(imported.rows, imported.judgements)
    return evaluate_rows(rows, EvaluationOptions(questions=(types,)))


def test_f1_and_the_judges_accuracy_are_those_of_the_raw_files(
    evaluation: Evaluation, shared_data: Path
) -> None:
    assert [one.cell.model for one in evaluation.summaries] == list(MODELS)
    for summary in evaluation.summaries:
        records = raw(shared_data, summary.cell.model)
        f1, judge = summary.quality["f1"], summary.quality["llm_judge"]
        assert (f1.rows, f1.questions, f1.unscored) == (500, 500, 0)
        assert f1.value == pytest.approx(np.mean(list(scores(records).values())), abs=1e-12)
        assert judge.value == np.mean([one["gpt4o_output"] == "True" for one in records])


def test_the_paired_difference_is_that_of_the_raw_files(evaluation: Evaluation, shared_data: Path) -> None:
    second, first = (scores(raw(shared_data, model)) for model in MODELS)
    differences = np.array([first[question] - second[question] for question in second])
    found = next(one for one in evaluation.paired if one.measure == "f1")
    assert (found.first.model, found.second.model) == (MODELS[1], MODELS[0])
    assert found.difference.value == pytest.approx(differences.mean(), abs=1e-12)
    assert found.difference.questions == len(differences) == 500
    rng = np.random.default_rng(5)
    drawn = differences[rng.integers(0, 500, (10_000, 500))].mean(axis=1)
    ends = found.difference.low, found.difference.high
    assert ends == pytest.approx(tuple(np.percentile(drawn, (2.5, 97.5))), abs=0.002)


def test_every_question_has_the_type_that_hotpotqa_gives_it(evaluation: Evaluation) -> None:
    for summary in evaluation.summaries:
        types = {name: part.f1.questions for name, part in summary.slices["type"].items()}
        assert types == {"bridge": 399, "comparison": 101}


def percent(value: float | None, sign: str = "") -> str:
    assert value is not None
    return f"{100 * value:{sign}.1f}"


def within(estimate: Estimate) -> str:
    return f"{percent(estimate.value)} ({percent(estimate.low)}–{percent(estimate.high)})"


def test_the_docs_hold_these_scores(evaluation: Evaluation) -> None:
    page = DOCS.read_text("utf-8")
    for summary in evaluation.summaries:
        shown = [within(summary.quality[name]) for name in ("f1", "em", "llm_judge")]
        assert f"| `{summary.cell.model}` | {' | '.join(shown)} |" in page


def test_the_docs_hold_these_failures_and_differences(evaluation: Evaluation) -> None:
    page = DOCS.read_text("utf-8")
    for found in evaluation.failures:
        counts = " | ".join(str(found.counts[kind]) for kind in Failure)
        assert f"| `{found.cell.model}` | {found.scored} | {found.wrong} | {counts} |" in page
        assert sum(found.counts.values()) == found.wrong
    for one in evaluation.paired:
        difference = one.difference
        ends = f"{percent(difference.low, '+')} to {percent(difference.high, '+')}"
        assert (
            f"| {one.measure} | {percent(difference.value, '+')} | {ends} | {percent(one.sign_changes)}% |"
            in page
        )


@pytest.mark.parametrize(("annotator", "agreed"), [("lm-A", 48), ("lm-B", 49)])
def test_hallucination_by_the_rule_is_mostly_what_the_audit_calls_ungrounded(
    shared_data: Path, annotator: str, agreed: int
) -> None:
    labels = audit(shared_data, annotator)
    wrong = [(row, grounded) for row, correct, grounded in labels if not correct]
    rule = [cause_of(row).failure in (Failure.HALLUCINATION, Failure.BOTH) for row, _ in wrong]
    agreeing = sum(made_up != grounded for made_up, (_, grounded) in zip(rule, wrong, strict=True))
    assert (agreeing, len(wrong)) == (agreed, 60)
    assert f"{agreed} of 60 by `{annotator}`" in " ".join(DOCS.read_text("utf-8").split())


def audit(shared_data: Path, annotator: str) -> list[tuple[Row, bool, bool]]:
    """The audited rows with what an annotator said of them: correct, grounded."""
    with (shared_data / "labels" / "hotpotqa_audit.csv").open(encoding="utf-8") as lines:
        entries = [one for one in csv.DictReader(lines) if one["annotator"] == annotator]
    files = [shared_data / "trajectories" / name for name in sorted({one["file"] for one in entries})]
    imported = read_transcripts(files, ImportConfig(dataset="hotpotqa"), NOW)
    rows = {row.id: row for row in imported.rows}
    places = {(Path(it.file).name, it.index): rows[name] for name, it in imported.sources.items()}
    return [
        (places[one["file"], one["index"]], one["correct"] == "1", one["grounded"] == "1") for one in entries
    ]
