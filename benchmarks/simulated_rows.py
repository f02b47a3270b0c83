"""A dataset of any size with about 2 KB of text a row, made column by column: simulated, for timing only.

    python benchmarks/simulated_rows.py FOLDER [--rows 1000000]

Five samples a question; scores, searches, tokens and verdicts are drawn at random with nulls among them, the
texts are put together from a few thousand phrases. It is a dataset like any other: manifest, shards, card.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from trajset.builder.layout import complete
from trajset.builder.manifest import RAW, MadeBy, Split, new_manifest
from trajset.builder.schema import ARROW_SCHEMA
from trajset.builder.shards import place, stage
from trajset.builder.table import conform

SAMPLES = 5
_CHUNK = 20_000
_PHRASES = 4096
_PHRASE_LETTERS = 48
_PHRASES_PER_ROW = 36
_CREATED = datetime(2026, 1, 1, tzinfo=UTC)
_CALL = '{"id":"call_0","type":"function","function":{"name":"search","arguments":{"query":"a place"}}}'
_TOOL = '{"type":"function","function":{"name":"search"}}'
_SEARCH = '{"query":"a place","passage_ids":["7"],"titles":["A place"],"scores":[1.5],"error":null}'
_ROLES = ("system", "user", "assistant", "tool", "assistant")

Columns = dict[str, pa.Array]


def _phrases(rng: np.random.Generator) -> pa.Array:
    letters = rng.choice(list("abcdefghijklmnopqrstuvwxyz     "), (_PHRASES, _PHRASE_LETTERS))
    return pa.array(["".join(row) for row in letters])


def _texts(rng: np.random.Generator, phrases: pa.Array, rows: int, pieces: int) -> pa.Array:
    picked = [phrases.take(pa.array(rng.integers(0, _PHRASES, rows))) for _ in range(pieces)]
    return pc.binary_join_element_wise(*picked, " ")


def _same(value: object, rows: int, kind: pa.DataType) -> pa.Array:
    return pa.repeat(pa.scalar(value, kind), rows)


def _some(values: np.ndarray, known: np.ndarray) -> pa.Array:
    return pa.array(values, mask=~known)


def _lists(values: pa.Array, each: int) -> pa.Array:
    """`each` values a row."""
    offsets = np.arange(0, len(values) + 1, each, dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, values)


def _messages(rng: np.random.Generator, phrases: pa.Array, question: pa.Array) -> pa.Array:
    rows, turns = len(question), len(_ROLES)
    contents = [
        _same("Search before you answer.", rows, pa.string()),
        question,
        _same("", rows, pa.string()),
        _texts(rng, phrases, rows, _PHRASES_PER_ROW),
        _texts(rng, phrases, rows, 2),
    ]
    order = np.arange(rows * turns).reshape(turns, rows).T.reshape(-1)
    flat = pa.concat_arrays(contents).take(pa.array(order))
    calling = np.tile([role == "assistant" and place == 2 for place, role in enumerate(_ROLES)], rows)
    offsets = np.concatenate([[0], np.cumsum(calling)]).astype(np.int32)
    calls = pa.ListArray.from_arrays(offsets, _same(_CALL, rows, pa.string()), mask=pa.array(~calling))
    empty = pa.nulls(rows * turns, pa.string())
    fields = {
        "role": pa.array(list(_ROLES)).take(pa.array(np.tile(np.arange(turns), rows))),
        "content": flat,
        "reasoning_content": empty,
        "tool_calls": calls,
        "tool_call_id": empty,
        "name": empty,
    }
    return _lists(pa.StructArray.from_arrays(list(fields.values()), list(fields)), turns)


def _scores(rng: np.random.Generator, rows: int) -> Columns:
    kind, known = rng.random(rows), rng.random(rows) < 0.98
    f1 = np.where(kind < 0.6, 1.0, np.where(kind < 0.8, 0.0, np.round(rng.random(rows), 3)))
    return {
        "f1": _some(f1, known),
        "em": _some(f1 == 1.0, known),
        "cover_match": _some(f1 > 0.5, known),
        "llm_judge": _some(rng.random(rows) < 0.75, rng.random(rows) < 0.97),
        "llm_judge_reflect": _some(rng.random(rows) < 0.65, rng.random(rows) < 0.97),
    }


def _search_use(rng: np.random.Generator, rows: int) -> Columns:
    searches = rng.integers(0, 6, rows)
    recall = rng.integers(0, 3, rows) / 2
    return {
        "n_turns": pa.array(searches + 1),
        "n_searches": pa.array(searches),
        "n_failed_searches": pa.array(np.minimum(searches, rng.random(rows) < 0.05).astype(np.int64)),
        "first_action": pa.array(["search", "answer"]).take(pa.array((searches == 0).astype(np.int64))),
        "answer_in_evidence": _some(rng.random(rows) < 0.8, rng.random(rows) < 0.9),
        "evidence_recall": _some(recall, rng.random(rows) < 0.5),
        "n_memory_cues": pa.array((rng.random(rows) < 0.1).astype(np.int64)),
        "prompt_tokens": _some(rng.integers(200, 4000, rows), rng.random(rows) < 0.99),
        "completion_tokens": _some(rng.integers(20, 900, rows), rng.random(rows) < 0.99),
        "latency_s": pa.array(rng.random(rows) * 9),
    }


def _chunk(rng: np.random.Generator, phrases: pa.Array, numbers: np.ndarray) -> pa.Table:
    rows = len(numbers)
    hashes = rng.integers(0, 2**64, rows, dtype=np.uint64)
    question = _texts(rng, phrases, rows, 2)
    columns = {
        "id": pa.array([f"{value:016x}" for value in hashes.tolist()]),
        "sample_index": pa.array(numbers % SAMPLES),
        "question_id": pc.binary_join_element_wise(
            "q", pc.cast(pa.array(numbers // SAMPLES), pa.string()), ""
        ),
        "dataset": _same("simulated", rows, pa.string()),
        "question": question,
        "gold_answers": _lists(_texts(rng, phrases, rows, 1), 1),
        "hops": _some(rng.integers(1, 5, rows), rng.random(rows) < 0.9),
        "messages": _messages(rng, phrases, question),
        "tools": _lists(_same(_TOOL, rows, pa.string()), 1),
        "searches": _lists(_same(_SEARCH, rows, pa.string()), 1),
        "answer": _texts(rng, phrases, rows, 1),
        "created_at": _same(_CREATED, rows, pa.timestamp("us", "UTC")),
        "grammar": _same("tools", rows, pa.string()),
        "stop_reason": _same("answered", rows, pa.string()),
    }
    columns |= _scores(rng, rows) | _search_use(rng, rows)
    return conform(
        pa.table({field.name: columns.get(field.name, _filler(field, rows)) for field in ARROW_SCHEMA})
    )


def _filler(field: pa.Field, rows: int) -> pa.Array:
    """What no recipe reads."""
    if pa.types.is_list(field.type):
        return pa.ListArray.from_arrays(np.zeros(rows + 1, np.int32), pa.array([], pa.string()))
    nullable = ("error", "teacher_revision", "duplicate_group", "contaminated", "contamination")
    if pa.types.is_string(field.type) and field.name not in nullable:
        return _same("simulated", rows, pa.string())
    return pa.nulls(rows, field.type)


def write_simulated(folder: Path, rows: int, seed: int = 0) -> None:
    """Write the dataset; the same for equal arguments."""
    rng = np.random.default_rng(seed)
    phrases = _phrases(rng)

    def chunks() -> Iterator[pa.Table]:
        for start in range(0, rows, _CHUNK):
            yield _chunk(rng, phrases, np.arange(start, min(start + _CHUNK, rows)))

    staged = stage(folder / "data", RAW, ARROW_SCHEMA, chunks())
    manifest = new_manifest(MadeBy("benchmark", _CREATED), (Split(RAW, place(folder, staged)),), None)
    complete(folder, manifest)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    write_simulated(options.folder, options.rows)


if __name__ == "__main__":
    main()
