"""Passages from every kind of source, and one clear message for every broken one."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trajset.builder import corpus
from trajset.builder.corpus import PassageFields, corpus_hash, read_passages
from trajset.builder.errors import DataError
from trajset.builder.schema import Passage
from trajset.builder.source_files import Record

RECORDS = [
    {"id": "a", "title": "Ærøskøbing", "text": 'A town.\nOn an island, "old".'},
    {"id": "b", "title": "東京", "text": "A city."},
    {"id": "c", "title": "😀", "text": ""},
]
PASSAGES = [Passage(**record) for record in RECORDS]


def json_lines(records: list[Any]) -> bytes:
    return b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records)


def csv_text() -> bytes:
    rows = ['a,Ærøskøbing,"A town.\nOn an island, ""old""."', "b,東京,A city.", "c,😀,"]
    return "\n".join(["id,title,text", *rows, ""]).encode()


CONTENTS = {
    "corpus.jsonl": json_lines(RECORDS),
    "corpus.ndjson": b"\xef\xbb\xbf" + json_lines(RECORDS).replace(b"\n", b"\r\n\r\n"),
    "corpus.json": json.dumps(RECORDS).encode(),
    "corpus.csv": csv_text(),
    "corpus.tsv": csv_text().replace(b",", b"\t").replace(b"island\t", b"island,"),
}


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_kind_of_file_gives_the_same_passages(tmp_path: Path, name: str, packed: bool) -> None:
    content = CONTENTS[name]
    path = tmp_path / (name + ".gz" if packed else name)
    path.write_bytes(gzip.compress(content) if packed else content)
    assert list(read_passages(str(path))) == PASSAGES


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "corpus.parquet"
    pq.write_table(pa.Table.from_pylist(RECORDS), path)
    assert list(read_passages(str(path))) == PASSAGES


def test_a_folder_is_read_in_the_order_of_names_without_hidden_and_foreign_files(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_bytes(json_lines(RECORDS[1:]))
    (tmp_path / "a.json").write_bytes(json.dumps(RECORDS[:1]).encode())
    (tmp_path / "README.md").write_text("not a corpus")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "c.jsonl").write_bytes(json_lines(RECORDS))
    assert list(read_passages(str(tmp_path))) == PASSAGES


def test_other_columns_and_ids_by_position(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(json_lines([{"name": "T", "body": "x", "n": 7}, {"name": None, "body": "y", "n": 8}]))
    fields = PassageFields(title="name", text="body")
    assert list(read_passages(str(path), fields)) == [Passage("0", "T", "x"), Passage("1", "", "y")]
    numbered = read_passages(str(path), PassageFields("name", "body", "n"))
    assert [passage.id for passage in numbered] == ["7", "8"]


GOOD = b'{"id": "x", "title": "T", "text": "x"}\n'
BAD_FILES = {
    "not an object": ("c.jsonl", GOOD + b"[1]\n", ["c.jsonl:2", "must be a JSON object", "[1]"]),
    "not JSON": ("c.jsonl", GOOD + b'{"a"\n', ["c.jsonl:2", "must be JSON", '{"a"']),
    "not UTF-8": ("c.jsonl", GOOD + b'{"title": "\xff"}\n', ["c.jsonl:2", "UTF-8", "0xff at position 12"]),
    "not UTF-8 in a list": ("c.json", b'[\n"\xff"]', ["c.json:2", "UTF-8"]),
    "not UTF-8 in CSV": ("c.csv", b"title,text\nT,\xff\n", ["c.csv:2", "UTF-8"]),
    "empty": ("c.jsonl", b"", ["must hold at least one passage", "Give a file"]),
    "blank": ("c.jsonl", b"\n \n", ["must hold at least one passage"]),
    "empty list": ("c.json", b"[]", ["must hold at least one passage"]),
    "empty JSON file": ("c.json", b"", ["must hold at least one passage"]),
    "empty CSV": ("c.csv", b"", ["must hold at least one passage"]),
    "no list": ("c.json", b'{"title": "T"}', ["c.json", "must hold a JSON list", ".jsonl"]),
    "cut list": ("c.json", b'[{"title": "T"},\n', ["c.json:", "must be JSON"]),
    "ragged CSV": ("c.csv", b"title,text\nT,x,y\n", ["c.csv:2", "must have 2 cells", "got 3"]),
    "open quote": ("c.csv", b'title,text\nT,"x\n', ["c.csv:2", "well-formed CSV"]),
    "no title": (
        "c.jsonl",
        b'{"titel": "T", "text": "x"}\n',
        ["c.jsonl:1", "'title'", "mean 'titel'", "--title-field"],
    ),
    "no text": (
        "c.jsonl",
        b'{"title": "T", "body": "x"}\n',
        ["c.jsonl:1", "'text'", "body, title", "--text-field"],
    ),
    "later without text": ("c.jsonl", GOOD + b'{"id": "y", "title": "T"}\n', ["c.jsonl:2", "'text'"]),
    "later without id": ("c.jsonl", GOOD + b'{"title": "T", "text": "x"}\n', ["c.jsonl:2", "'id'"]),
    "number as text": (
        "c.jsonl",
        b'{"title": "T", "text": 5}\n',
        ["c.jsonl:1", "'text' must be a text", "got 5"],
    ),
    "id a list": (
        "c.jsonl",
        b'{"id": [], "title": "T", "text": "x"}\n',
        ["c.jsonl:1", "'id' must be", "got []"],
    ),
    "nothing to find": ("c.jsonl", b'{"title": " ", "text": null}\n', ["c.jsonl:1", "a title or a text"]),
    "twice the same id": (
        "c.jsonl",
        GOOD + b"\n" + GOOD,
        ["c.jsonl:3", "c.jsonl:1", "got 'x'", "--id-field"],
    ),
    "cut gzip": (
        "c.jsonl.gz",
        gzip.compress(GOOD * 3)[:-12],
        ["c.jsonl.gz:", "whole gzip file", "Copy it again"],
    ),
    "no gzip": ("c.jsonl.gz", GOOD, ["c.jsonl.gz:1", "sound gzip file", "drop the .gz"]),
    "no Parquet": ("c.parquet", GOOD, ["c.parquet", "whole Parquet file"]),
    "unknown kind": ("c.txt", GOOD, ["c.txt", ".jsonl", ".parquet", "Convert"]),
    "packed Parquet": ("c.parquet.gz", GOOD, ["c.parquet.gz", "must be one of"]),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files_are_told_with_place_rule_value_and_fix(tmp_path: Path, case: str) -> None:
    name, content, words = BAD_FILES[case]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        list(read_passages(str(path)))
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == []


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"source: must exist; got '.*nowhere'\. Give a file"):
        list(read_passages(str(tmp_path / "nowhere")))


def test_a_folder_with_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("empty")
    with pytest.raises(DataError, match="must hold a file to read"):
        list(read_passages(str(tmp_path)))


def test_a_repeated_id_is_found_across_files_and_before_the_end(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(json_lines([{"id": 5, "title": "T", "text": "x"}]))
    rows = [{"id": n % 1000, "title": "T", "text": "x"} for n in range(9000)]
    (tmp_path / "b.jsonl").write_bytes(json_lines(rows))
    seen: list[Passage] = []
    with pytest.raises(DataError, match=r"b\.jsonl:6: .* also stands at .*a\.jsonl:1; got '5'"):
        seen.extend(read_passages(str(tmp_path)))
    assert len(seen) < 5000


class Repeating:
    """A source of two records, for ids of equal hash."""

    name = "two"

    def __init__(self, *ids: object) -> None:
        self._ids = ids

    def fingerprint(self) -> str:
        return "f"

    def records(self):
        return (Record(f"two:{n}", {"id": key, "title": "T", "text": ""}) for n, key in enumerate(self._ids))


def test_an_integer_and_a_text_id_of_the_same_digits_are_the_same_id() -> None:
    with pytest.raises(DataError, match="also stands at two:0"):
        list(read_passages(Repeating(7, "7")))


def test_hash_is_of_content_and_order() -> None:
    assert corpus_hash(PASSAGES) == corpus_hash(list(PASSAGES))
    assert corpus_hash(PASSAGES) != corpus_hash(PASSAGES[::-1])
    assert len(corpus_hash([])) == 64


texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.tuples(texts, texts)), st.lists(st.tuples(texts, texts)))
def test_different_corpora_have_different_hashes(
    left: list[tuple[str, str]], right: list[tuple[str, str]]
) -> None:
    hashes = [corpus_hash(Passage(str(n), *pair) for n, pair in enumerate(pairs)) for pairs in (left, right)]
    assert (hashes[0] == hashes[1]) == (left == right)


@given(st.lists(st.tuples(texts, texts.filter(str.strip)), min_size=1))
def test_any_text_survives_json_lines(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("any") / "corpus.jsonl"
    path.write_bytes(json_lines([{"title": title, "text": text} for title, text in pairs]))
    assert [(passage.title, passage.text) for passage in read_passages(str(path))] == pairs


def test_the_module_reads_as_a_stream(tmp_path: Path) -> None:
    """The first passages are there before the file's broken end is reached."""
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(GOOD + b"broken\n")
    passages = corpus.read_passages(str(path))
    assert next(passages).title == "T"
    with pytest.raises(DataError, match="jsonl:2"):
        next(passages)
