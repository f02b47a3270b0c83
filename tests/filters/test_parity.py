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
from predicate_grammar import SCHEMA, predicates, tables
from sqlglot import exp
from trajset.builder.errors import RecipeError
from trajset.filters.engines import ENGINES, verdicts
from trajset.filters.predicates import Predicate
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
