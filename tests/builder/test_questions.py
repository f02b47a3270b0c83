"""Questions from our own layout and the public ones; samples; and one clear message for every broken file."""

import dataclasses
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from trajset.builder.errors import DataError
from trajset.builder.identity import text_hash
from trajset.builder.questions import load_questions, load_typed_questions
from trajset.builder.schema import Question

HOTPOT = {
    "_id": "h1",
    "question": "Who?",
    "answer": "Ann",
    "type": "bridge",
    "supporting_facts": [["A", 0], ["B", 1], ["A", 2]],
}
HOTPOT_HUB = {
    "id": "h1",
    "question": "Who?",
    "answer": "Ann",
    "type": "bridge",
    "supporting_facts": {"title": ["A", "B", "A"], "sent_id": [0, 1, 2]},
}
MUSIQUE = {
    "id": "h1",
    "question": "Who?",
    "answer": "Ann",
    "answer_aliases": ["Anna", "Ann"],
    "paragraphs": [
        {"idx": 0, "title": "A", "paragraph_text": "…", "is_supporting": True},
        {"idx": 1, "title": "C", "paragraph_text": "…", "is_supporting": False},
        {"idx": 2, "title": "B", "paragraph_text": "…", "is_supporting": True},
        {"idx": 3, "title": "B", "paragraph_text": "…", "is_supporting": True},
    ],
}


def write(path: Path, records: list[Any]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (HOTPOT, Question("h1", "hotpot", "Who?", ("Ann",), 2, ("A", "B"))),
        (HOTPOT_HUB, Question("h1", "hotpot", "Who?", ("Ann",), 2, ("A", "B"))),
        (MUSIQUE, Question("h1", "hotpot", "Who?", ("Ann", "Anna"), 3, ("A", "B"))),
        (
            {"qid": 3, "query": "Who?", "answers": ["Ann", "Anna"]},
            Question("3", "hotpot", "Who?", ("Ann", "Anna")),
        ),
        (
            {"question": "Who?", "golden_answers": ["Ann"]},
            Question(text_hash("Who?"), "hotpot", "Who?", ("Ann",)),
        ),
        ({"id": "x", "question": "Who?", "answer": None}, Question("x", "hotpot", "Who?", ())),
    ],
    ids=["hotpot", "hotpot on the Hub", "musique", "answers", "no id", "unknown answer"],
)
def test_public_layouts(tmp_path: Path, record: dict[str, Any], expected: Question) -> None:
    assert load_questions(write(tmp_path / "hotpot.jsonl", [record])) == [expected]


def test_our_own_layout_comes_back_equal(tmp_path: Path) -> None:
    questions = [
        Question("q1", "world", "Wo?", ("東京", "Tōkyō"), 3, ("A", "B")),
        Question("q2", "world", "Was?", ()),
        Question("q3", "world", "Wie?", ("so",), 1, ()),
    ]
    records = [dataclasses.asdict(question) for question in questions]
    assert load_questions(write(tmp_path / "q.jsonl", records)) == questions
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "q.parquet")
    assert load_questions(str(tmp_path / "q.parquet")) == questions


def test_csv_with_gold_titles_has_no_answers(tmp_path: Path) -> None:
    path = tmp_path / "val.csv.gz"
    rows = 'example_id,question,question_type,gold_titles\ne1,"Who, then?",bridge,A | B\n'
    path.write_bytes(gzip.compress(rows.encode()))
    (typed,) = load_typed_questions(str(path))
    assert typed.question == Question("e1", "val", "Who, then?", (), 2, ("A", "B"))
    assert typed.type == "bridge"


def test_a_sample_depends_on_seed_and_ids_alone_and_grows_at_its_end(tmp_path: Path) -> None:
    records = [{"id": str(n), "question": f"Q{n}?", "answer": "A"} for n in range(100)]
    forth, back = write(tmp_path / "a.jsonl", records), write(tmp_path / "b.jsonl", records[::-1])

    def ids(source: str, limit: int, seed: int) -> list[str]:
        return [question.question_id for question in load_questions(source, limit, seed)]

    assert ids(forth, 10, 1) == ids(back, 10, 1) == ids(forth, 50, 1)[:10]
    assert ids(forth, 10, 1) != ids(forth, 10, 2)
    assert sorted(ids(forth, 1000, 1)) == sorted(str(n) for n in range(100))


def test_a_question_repeated_word_for_word_counts_once(tmp_path: Path) -> None:
    assert len(load_questions(write(tmp_path / "q.jsonl", [HOTPOT, MUSIQUE | {"id": "m"}, HOTPOT]))) == 2


BAD = {
    "no question": ([{"quesion": "?", "answer": "A"}], ["q.jsonl:1", "'question'", "mean 'quesion'"]),
    "no answer": ([{"question": "?", "anwser": "A"}], ["q.jsonl:1", "'answer'", "mean 'anwser'", "null"]),
    "empty question": (
        [{"question": " ", "answer": "A"}],
        ["q.jsonl:1", "'question' must be a text", "got ' '"],
    ),
    "question no text": (
        [{"question": 5, "answer": "A"}],
        ["q.jsonl:1", "'question' must be a text", "got 5"],
    ),
    "answer no text": (
        [{"question": "?", "answer": 5}],
        ["q.jsonl:1", "'answer' must be a text or a list", "got 5"],
    ),
    "answers no texts": ([{"question": "?", "answers": ["A", 5]}], ["'answers' must be", "got ['A', 5]"]),
    "null id": (
        [{"id": None, "question": "?", "answer": "A"}],
        ["'id' must be a text or an integer", "got None"],
    ),
    "odd facts": (
        [HOTPOT | {"supporting_facts": "A"}],
        ["q.jsonl:1", "HotpotQA", "expected a list, found str"],
    ),
    "odd paragraphs": (
        [MUSIQUE | {"paragraphs": [{}]}],
        ["q.jsonl:1", "MuSiQue", "KeyError: 'is_supporting'"],
    ),
    "odd titles": ([HOTPOT | {"supporting_facts": [[1, 2]]}], ["q.jsonl:1", "expected a title, found int"]),
    "same id": (
        [HOTPOT, HOTPOT | {"question": "What?"}],
        ["q.jsonl:2", "another at", "q.jsonl:1", "got 'h1'"],
    ),
    "not an object": ([HOTPOT, "text"], ["q.jsonl:2", "must be a JSON object", "got 'text'"]),
    "nothing": ([], ["must hold at least one question"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_questions_are_told_with_place_rule_value_and_fix(tmp_path: Path, case: str) -> None:
    records, words = BAD[case]
    with pytest.raises(DataError) as caught:
        load_questions(write(tmp_path / "q.jsonl", records))
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("name", "count", "hops"),
    [
        ("hotpotqa_dev_answers.json.gz", 7405, {None}),
        ("hotpotqa_train500_contexts.json.gz", 500, {2}),
        ("hotpotqa_val500_bm25_results.csv.gz", 500, {2}),
        ("musique_100.json.gz", 100, {2, 3, 4}),
    ],
)
def test_real_files(shared_data: Path, name: str, count: int, hops: set[int | None]) -> None:
    questions = load_questions(str(shared_data / "retrieval" / name))
    assert len(questions) == count
    assert {question.hops for question in questions} <= hops
