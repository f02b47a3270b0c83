"""Evaluation sets out of every kind of file, under names, with hashes; and what is no set."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest
from trajset.builder.errors import DataError
from trajset.filters.decontaminate_sets import EvaluationSet, read_sets

ASKED = ("Who?", "Why, then?")


def written(folder: Path, name: str) -> Path:
    path = folder / name
    records = [{"id": number, "question": text, "answer": None} for number, text in enumerate(ASKED)]
    lines = "\n".join(map(json.dumps, records))
    texts = {".jsonl": lines, ".json": json.dumps(records), ".txt": "Who?\n\n Why, then?\r\nWho?\n"}
    if path.suffix == ".parquet":
        pl.DataFrame(records).write_parquet(path)
    elif path.suffix == ".csv":
        path.write_text('question,other\nWho?,1\n"Why, then?",2\n', "utf-8")
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(texts[Path(path.stem).suffix].encode()))
    else:
        path.write_text(texts[path.suffix], "utf-8")
    return path


@pytest.mark.parametrize(
    "name", ["a.jsonl", "a.json", "a.csv", "a.parquet", "a.txt", "a.jsonl.gz", "a.json.gz", "a.txt.gz"]
)
def test_every_kind_of_file(name: str, tmp_path: Path) -> None:
    (found,) = read_sets([str(written(tmp_path, name))])
    assert (found.name, found.source) == ("a", name)
    assert tuple(text.strip() for text in found.questions) == ASKED


def test_names_and_hashes(tmp_path: Path) -> None:
    one, two = written(tmp_path, "a b.jsonl"), written(tmp_path, "x=y.txt")
    named, plain, equals = read_sets([f"dev-1={one}", str(one), str(two)])
    assert (named.name, plain.name, equals.name) == ("dev-1", "a_b", "x_y")
    assert named.hash == plain.hash == EvaluationSet("other", "", ASKED).hash
    assert named.hash != EvaluationSet("", "", ASKED[::-1]).hash


@pytest.mark.parametrize("column", ["query", "problem", "prompt"])
def test_other_names_of_the_question_column(column: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({column: "Who?"}), "utf-8")
    assert read_sets([str(path)])[0].questions == ("Who?",)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.jsonl", '{"quesion": "Who?"}', "Did you mean 'quesion'"),
        ("a.jsonl", '{"question": 3}', "'question' must be a text"),
        ("a.jsonl", "", "must hold at least one question"),
        ("a.txt", " \n", "must hold at least one question"),
        ("a.txt.gz", "not packed", "must be a readable text file"),
        ("a.xlsx", "x", "must be one of"),
    ],
)
def test_what_is_no_set(name: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(DataError, match=said):
        read_sets([str(tmp_path / name)])


def test_a_missing_file_and_two_of_one_name(tmp_path: Path) -> None:
    for reference in ("nowhere.txt", "nowhere.jsonl", "dev=nowhere.jsonl"):
        with pytest.raises(DataError, match="nowhere"):
            read_sets([reference])
    path = written(tmp_path, "a.txt")
    with pytest.raises(DataError, match="names of their own"):
        read_sets([str(path), f"a={path}"])
