"""What the check lets through, and what it refuses without a word in the lists."""

from collections.abc import Iterator

import duckdb
import pytest
from trajset.builder.errors import InputError
from trajset.filters import sandbox_check
from trajset.filters.sandbox_check import check

RELATIONS = ("rows", "judgements", "labels", "raw", "my.split")


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        yield made


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1;",
        "-- first\nSELECT 'a;b' /* DROP */;;",
        "FROM ROWS",
        "TABLE rows",
        "FROM main.rows, memory.main.labels",
        'FROM "my.split"',
        "VALUES (1), (2)",
        "DESCRIBE rows",
        "SUMMARIZE SELECT * FROM rows",
        "SHOW TABLES",
        "WITH rows AS (FROM rows WHERE f1 > 0.5) SELECT count(*) FROM rows",
        "WITH RECURSIVE t AS (SELECT 1 x UNION ALL SELECT x + 1 FROM t WHERE x < 5) FROM t",
        "FROM rows PIVOT (count(*) FOR teacher IN ('a', 'b'))",
        "UNPIVOT rows ON f1, latency_s INTO NAME what VALUE amount",
        "SELECT unnest(queries), list_transform(queries, lambda q: len(q)) FROM rows",
        "FROM rows r, json_each(r.searches[1]) e",
        "SELECT id, row_number() OVER (PARTITION BY question_id ORDER BY f1) n FROM rows QUALIFY n = 1",
        "FROM rows ANTI JOIN raw USING (id) UNION ALL BY NAME FROM raw",
        "FROM rows ASOF JOIN raw ON rows.id = raw.id AND rows.f1 >= raw.f1",
        "FROM range(3) a, generate_series(1, 2) b",
        "SELECT COLUMNS('f1|em'), * EXCLUDE (id) FROM rows USING SAMPLE 10",
        "SELECT random(), uuid(), now(), current_date, setseed(0.5)",
        "SELECT current_user",
        "SELECT CASE WHEN EXISTS (FROM labels WHERE row_id = rows.id) THEN 1 END FROM rows",
        "SELECT regexp_extract(answer, '(\\d+)', 1), md5(id), strftime(created_at, '%Y') FROM rows",
        "WITH columns AS (SELECT 1) FROM columns",
        "SELECT " + " + ".join("1" * 300),
    ],
)
def test_ordinary_queries_pass(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    check(connection, sql, RELATIONS)


def test_a_function_with_effects_is_refused_before_anybody_listed_it(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    assert "nextval" not in sandbox_check.FORBIDDEN
    with pytest.raises(InputError, match="only compute"):
        check(connection, "SELECT nextval('x') FROM rows", RELATIONS)


def test_no_table_function_of_duckdb_passes_but_the_listed(connection: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type LIKE 'table%'"
    names = {name for (name,) in connection.execute(query).fetchall()} - sandbox_check.TABLE_FUNCTIONS
    assert len(names) > 80
    for name in names:
        with pytest.raises(InputError, match="in FROM"):
            check(connection, f'FROM "{name}"()', RELATIONS)


def test_no_catalog_of_duckdb_passes(connection: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT schema_name, view_name FROM duckdb_views() WHERE internal"
    views = connection.execute(query).fetchall()
    assert len(views) > 30
    for schema, name in views:
        hidden = [f"WITH {name} AS (SELECT 1) FROM {name}"] if schema != "information_schema" else []
        for sql in (f"FROM {name}", f"FROM {schema}.{name}", *hidden):
            with pytest.raises(InputError):
                check(connection, sql, RELATIONS)


@pytest.mark.parametrize("name", ["pg_get_viewdef", "pg_get_constraintdef", "get_block_size"])
def test_no_macro_reads_a_catalog_for_the_query(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    with pytest.raises(InputError, match="only compute"):
        check(connection, f"SELECT {name}(1) FROM rows", RELATIONS)


def test_an_unknown_table_is_told_with_the_nearest(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(InputError, match="Did you mean 'judgements'"):
        check(connection, "FROM judgments", RELATIONS)
