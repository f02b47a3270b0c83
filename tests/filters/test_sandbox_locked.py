"""The closed connection alone, as if the check of the query's tree had let everything through."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from trajset.filters.locked import lock


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with duckdb.connect() as connection:
        connection.register("rows", pa.table({"id": ["a", "b"]}))
        lock(connection)
        yield connection


@pytest.mark.parametrize(
    "sql",
    [
        "FROM read_csv('secret.csv')",
        "FROM read_text('secret.csv')",
        "FROM read_blob('secret.csv')",
        "FROM glob('*')",
        "FROM 'secret.csv'",
        "FROM visible",
        "COPY rows TO 'secret.csv'",
        "COPY rows TO 'new.parquet'",
        "WITH x AS (COPY rows TO 'new.csv') SELECT 1",
        "EXPORT DATABASE 'new'",
        "ATTACH 'new.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET disabled_filesystems = ''",
        "SET temp_directory = 'new'",
        "RESET lock_configuration",
        "SET python_enable_replacements = true",
        "CREATE PERSISTENT SECRET mine (TYPE http, BEARER_TOKEN 'a')",
        "SET memory_limit = '1TB'",
    ],
)
def test_a_closed_connection_opens_and_changes_nothing(
    closed: duckdb.DuckDBPyConnection, tmp_path: Path, sql: str
) -> None:
    visible = pa.table({"a": [1]})
    with pytest.raises(duckdb.Error):
        closed.execute(sql).fetchall()
    assert visible.num_rows == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]
    assert (tmp_path / "secret.csv").read_text() == "a\n1\n"
    assert closed.execute("SELECT count(*) FROM rows").fetchall() == [(2,)]
