"""Reading files: every layout, and one clear error with file and line for what is no transcript file."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from trajset.builder.errors import DataError
from trajset.builder.transcripts.files import bare_name, read_records

RECORDS = [{"question": "é?", "n": 1}, {"question": "line\u2028separator", "n": 2}]
LINES = "\n".join(json.dumps(record, ensure_ascii=False) for record in RECORDS)


@pytest.mark.parametrize(
    ("name", "text", "indices"),
    [
        ("a.jsonl", LINES, ["0", "1"]),
        ("a.jsonl", f"\ufeff{LINES}\r\n\n", ["0", "1"]),
        ("a.jsonl", f"\n{LINES}", ["1", "2"]),
        ("a.json", LINES, ["0", "1"]),
        ("a.json", json.dumps(RECORDS), ["0", "1"]),
        ("a.json", json.dumps({"6238": RECORDS[0], "12": RECORDS[1]}), ["6238", "12"]),
        ("a", json.dumps(RECORDS, indent=2), ["0", "1"]),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_every_layout_gives_the_same_records(
    tmp_path: Path, name: str, text: str, indices: list[str], packed: bool
) -> None:
    path = tmp_path / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    records = read_records(path)
    assert [record.data for record in records] == RECORDS
    assert [record.index for record in records] == indices


def test_a_lone_object_is_one_record(tmp_path: Path) -> None:
    path = tmp_path / "trajectory.json"
    path.write_text(json.dumps({"schema_version": "ATIF-v1.5", "agent": {}, "steps": []}, indent=1))
    assert [record.index for record in read_records(path)] == ["0"]


def test_parquet(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(RECORDS), tmp_path / "a.parquet")
    assert [record.data for record in read_records(tmp_path / "a.parquet")] == RECORDS


def test_what_no_table_can_hold_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"question": "half \\ud83d", "big": 100000000000000000000, "nan": NaN}')
    assert read_records(path)[0].data == {"question": "half \ufffd", "big": "1" + "0" * 20, "nan": None}


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.jsonl", b'{"a": 1}\n[1]\n', ["a.jsonl, line 2", "must be a JSON object"]),
        ("a.jsonl", b'{"a": 1}\n{"a": \n', ["a.jsonl, line 2", "must be JSON"]),
        ("a.json", b'[\n{"a": 1},\n{"a": }]', ["a.json, line 3", "must be JSON"]),
        ("a.json", b"[1, 2]", ["record 0", "must be a JSON object"]),
        ("a.json", b"17", ["must be a JSON object or list"]),
        ("a.json", b"plain words", ["line 1", "must be JSON"]),
        ("a.json", b"[" * 100_000, ["nested too deeply"]),
        ("a.jsonl", b'{"a": 1}\n{"a": "\xff\xfe"}', ["line 2", "must be UTF-8"]),
        ("a.jsonl.gz", gzip.compress(LINES.encode(), mtime=0)[:-10], ["must be a whole gzip file"]),
        ("a.jsonl.gz", b"\x1f\x8bnot really", ["must be a whole gzip file"]),
        ("a.jsonl", b"", ["at least one record"]),
        ("a.jsonl", b"\n\n", ["at least one record"]),
        ("a.json", b"[]", ["at least one record"]),
        ("a.json", b"{}", ["at least one record"]),
        ("a.parquet", b"PAR1 no", ["must be a readable Parquet file"]),
    ],
)
def test_a_bad_file_is_one_clear_error(tmp_path: Path, name: str, data: bytes, words: list[str]) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        read_records(path)
    message = str(caught.value)
    assert str(path) in message
    assert all(word in message for word in words), message


def test_a_missing_file_and_a_folder_are_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.jsonl", tmp_path, tmp_path / "nowhere.parquet"):
        with pytest.raises(DataError, match="must be a readable"):
            read_records(path)


def test_a_name_without_its_extensions() -> None:
    assert bare_name(Path("x/r1_qwen2.5-7b.jsonl.gz")) == "r1_qwen2.5-7b"
    assert bare_name(Path("gpt-3.5-turbo.json")) == "gpt-3.5-turbo"
