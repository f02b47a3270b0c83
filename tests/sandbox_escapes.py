"""Ways out of the sandbox that somebody may try: the query, and what trajset must say to it.

`{secret}` is a text file that must not be read, `{shard}` a file of the dataset itself, `{target}` a file
that must not appear.
"""

READ, ONE, TABLE, FUNCTION, COMPUTE = (
    "must only read",
    "must be a single statement",
    "must be one that exists",
    "in FROM; got",
    "must only compute",
)
TIME, MEMORY = "must end within", "of memory"
EITHER = "error: sql: must"
"""Whichever limit is reached first, on a machine that may be busy."""

FILES = [
    ("FROM read_csv('{secret}')", FUNCTION),
    ("SELECT * FROM READ_TEXT('{secret}')", FUNCTION),
    ("SELECT * FROM \"read_blob\"('{secret}')", FUNCTION),
    ("FROM system.main.read_json('{secret}')", FUNCTION),
    ("FROM read_parquet('{shard}')", FUNCTION),
    ("FROM parquet_metadata('{shard}')", FUNCTION),
    ("FROM sniff_csv('{secret}')", FUNCTION),
    ("FROM glob('/**')", FUNCTION),
    ("SELECT read_text('{secret}')", "table function"),
    ("FROM '{secret}'", TABLE),
    ("FROM '{shard}'", TABLE),
    ("DESCRIBE '{shard}'", TABLE),
    ("FROM rows WHERE id IN (SELECT content FROM read_text('{secret}'))", FUNCTION),
    ("FROM rows, LATERAL (FROM read_text(rows.id))", FUNCTION),
]
NETWORK = [
    ("FROM 'https://example.com/data.csv'", TABLE),
    ("FROM read_parquet('hf://datasets/user/name/data.parquet')", FUNCTION),
    ("FROM read_csv('s3://bucket/key.csv')", FUNCTION),
]
WRITES = [
    ("COPY rows TO '{target}'", READ),
    ("COPY (SELECT 1) TO '{shard}' (FORMAT parquet)", READ),
    ("COPY rows FROM '{secret}'", READ),
    ("WITH x AS (COPY (SELECT 1) TO '{target}') SELECT 1", READ),
    ("SELECT (WITH x AS (COPY rows TO '{shard}') SELECT 1) FROM rows", READ),
    ("WITH x AS (INSERT INTO rows SELECT * FROM rows RETURNING id) FROM x", READ),
    ("WITH x AS (DELETE FROM rows RETURNING id) FROM x", READ),
    ("WITH x AS (UPDATE rows SET f1 = 1 RETURNING id) FROM x", READ),
    ("EXPORT DATABASE '{target}'", "got"),
    ("IMPORT DATABASE '{target}'", "got"),
    ("CREATE TABLE mine AS FROM rows", READ),
    ("CREATE OR REPLACE VIEW rows AS SELECT 1", READ),
    ("INSERT INTO labels SELECT * FROM labels", READ),
    ("UPDATE rows SET f1 = 1", READ),
    ("DELETE FROM rows", READ),
    ("DROP VIEW rows", READ),
    ("MERGE INTO rows USING labels ON true WHEN MATCHED THEN DELETE", READ),
    ("SELECT write_log('hello')", COMPUTE),
]
DATABASES = [
    ("ATTACH '{target}' AS other", READ),
    ("ATTACH ':memory:' AS other", READ),
    ("ATTACH 'host=localhost' AS other (TYPE postgres)", READ),
    ("USE memory", READ),
    ("CREATE SECRET mine (TYPE s3, KEY_ID 'a', SECRET 'b')", READ),
    ("FROM duckdb_secrets()", FUNCTION),
    ("FROM information_schema.tables", "must be one of the dataset's"),
    ("FROM pg_catalog.pg_settings", "must be one of the dataset's"),
    ("FROM sqlite_master", TABLE),
    ("WITH pg_settings AS (SELECT 1) FROM pg_settings", "like a catalog"),
]
SETTINGS = [
    ("INSTALL httpfs", READ),
    ("LOAD '{target}'", READ),
    ("SET enable_external_access = true", READ),
    ("RESET lock_configuration", READ),
    ("PRAGMA database_list", READ),
    ("CALL duckdb_settings()", READ),
    ("FROM duckdb_settings()", FUNCTION),
    ("SELECT current_setting('secret_directory')", COMPUTE),
    ("SELECT getenv('HF_TOKEN')", COMPUTE),
    ("SHOW ALL TABLES", "may only SHOW TABLES"),
    ("FROM enable_logging(storage = 'file', storage_path = '{target}')", FUNCTION),
    ("FROM create_external_resource('a', 'b')", FUNCTION),
]
STATEMENTS = [
    ("", ONE),
    ("-- nothing but a comment", ONE),
    ("SELECT 1; DROP VIEW rows", ONE),
    ("SELECT 1 /* ; */; COPY rows TO '{target}'", ONE),
    ("SELECT 1 -- the end\n; ATTACH '{target}'", ONE),
    ("SELECT '\\'; COPY rows TO '{target}' --'", ONE),
    ("/* SELECT 1 */ COPY rows TO '{target}'", READ),
    ("PREPARE mine AS FROM rows", READ),
    ("EXECUTE mine", READ),
    ("EXPLAIN ANALYZE FROM rows", READ),
    ("PIVOT rows ON teacher", "names its values"),
    ("FROM query('COPY rows TO ''{target}''')", FUNCTION),
    ("FROM query_table('pg_settings')", FUNCTION),
    ("FROM json_execute_serialized_sql(json_serialize_sql('FROM pg_settings'))", FUNCTION),
    ("SELECT json_serialize_plan('FROM read_csv(''{secret}'')')", COMPUTE),
]
PYTHON = [
    ("FROM request", TABLE),
    ("FROM arrow_scan(1, 2, 3)", FUNCTION),
    ("FROM python_map_function(rows)", FUNCTION),
]
NESTED = [
    (f"SELECT {'(' * 3000}1{')' * 3000}", "depth"),
    (f"{'FROM (' * 3000}SELECT 1{')' * 3000}", "got"),
]
ENDLESS = [
    (f"SELECT {'[' * 990}{']' * 990}", EITHER),  # the engine may run out of stack first
    ("WITH RECURSIVE t AS (SELECT 1 x UNION ALL SELECT x + 1 FROM t) SELECT max(x) FROM t", TIME),
    ("SELECT sum(a.range * b.range) FROM range(100000) a, range(10000000) b", TIME),
    ("SELECT sleep_ms(100000)", COMPUTE),
    ("SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000))", TIME),
    (
        "SELECT sum(regexp_matches(repeat('a', 9999) || range, '(.*)(.*)(.*)x')::INT) FROM range(1000000)",
        TIME,
    ),
]
HUGE = [
    ("SELECT repeat('x', 2000000000)", MEMORY),
    ("SELECT printf('%2000000000d', 1)", MEMORY),
    ("SELECT range(4000000000)", MEMORY),
    ("SELECT list(i) FROM range(1000000000) t(i)", EITHER),
    ("SELECT string_agg(repeat('x', 1000), '') FROM range(100000000)", EITHER),
    ("SELECT repeat('x', 200000) FROM range(100000)", EITHER),
    ("FROM range(1000000000000)", EITHER),
]

REFUSED = [*FILES, *NETWORK, *WRITES, *DATABASES, *SETTINGS, *STATEMENTS, *PYTHON, *NESTED]
STOPPED = [*ENDLESS, *HUGE]
