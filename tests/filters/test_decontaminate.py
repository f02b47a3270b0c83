"""The columns that decontamination gives, and the real train and dev questions of HotpotQA."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sample_rows import sample_row
from trajset.builder.config import ImportConfig
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.schema import Row
from trajset.builder.transcripts import read_transcripts
from trajset.filters.decontaminate import Decontamination, decontaminate
from trajset.filters.decontaminate_config import Rules
from trajset.filters.decontaminate_sets import EvaluationSet, read_sets

from .conftest import MADE

LONG = (
    "Which of the two towns that lie on the river which rises in the old country of the kings and queens"
    " was founded in the year {}?"
)
TEST = EvaluationSet("test", "test.txt", ("What is the capital of all of the old kingdoms?", "Who was it?"))


def rows(*asked: tuple[str, str]) -> list[Row]:
    """One row a question, given as id and text."""
    return [
        dataclasses.replace(row, question=dataclasses.replace(row.question, question_id=name, question=text))
        for row, (name, text) in zip(map(sample_row, range(len(asked))), asked, strict=True)
    ]


def run(
    path: Path, *asked: tuple[str, str], sets: tuple[EvaluationSet, ...] = (), **rules: float
) -> Decontamination:
    write_dataset(path, Tables(rows(*asked)), MADE)
    return decontaminate(
        LocalDataset.open(path), sets, dataclasses.replace(Rules(), **rules), lambda count: None
    )


def column(found: Decontamination, name: str) -> list[object]:
    return found.columns.column(name).to_pylist()


def test_duplicates_name_the_first_question_of_their_group(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        ("a", LONG.format(1900)),
        ("b", "Who?"),
        ("a", LONG.format(1900)),
        ("c", LONG.format(1901)),
        ("d", "who"),
        ("e", " ?"),
    )
    assert column(found, "duplicate_group") == ["a", "b", "a", "a", "b", None]
    assert (found.questions, found.wordings, found.groups, found.blank) == (4, 3, 2, 1)
    (near,) = found.near
    assert (near.question, near.other) == (LONG.format(1901), LONG.format(1900))
    assert near.overlap == pytest.approx(26 / 32)
    assert column(found, "contaminated") == [None] * 6
    assert column(found, "contamination_overlap") == [None] * 6


def test_near_can_be_asked_for(tmp_path: Path) -> None:
    found = run(tmp_path, ("a", LONG.format(1900)), ("b", LONG.format(1901)), near=0.9)
    assert column(found, "duplicate_group") == ["a", "b"]


def test_overlap_with_an_evaluation_set(tmp_path: Path) -> None:
    found = run(
        tmp_path,
        ("a", "WHO was it"),
        ("b", "Say: what is the capital of all of the old kingdoms of men?"),
        ("c", "What is the capital of all of the new kingdoms?"),
        ("d", "Something else"),
        ("e", ""),
        sets=(TEST, EvaluationSet("other", "other.txt", ("Who was it?",))),
    )
    assert column(found, "contaminated") == [True, True, True, False, None]
    assert column(found, "contamination") == ["test:exact", "test:ngram", "test:ngram", None, None]
    assert column(found, "contamination_overlap") == [1.0, 1.0, 0.8, 0.0, None]
    test, other = found.sets
    assert (test.exact, test.ngram, other.exact, other.ngram) == (1, 2, 1, 0)
    assert [(pair.kind, pair.other) for pair in test.examples] == [
        ("exact", "Who was it?"),
        ("ngram", TEST.questions[0]),
        ("ngram", TEST.questions[0]),
    ]


def test_the_overlap_below_the_threshold_is_told_too(tmp_path: Path) -> None:
    asked = ("a", "What is the capital of all of the new kingdoms?")
    found = run(tmp_path, asked, sets=(TEST,), threshold=0.9)
    assert column(found, "contaminated") == [False]
    assert column(found, "contamination") == [None]
    assert column(found, "contamination_overlap") == [0.8]
    assert found.sets[0].ngram == 0


def test_what_the_manifest_keeps(tmp_path: Path) -> None:
    assert run(tmp_path, ("a", "Who was it?"), sets=(TEST,)).to_json() == {
        "ngram": 8,
        "threshold": 0.7,
        "near": 0.8,
        "seed": 0,
        "common": 10,
        "questions": 1,
        "wordings": 1,
        "groups": 1,
        "against": [
            {"name": "test", "source": "test.txt", "hash": TEST.hash, "questions": 2, "exact": 1, "ngram": 0}
        ],
    }


@pytest.mark.parametrize(
    ("file", "exact", "ngram", "questions"),
    [
        ("knowagent_hotpotqa_llama-2-13b.jsonl.gz", 0, 0, 500),
        ("r1searcher_hotpotqa_qwen2.5-7b.jsonl.gz", 500, 0, 500),
        ("fireact_hotpotqa_gpt-3.5-turbo-ft.json.gz", 465, 0, 465),
    ],
)
def test_train_questions_are_clean_and_dev_questions_are_not(
    file: str, exact: int, ngram: int, questions: int, shared_data: Path, tmp_path: Path
) -> None:
    """HotpotQA: KnowAgent's questions are of train, the others' of dev; the evaluation set is dev."""
    imported = read_transcripts(
        [shared_data / "trajectories" / file], ImportConfig(), datetime(2026, 1, 1, tzinfo=UTC)
    )
    write_dataset(tmp_path, Tables(imported.rows), MADE)
    sets = read_sets([str(shared_data / "retrieval" / "hotpotqa_dev_answers.json.gz")])
    found = decontaminate(LocalDataset.open(tmp_path), sets, Rules(), lambda count: None)
    (report,) = found.sets
    assert (report.exact, report.ngram, found.questions) == (exact, ngram, questions)
    assert (found.wordings, found.groups) == (questions, questions)
