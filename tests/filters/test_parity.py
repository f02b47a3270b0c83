"""Generated predicates over generated tables: both engines must give every row the same verdict."""

import math
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from predicate_grammar import SCHEMA, larger_tables, predicates, qualifiers, tables
from sqlglot import exp
from trajset.builder.errors import RecipeError
from trajset.filters.engines import ENGINES, Engine, verdicts
from trajset.filters.predicates import Predicate
from trajset.filters.qualify import Qualify
from trajset.filters.recipes import Recipe


def written(folder: str, records: list[dict[str, Any]]) -> list[Path]:
    """The records as two shards."""
    table = pa.Table.from_pylist([{"id": str(i), **record} for i, record in enumerate(records)], SCHEMA)
    half = (len(table) + 1) // 2
    paths = [Path(folder, f"raw-{part}.parquet") for part in range(2)]
    for path, piece in zip(paths, (table[:half], table[half:]), strict=True):
        pq.write_table(piece, path)
    return paths


def recipe(text: str, name: str = "generated") -> Recipe:
    return Recipe(name, "Generated", "", Predicate.parse(text, {}))


def recipes_of(texts: list[str]) -> list[Recipe]:
    """Without those that are no predicates: brackets left out can change what is meant."""
    found = []
    for number, text in enumerate(texts):
        with suppress(RecipeError):
            found.append(recipe(text, f"r{number}"))
    return found


ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg, exp.Abs)


def check_parity(texts: list[str], records: list[dict[str, Any]]) -> None:
    """Equal verdicts from both engines, and from DuckDB on the text as written, unless it calculates.

    DuckDB calculates in decimals and 64-bit integers, which overflow; recipes calculate in doubles.
    """
    chosen = recipes_of(texts)
    with TemporaryDirectory() as folder, duckdb.connect() as connection:
        shards = written(folder, records)
        connection.register("rows", pads.dataset([str(shard) for shard in shards]))
        ours, theirs = (verdicts(shards, chosen, engine) for engine in ENGINES)
        for entry in chosen:
            verdict, text = ours.column(entry.name).to_pylist(), entry.predicate.text
            assert verdict == theirs.column(entry.name).to_pylist(), (text, entry.sql)
            if entry.predicate.tree.find(*ARITHMETIC) is None:
                plain = connection.execute(f"SELECT ({text}) FROM rows").fetchall()
                assert verdict == [value for (value,) in plain], (text, entry.sql)
    assert ours.column("id").to_pylist() == theirs.column("id").to_pylist()


ODD = [
    {"f1": math.nan, "em": None, "answer": "", "n_searches": 3, "hops": None},
    {"f1": -0.0, "em": True, "answer": "a\nb", "n_searches": 2, "hops": 2**53 + 1},
    {"f1": None, "em": False, "answer": None, "n_searches": -3, "hops": -(2**63)},
    {"f1": 0.1 + 0.2, "em": None, "answer": "A%b\\", "n_searches": 0, "hops": 0},
]
TRICKY = [
    "f1 > 0.65 AND NOT f1 < 0.65",
    "f1 = 0 OR f1 = f1",
    "f1 = 0.1 + 0.2",
    "n_searches / 2 = 1.5 OR n_searches / 0 > 1",
    "-hops > 0 OR ABS(hops) > 5",
    "hops = 9007199254740992",
    "em IS NOT TRUE",
    "NOT (em IS FALSE)",
    "em NOT IN (FALSE, NULL)",
    "answer LIKE 'a%b' OR answer LIKE '%\\'",
    "answer LIKE 'A%' AND answer NOT LIKE '%\\%%'",
    "answer = '' OR LENGTH(answer) = 3",
    "CASE WHEN f1 > 0.2 THEN n_searches WHEN em THEN 0.5 END < 1",
    "COALESCE(em, f1 > 0, TRUE)",
    "NOT em = TRUE OR em AND NULLIF(f1, 0) IS NULL",
    "n_searches IN (1, 2.5, NULL, f1) IS NULL",
]


def test_what_engines_are_known_to_differ_on() -> None:
    assert len(recipes_of(TRICKY)) == len(TRICKY)
    check_parity(TRICKY, ODD)


Ranking = tuple[str, str]
"""A predicate and a qualify."""


def ranking_recipes(texts: list[Ranking]) -> list[Recipe]:
    found = []
    for number, (predicate, qualify) in enumerate(texts):
        with suppress(RecipeError):
            parsed = Predicate.parse(predicate, {}), (), Qualify.parse(qualify, {})
            found.append(Recipe(f"r{number}", "Generated", "", *parsed))
    return found


Verdicts = dict[str, list[bool | None]]


def verdicts_of(shards: list[Path], entries: list[Recipe], engine: Engine) -> Verdicts:
    """By recipe; one is missing where a sum does not fit 64 bits."""
    try:
        table = verdicts(shards, entries, engine)
    except RecipeError as error:
        if "must run on" not in str(error):
            raise
        single = [verdicts_of(shards, [entry], engine) for entry in entries] if len(entries) > 1 else []
        return {name: found for part in single for name, found in part.items()}
    return {entry.name: table.column(entry.name).to_pylist() for entry in entries}


def check_rankings(texts: list[Ranking], records: list[dict[str, Any]], plainly: bool) -> None:
    """Equal verdicts from both engines; `plainly`: and the ids that DuckDB's QUALIFY gives."""
    chosen = ranking_recipes(texts)
    with TemporaryDirectory() as folder, duckdb.connect() as connection:
        shards = written(folder, records)
        ours, theirs = (verdicts_of(shards, chosen, engine) for engine in ENGINES)
        connection.register("rows", pads.dataset([str(shard) for shard in shards]))
        for entry in chosen:
            if entry.name in ours and entry.name in theirs:
                assert ours[entry.name] == theirs[entry.name], entry.readable_sql
            if plainly and entry.name in ours and entry.qualify.tree.find(*ARITHMETIC) is None:
                query = f"SELECT id FROM rows WHERE ({entry.predicate.text}) QUALIFY ({entry.qualify.text})"
                ids = {name for (name,) in connection.execute(query).fetchall()}
                accepted = {str(i) for i, verdict in enumerate(ours[entry.name]) if verdict}
                assert accepted == ids, entry.readable_sql


TRICKY_RANKINGS = [
    ("TRUE", "ROW_NUMBER() OVER (ORDER BY f1 DESC, id) <= 2"),
    ("TRUE", "ROW_NUMBER() OVER (ORDER BY f1 NULLS FIRST, id) <= 2"),
    ("TRUE", "RANK() OVER (ORDER BY em) = 2 OR DENSE_RANK() OVER (ORDER BY em DESC NULLS FIRST) = 2"),
    ("f1 IS NOT NULL", "RANK() OVER (PARTITION BY f1 ORDER BY n_searches) = 1"),
    ("em IS NULL", "COUNT(*) OVER () = 2"),
    ("TRUE", "MAX(f1) OVER () > 1e308 AND MIN(f1) OVER () = 0"),
    ("TRUE", "MAX(f1) OVER (ORDER BY id) IS DISTINCT FROM 0.3"),
    ("TRUE", "MAX(f1) OVER (PARTITION BY n_searches ORDER BY id) = f1"),
    (
        "TRUE",
        "MIN(f1) OVER (PARTITION BY em) = 0.1 + 0.2 OR DENSE_RANK() OVER (PARTITION BY em ORDER BY f1) = 2",
    ),
    ("TRUE", "SUM(n_searches) OVER (ORDER BY n_searches, id ROWS UNBOUNDED PRECEDING) < 0"),
    ("TRUE", "AVG(n_searches) OVER (PARTITION BY em) = 1.5 OR SUM(hops) OVER (PARTITION BY id) IS NULL"),
    ("FALSE", "COUNT(hops) OVER () >= 0"),
    ("TRUE", "COUNT(hops) OVER (PARTITION BY answer ORDER BY id) = 0 OR TRUE"),
    ("TRUE", "ROW_NUMBER() OVER (ORDER BY answer DESC, id) = 1 AND NULLIF(em, TRUE) IS NULL"),
]


def test_rankings_that_engines_are_known_to_differ_on() -> None:
    assert len(ranking_recipes(TRICKY_RANKINGS)) == len(TRICKY_RANKINGS)
    check_rankings(TRICKY_RANKINGS, ODD, plainly=True)
    check_rankings(TRICKY_RANKINGS, [], plainly=True)


def test_both_engines_refuse_a_sum_beyond_64_bits() -> None:
    entry = ranking_recipes([("TRUE", "SUM(hops) OVER () > 0")])[0]
    with TemporaryDirectory() as folder:
        shards = written(folder, [ODD[1] | {"hops": 2**62}] * 2)
        for engine in ENGINES:
            with pytest.raises(RecipeError, match=f"must run on {engine}"):
                verdicts(shards, [entry], engine)


def rankings(last_key: str) -> st.SearchStrategy[list[Ranking]]:
    accepted = st.just("TRUE") | predicates
    return st.lists(st.tuples(accepted, qualifiers(last_key)), min_size=3, max_size=3)


many = st.lists(predicates, min_size=5, max_size=5)
quickly = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=60)


@quickly
@given(many, tables)
def test_both_engines_give_every_row_the_same_verdict(
    texts: list[str], records: list[dict[str, Any]]
) -> None:
    check_parity(texts, records)


@pytest.mark.slow
@settings(quickly, max_examples=400)
@given(many, tables)
def test_both_engines_agree_on_thousands_of_predicates(
    texts: list[str], records: list[dict[str, Any]]
) -> None:
    check_parity(texts, records)


@settings(quickly, max_examples=50)
@given(rankings(", id"), larger_tables)
def test_rankings_mean_what_qualify_means(texts: list[Ranking], records: list[dict[str, Any]]) -> None:
    check_rankings(texts, records, plainly=True)


@settings(quickly, max_examples=50)
@given(rankings(""), larger_tables)
def test_both_engines_break_ties_alike(texts: list[Ranking], records: list[dict[str, Any]]) -> None:
    check_rankings(texts, records, plainly=False)


@pytest.mark.slow
@settings(quickly, max_examples=700)
@given(rankings("") | rankings(", id"), larger_tables)
def test_both_engines_agree_on_thousands_of_rankings(
    texts: list[Ranking], records: list[dict[str, Any]]
) -> None:
    check_rankings(texts, records, plainly=False)
