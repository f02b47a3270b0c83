"""Queries in the sandbox: the same results as DuckDB's own, with limits, and nothing left behind."""

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as pads
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from predicate_grammar import predicates
from sample_rows import CREATED, sample_row
from trajset.builder.dataset import LocalDataset, Tables, write_dataset, write_split
from trajset.builder.errors import DataError, InputError
from trajset.builder.manifest import MadeBy
from trajset.builder.schema import Judgement, Label
from trajset.filters.sandbox import Limits, query

ODD = "İß日本'😀\n\x1b[31m"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> LocalDataset:
    """Forty rows with odd texts and missing scores, a split of ten, some judged and labelled."""
    folder = tmp_path_factory.mktemp("[sandbox]") / "data"
    rows = [
        sample_row(number, answer=ODD[: number % 9], f1=None if number % 7 == 0 else number / 40)
        for number in range(40)
    ]
    judgements = [
        Judgement(row.id, "llm_judge", "m", None, row.scores.f1 != 0.5, None, None, 9, 0.1)
        for row in rows[:20]
    ]
    labels = [Label(row.id, "ada", True, None, "ok", CREATED) for row in rows[:5]]
    write_dataset(folder, Tables(rows, judgements, labels), MadeBy("test", CREATED))
    write_split(folder, "ten.rows", [row.id for row in rows[:10]], {"predicate": "true"})
    return LocalDataset.open(folder)


@pytest.fixture(scope="module")
def direct(dataset: LocalDataset) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB over the same files, with nothing between."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("rows", dataset.source())
        for name in ("judgements", "labels"):
            files = [str(path) for path in (dataset.path / name).glob("*.parquet")]
            connection.register(name, pads.dataset(files))
        yield connection


@pytest.mark.parametrize(
    "sql",
    [
        "FROM rows",
        "SELECT r.*, j.verdict, l.correct FROM rows r LEFT JOIN judgements j ON r.id = j.row_id "
        "LEFT JOIN labels l ON r.id = l.row_id ORDER BY r.id DESC",
        "SELECT searches[1]->>'query' q, messages[3].tool_calls[1]->'function'->'arguments' a, "
        "{'list': searches} s, map {answer: tools} m, 'x'::ENUM ('x') e, sum(n_turns) OVER () h FROM rows",
        "SUMMARIZE rows",
    ],
)
def test_results_are_those_of_duckdb(
    dataset: LocalDataset, direct: duckdb.DuckDBPyConnection, sql: str
) -> None:
    assert query(dataset, sql).to_pylist() == direct.sql(sql).to_arrow_table().to_pylist()


@settings(max_examples=3, deadline=None)
@given(texts=st.lists(predicates, min_size=60, max_size=60))
def test_generated_conditions_mean_what_they_mean_to_duckdb(
    dataset: LocalDataset, direct: duckdb.DuckDBPyConnection, texts: list[str]
) -> None:
    sound = [text for text in texts if runs(direct, f"SELECT ({text}) FROM rows")]
    columns = ", ".join(f"(({text})) AS c{number}" for number, text in enumerate(sound))
    sql = f"SELECT id, {columns or '1'} FROM rows ORDER BY id"
    assert query(dataset, sql).to_pylist() == direct.sql(sql).to_arrow_table().to_pylist()


def runs(connection: duckdb.DuckDBPyConnection, sql: str) -> bool:
    try:
        connection.sql(sql).to_arrow_table()
    except duckdb.Error:
        return False
    return True


def test_json_columns_are_marked_as_json(dataset: LocalDataset) -> None:
    table = query(dataset, "SELECT tools, messages, searches[1] AS s FROM rows LIMIT 1")
    assert table.schema.field("tools").type.value_type == pa.json_()
    assert table.schema.field("messages").type.value_type.field("tool_calls").type.value_type == pa.json_()
    assert json.loads(table.column("s")[0].as_py())["titles"] == ["Rome"]


def test_splits_are_tables_and_a_split_can_stand_for_the_rows(dataset: LocalDataset) -> None:
    sql = 'SELECT (SELECT count(*) FROM "ten.rows"), (SELECT count(*) FROM raw), count(*) FROM rows'
    assert list(query(dataset, sql).to_pylist()[0].values()) == [10, 40, 40]
    found = query(dataset, "SELECT count(*), (SELECT count(*) FROM judgements) FROM rows", split="ten.rows")
    assert list(found.to_pylist()[0].values()) == [10, 20]
    with pytest.raises(InputError, match="must be one that exists"):
        query(dataset, "FROM raw", split="ten.rows")
    with pytest.raises(DataError, match=r"Did you mean 'ten\.rows'"):
        query(dataset, "FROM rows", split="ten.row")


def test_a_fixed_table_is_not_hidden_by_a_split_of_its_name(tmp_path: Path) -> None:
    rows = [sample_row(number) for number in range(3)]
    write_dataset(tmp_path, Tables(rows), MadeBy("test", CREATED))
    write_split(tmp_path, "labels", [rows[0].id], {"predicate": "true"})
    dataset = LocalDataset.open(tmp_path)
    assert query(dataset, "FROM labels").column_names[:2] == ["row_id", "annotator"]
    assert query(dataset, "FROM rows", split="labels").num_rows == 1


def test_tables_without_entries_have_their_columns(tmp_path: Path) -> None:
    write_dataset(tmp_path, Tables([sample_row(0)]), MadeBy("test", CREATED))
    dataset = LocalDataset.open(tmp_path)
    sql = "SELECT j.*, l.* FROM judgements j JOIN labels l USING (row_id)"
    ours, theirs = ([field.name for field in dataclasses.fields(kind)] for kind in (Judgement, Label))
    table = query(dataset, sql)
    assert (table.column_names, table.num_rows) == ([*ours, "row_id_1", *theirs[1:]], 0)


def test_columns_of_one_name_get_numbers(dataset: LocalDataset) -> None:
    assert query(dataset, "SELECT 1 a, 2 a, 3 a_1, 4 a").to_pylist() == [
        {"a": 1, "a_1": 2, "a_1_1": 3, "a_2": 4}
    ]


def test_rows_are_limited_exactly(dataset: LocalDataset) -> None:
    assert query(dataset, "FROM rows ORDER BY id", Limits(rows=39)).num_rows == 39
    assert query(dataset, "FROM range(100000000000)", Limits(rows=5)).column(0).to_pylist() == [0, 1, 2, 3, 4]


def test_duckdbs_own_words_point_at_the_place_and_move_no_cursor(dataset: LocalDataset) -> None:
    with pytest.raises(InputError) as wrong:
        query(dataset, "SELECT id,\n       anser FROM rows")
    assert 'Candidate bindings: "answer"' in str(wrong.value)
    assert str(wrong.value).splitlines()[-2:] == ["LINE 2:        anser FROM rows", "               ^^^^^"]
    with pytest.raises(InputError, match=r"red  \[31mtext") as hostile:
        query(dataset, "SELECT error('red ' || chr(27) || '[31mtext')")
    assert "\x1b" not in str(hostile.value)


@pytest.mark.parametrize(
    ("sql", "limits"),
    [
        ("SELECT 1", Limits(memory=1)),
        ("SELECT 1", Limits(seconds=0)),
        ("SELECT 1", Limits(seconds=float("nan"))),
        ("SELECT 1", Limits(rows=-1)),
        ("SELECT '\ud800'", Limits()),
        ("SELECT 1\0; DROP VIEW rows", Limits()),
        ("SELECT " + " " * 1_000_000 + "1", Limits()),
    ],
)
def test_bad_requests_start_nothing(dataset: LocalDataset, sql: str, limits: Limits) -> None:
    with pytest.raises(InputError, match="got"):
        query(dataset, sql, limits)


def test_a_broken_file_is_named(dataset: LocalDataset, tmp_path: Path) -> None:
    write_dataset(tmp_path, Tables([sample_row(0)]), MadeBy("test", CREATED))
    (shard,) = (tmp_path / "data").glob("*.parquet")
    shard.write_bytes(b"\0" * shard.stat().st_size)
    with pytest.raises(DataError, match=shard.name):
        query(LocalDataset.open(tmp_path), "FROM rows")
    shard.unlink()
    with pytest.raises(DataError, match="no such file"):
        query(LocalDataset.open(tmp_path), "FROM rows")


def children() -> set[int]:
    """Processes that this one started and that still run."""
    stats = [path.read_text().rsplit(")", 1)[1].split() for path in Path("/proc").glob("[0-9]*/stat")]
    return {int(fields[2]) for fields in stats if int(fields[1]) == os.getpid()}


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@linux
def test_a_query_that_is_stopped_leaves_no_process(dataset: LocalDataset) -> None:
    before = children()
    with pytest.raises(InputError, match="must end within"):
        query(
            dataset,
            "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b",
            Limits(seconds=0.2),
        )
    assert children() == before


SLOW = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"
PARENT = f"""
import sys
from pathlib import Path
from trajset.builder.dataset import LocalDataset
from trajset.filters.sandbox import query
query(LocalDataset.open(Path(sys.argv[1])), {SLOW!r})
"""


@pytest.fixture
def parent(dataset: LocalDataset) -> Iterator[subprocess.Popen[bytes]]:
    """A process that asks something slow, with a token in its environment."""
    command = [sys.executable, "-c", PARENT, str(dataset.path)]
    secret = {"HF_TOKEN": "hf_neverToBeSeen", "OPENAI_API_KEY": "sk-neverToBeSeen"}
    with subprocess.Popen(command, env=os.environ | secret, stderr=subprocess.DEVNULL) as process:
        yield process
        process.kill()


def worker_of(parent: int) -> Path:
    """The folder in /proc of the worker, once it has given up its rights."""
    for _ in range(1200):
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                found = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1]) == parent
                if found and "Max file size             0 " in (folder / "limits").read_text():
                    return folder
            except OSError:
                continue
        time.sleep(0.05)
    raise AssertionError("no worker was started")


@linux
def test_the_worker_knows_no_secret_and_may_write_no_file(parent: subprocess.Popen[bytes]) -> None:
    worker = worker_of(parent.pid)
    assert b"neverToBeSeen" not in (worker / "environ").read_bytes()
    assert b"neverToBeSeen" not in (worker / "cmdline").read_bytes()
    assert (worker / "cwd").readlink() == Path("/")


@linux
def test_the_worker_dies_with_its_parent(parent: subprocess.Popen[bytes]) -> None:
    worker = worker_of(parent.pid)
    parent.kill()
    parent.wait()
    for _ in range(200):
        if not worker.exists():
            return
        time.sleep(0.05)
    raise AssertionError("the worker is still there")
