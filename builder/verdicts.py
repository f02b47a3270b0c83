"""Judgements pivoted into the rows: one column per well-known judge."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import pyarrow as pa

from .errors import DataError, Problem
from .schema import Judgement, Row, Verdicts

JUDGES = tuple(field.name for field in dataclasses.fields(Verdicts))
"""Judge names with a column of their own; any other judge stands in the judgements table only."""


def with_verdicts(rows: Iterable[Row], judgements: Iterable[Judgement]) -> Iterator[Row]:
    """The rows with the verdicts of `JUDGES` in their columns; a row that was not judged stays as it is.

    Raises:
        DataError: one judge judged a row twice.
    """
    verdicts: dict[str, dict[str, bool | None]] = {}
    for judgement in _distinct(judgements):
        if judgement.judge in JUDGES:
            verdicts.setdefault(judgement.row_id, {})[judgement.judge] = judgement.verdict
    return (_judged(row, verdicts.get(row.id)) for row in rows)


def _judged(row: Row, verdicts: dict[str, bool | None] | None) -> Row:
    if not verdicts:
        return row
    return dataclasses.replace(row, verdicts=dataclasses.replace(row.verdicts, **verdicts))


def _distinct(judgements: Iterable[Judgement]) -> Iterator[Judgement]:
    seen: set[tuple[str, str]] = set()
    for judgement in judgements:
        key = (judgement.row_id, judgement.judge)
        if key in seen:
            rule = f"must judge a row once; {judgement.judge!r} did twice"
            fix = "Keep one, or give the second run of the judge a name of its own."
            raise DataError(str(Problem("judgements", rule, judgement.row_id, fix)))
        seen.add(key)
        yield judgement


def verdict_columns(
    ids: pa.ChunkedArray, before: Iterable[Judgement], after: Iterable[Judgement]
) -> dict[str, pa.Array]:
    """The columns of `JUDGES` that change with the judgements table, one value per id, in the order of `ids`.

    Raises:
        DataError: one judge judged a row twice.
    """
    verdicts: dict[str, dict[str, bool | None]] = {}
    for judgement in _distinct(after):
        verdicts.setdefault(judgement.judge, {})[judgement.row_id] = judgement.verdict
    touched = {judgement.judge for judgement in before} | verdicts.keys()
    return {
        judge: pa.array([verdicts.get(judge, {}).get(row_id) for row_id in ids.to_pylist()], pa.bool_())
        for judge in JUDGES
        if judge in touched
    }
