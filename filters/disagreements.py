"""Where recipes part: how many rows two of them share, and rows that one keeps and the other does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, permutations
from typing import Any

import polars as pl
import pyarrow.dataset as pads

from ..builder.errors import DataError, Problem
from ..builder.readable import Readable
from ..builder.schema import Label
from .ablation_rows import SOURCE, Candidate, Rows
from .ablation_types import Example, Pair

_SHOWN = ["id", "question", "gold_answers", "answer", "f1", "n_searches"]

Chosen = tuple[Candidate, Candidate, str, str | None]
"""Who accepts, who rejects, row id, source."""


def pairs(rows: Rows) -> tuple[Pair, ...]:
    """Every two candidates over all rows, then over those of each source."""
    columns = [candidate.column for candidate in rows.candidates]
    patterns = rows.frame.group_by(SOURCE, *columns).len(name="rows")
    found = _pairs(patterns, rows.candidates, None)
    for source in rows.sources:
        found += _pairs(patterns.filter(pl.col(SOURCE) == source), rows.candidates, source)
    return tuple(found)


def _pairs(patterns: pl.DataFrame, candidates: Iterable[Candidate], source: str | None) -> list[Pair]:
    return [_pair(patterns, one, other, source) for one, other in combinations(candidates, 2)]


def _pair(patterns: pl.DataFrame, one: Candidate, other: Candidate, source: str | None) -> Pair:
    first, second = pl.col(one.column), pl.col(other.column)
    cells = (first & second, first & ~second, ~first & second, ~first & ~second)
    counts = patterns.select(
        pl.col("rows").filter(cell).sum().alias(str(place)) for place, cell in enumerate(cells)
    )
    return Pair(one.name, other.name, source, *counts.row(0))


def examples(dataset: Readable, rows: Rows, labels: Mapping[str, Label], count: int) -> tuple[Example, ...]:
    """For every two candidates in both orders, up to `count` rows that the first accepts and the other not.

    Labelled rows come first, and the sources take turns; within a source the order is that of the ids, which
    are hashes. The same rows give the same examples, whatever their order.

    Raises:
        DataError: a file cannot be read.
    """
    chosen = _chosen(rows, labels, count) if count else []
    texts = _texts(dataset, {row for _, _, row, _ in chosen})
    return tuple(_example(entry, texts[entry[2]], labels.get(entry[2])) for entry in chosen)


def _chosen(rows: Rows, labels: Mapping[str, Label], count: int) -> list[Chosen]:
    ids = pl.Series(list(labels), dtype=pl.String)
    columns = [candidate.column for candidate in rows.candidates]
    frame = rows.frame.select("id", SOURCE, *columns, labelled=pl.col("id").is_in(ids.implode()))
    return [
        (accepts, rejects, row, source if rows.sources else None)
        for accepts, rejects in permutations(rows.candidates, 2)
        for row, source in _spread(frame, accepts, rejects, count)
    ]


def _spread(frame: pl.DataFrame, accepts: Candidate, rejects: Candidate, count: int) -> Sequence[Any]:
    """Ids and sources. The frame is in the order of the ids: `head` of each group is its first rows."""
    apart = frame.filter(pl.col(accepts.column) & ~pl.col(rejects.column)).select("id", SOURCE, "labelled")
    first = apart.group_by("labelled", SOURCE, maintain_order=True).head(count)
    turn = pl.int_range(pl.len()).over("labelled", SOURCE).alias("turn")
    ordered = first.with_columns(turn).sort(~pl.col("labelled"), "turn", SOURCE)
    return ordered.head(count).select("id", SOURCE).rows()


def _texts(dataset: Readable, ids: set[str]) -> dict[str, dict[str, Any]]:
    """What is shown of the rows with these ids; the only time that text is read."""
    if not ids:
        return {}
    try:
        table = dataset.source().to_table(columns=_SHOWN, filter=pads.field("id").isin(sorted(ids)))
    except OSError as error:
        fix = "Restore the file, or make or pull the dataset again."
        raise DataError(str(Problem("dataset", "must consist of Parquet files", str(error), fix))) from error
    return {record["id"]: record for record in table.to_pylist()}


def _example(chosen: Chosen, record: dict[str, Any], label: Label | None) -> Example:
    accepts, rejects, row, source = chosen
    return Example(
        accepts=accepts.name,
        rejects=rejects.name,
        row_id=row,
        source=source,
        question=record["question"],
        gold_answers=tuple(record["gold_answers"]),
        answer=record["answer"],
        f1=record["f1"],
        n_searches=record["n_searches"],
        correct=label.correct if label else None,
        grounded=label.grounded if label else None,
        note=label.note if label else None,
    )
