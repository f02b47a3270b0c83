"""A row survives Parquet and every engine, equal; what cannot be stored is refused by name or cleaned."""

import dataclasses
import hashlib
import math
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_type_hints

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, IterableDataset, load_dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_rows import rows, sample_row
from trajset.builder.errors import DataError
from trajset.builder.schema import (
    ARROW_SCHEMA,
    COLUMNS,
    FEATURES,
    Conversation,
    Hit,
    Judgement,
    Message,
    Passage,
    Row,
    SearchCall,
    Summary,
)
from trajset.builder.storable import MAX_DEPTH, TOO_DEEP, storable
from trajset.builder.table import (
    conform,
    items_from_table,
    rows_from_table,
    table_from_items,
    table_from_rows,
)

Read = Callable[[Path], pa.Table]


def write(path: Path, given_rows: list[Row]) -> Path:
    pq.write_table(table_from_rows(given_rows), path / "rows.parquet")
    return path / "rows.parquet"


def by_datasets(path: Path, streaming: bool = False) -> Dataset | IterableDataset:
    files = {"train": str(path)}
    cache = str(path.parent / "cache")
    return load_dataset("parquet", data_files=files, split="train", cache_dir=cache, streaming=streaming)


def read_datasets(path: Path) -> pa.Table:
    return by_datasets(path).with_format("arrow")[:]


def read_duckdb(path: Path) -> pa.Table:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'America/New_York'")
    return connection.from_parquet(str(path)).to_arrow_table()


def read_polars(path: Path) -> pa.Table:
    return pl.read_parquet(path).to_arrow()


READERS: dict[str, Read] = {
    "pyarrow": pq.read_table,
    "datasets": read_datasets,
    "duckdb": read_duckdb,
    "polars": read_polars,
    "polars-views": lambda path: (
        pl.scan_parquet(path).collect().to_arrow(compat_level=pl.CompatLevel.newest())
    ),
}


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(st.lists(rows, min_size=1, max_size=3))
def test_any_row_survives_parquet_and_every_engine(given_rows: list[Row]) -> None:
    with TemporaryDirectory() as folder:
        path = write(Path(folder), given_rows)
        for name, read in READERS.items():
            table = read(path)
            assert list(rows_from_table(table)) == given_rows, name
            assert conform(table).schema.equals(ARROW_SCHEMA, check_metadata=True), name
            assert list(rows_from_table(conform(table))) == given_rows, name


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows)
def test_a_record_gives_the_row_back(row: Row) -> None:
    assert Row.from_record(row.to_record()) == row
    assert tuple(row.to_record()) == COLUMNS


def test_a_100_kb_observation_survives(tmp_path: Path) -> None:
    long = [sample_row(1, text="Ωmega \x00\x1f\u2028 " * 12_000), sample_row(2)]
    path = write(tmp_path, long)
    for read in READERS.values():
        assert list(rows_from_table(read(path))) == long


def equal_but_for_json_floats(record: dict[str, Any], row: Row) -> bool:
    searches = record.pop("searches")
    expected = row.to_record()
    wanted = expected.pop("searches")
    close = [
        math.isclose(left, right, rel_tol=1e-14)
        for one, other in zip(searches, wanted, strict=True)
        for left, right in zip(one.pop("scores"), other["scores"], strict=True)
    ]
    rest = [{key: value for key, value in search.items() if key != "scores"} for search in wanted]
    return record == expected and searches == rest and all(close)


@pytest.mark.parametrize("streaming", [False, True])
def test_the_records_of_datasets_are_the_rows_but_for_the_last_bit_of_json_floats(
    tmp_path: Path, streaming: bool
) -> None:
    given_rows = [sample_row(number) for number in range(20)]
    loaded = by_datasets(write(tmp_path, given_rows), streaming)
    assert loaded.features == FEATURES
    records = list(loaded)
    assert all(map(equal_but_for_json_floats, records, given_rows))


def test_the_columns_are_those_of_the_groups() -> None:
    kinds = get_type_hints(Row).values()
    assert tuple(field.name for kind in kinds for field in dataclasses.fields(kind)) == COLUMNS
    assert len(set(COLUMNS)) == len(COLUMNS)


def changed(row: Row, group: str, **values: Any) -> Row:
    return dataclasses.replace(row, **{group: dataclasses.replace(getattr(row, group), **values)})


@pytest.mark.parametrize(
    ("group", "values", "column", "rule"),
    [
        ("scores", {"f1": math.nan}, "f1", "finite"),
        ("cost", {"latency_s": math.inf}, "latency_s", "finite"),
        ("outcome", {"answer": "\ud800"}, "answer", "surrogates"),
        ("provenance", {"seed": 2**63}, "seed", "int"),
        ("provenance", {"created_at": datetime(2026, 1, 1)}, "created_at", "time zone"),
        ("conversation", {"tools": ({"limit": math.nan},)}, "tools", "NaN"),
        ("conversation", {"tools": ({"limit": 2**64},)}, "tools", "64-bit"),
        ("conversation", {"messages": (Message("user", "\udfff"),)}, "messages", "surrogates"),
    ],
)
def test_a_value_no_table_can_hold_is_refused_by_column_and_row(
    group: str, values: dict[str, Any], column: str, rule: str
) -> None:
    bad = changed(sample_row(2), group, **values)
    with pytest.raises(DataError, match=rule) as caught:
        table_from_rows([sample_row(1), bad, sample_row(3)])
    assert f"column {column!r} of row {bad.id!r}" in str(caught.value)


def test_what_models_send_is_made_storable() -> None:
    deep: Any = "end"
    for _ in range(1000):
        deep = [deep]
    arguments = {
        "n": 2**70,
        "x": math.nan,
        "half": "\ud83d",
        "pair": "\ud83d\ude00",
        "deep": deep,
        5: -math.inf,
    }
    call = {"function": {"name": "search", "arguments": arguments}}
    conversation = Conversation((Message("assistant", "a\udc00b", tool_calls=(call,)),), (), "tools")
    clean = storable(conversation)
    row = dataclasses.replace(sample_row(1), conversation=clean)
    assert list(rows_from_table(table_from_rows([row]))) == [row]
    kept = clean.messages[0].tool_calls[0]["function"]["arguments"]
    assert clean.messages[0].content == "a\ufffdb"
    assert (kept["n"], kept["x"], kept["half"], kept["pair"], kept["5"]) == (
        str(2**70),
        None,
        "\ufffd",
        "😀",
        None,
    )
    assert 0 < str(kept["deep"]).count("[") < MAX_DEPTH
    assert TOO_DEEP in str(kept["deep"])


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows)
def test_what_is_storable_stays_the_same(row: Row) -> None:
    assert storable(row) == row


def test_json_holds_the_search_record(tmp_path: Path) -> None:
    record = SearchCall("q", (), "TimeoutError: slow").to_json()
    row = changed(sample_row(1), "search_use", searches=(record,))
    assert next(rows_from_table(table_from_rows([row]))).search_use.searches == (record,)


def test_records_of_searches_with_and_without_later_keys_survive_together(tmp_path: Path) -> None:
    hits = (Hit(Passage("7", "Rome", "Old."), 1.5), Hit(Passage("", "Seen", ""), math.nan))
    records = [
        sample_row(0).search_use.searches[0],  # as before there were text hashes
        storable(SearchCall("q", hits).to_json()),
        SearchCall("q", hits[:1], summary=Summary("Rome is old.", 90, None)).to_json(),
    ]
    assert records[1]["text_hashes"] == [hits[0].text_hash, None]
    assert set(records[2]) - set(records[1]) == {
        "summary",
        "summary_prompt_tokens",
        "summary_completion_tokens",
    }
    given_rows = [
        changed(sample_row(number), "search_use", searches=(record,)) for number, record in enumerate(records)
    ]
    path = write(tmp_path, given_rows)
    for name, read in READERS.items():
        assert list(rows_from_table(read(path))) == given_rows, name
    loaded = list(by_datasets(path))
    assert [record["searches"][0].keys() for record in loaded] == [record.keys() for record in records]


def test_a_text_hash_is_that_of_title_and_text() -> None:
    wanted = hashlib.sha256(b"Rome\nIt is old.").hexdigest()[:16]
    assert Hit(Passage("7", "Rome", "It is old."), 1.0).text_hash == wanted
    assert Hit(Passage("7", "Rome", ""), 1.0, "recorded").text_hash == "recorded"
    assert Hit(Passage("", "Rome", ""), 1.0).text_hash is None


def test_a_missing_or_unknown_column_or_value_is_named() -> None:
    table = table_from_rows([sample_row(1)])
    with pytest.raises(DataError, match="'f1'"):
        conform(table.drop_columns(["f1"]))
    with pytest.raises(DataError, match="'f1'"):
        list(rows_from_table(table.drop_columns(["f1"])))
    with pytest.raises(DataError, match="Did you mean 'f1'"):
        list(rows_from_table(table.append_column("f1_", pa.array([1.0]))))
    odd = sample_row(1).to_record() | {"stop_reason": "tired"}
    with pytest.raises(DataError, match="turn_limit"):
        Row.from_record(odd)


def test_times_come_back_in_utc() -> None:
    row = sample_row(1)
    local = row.provenance.created_at.astimezone(timezone(timedelta(hours=-5)))
    table = table_from_rows([changed(row, "provenance", created_at=local)])
    back = next(rows_from_table(table)).provenance.created_at
    assert back == local
    assert back.utcoffset() == timedelta(0)


def test_flat_tables_survive() -> None:
    judgements = [
        Judgement("a", "llm_judge", "m", None, None, None, None, None, None),
        Judgement("b", "llm_judge", "m", "h", True, 0.5, "né", 2**40, 0.1),
    ]
    table = table_from_items(judgements, Judgement)
    assert list(items_from_table(table, Judgement)) == judgements
    with pytest.raises(DataError, match="verdict"):
        items_from_table(table.drop_columns(["verdict"]), Judgement)
    with pytest.raises(DataError, match="score"):
        table_from_items([dataclasses.replace(judgements[1], score=math.inf)], Judgement)
