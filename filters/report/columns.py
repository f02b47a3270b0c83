"""The ablation as Arrow tables and JSON: every number of the report, for whoever computes on."""

from __future__ import annotations

import dataclasses
import io
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from ...builder.records import hints
from ...builder.storable import storable
from ..ablation_types import Ablation, Bin, Estimate, Example, Judge, Pair, RecipeResult, SweepPoint

_ARROW: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    tuple[str, ...]: pa.list_(pa.string()),
}

_DERIVED = {RecipeResult: ("unscored", "accept_rate"), Pair: ("jaccard", "agreement")}
"""Properties that become columns too."""

_TABLES = frozenset({"results", "pairs", "examples", "sweeps", "histograms", "judges"})
"""Fields of an ablation that are tables of their own."""

_INSIDE = frozenset({RecipeResult, Bin})
"""Nouns inside of others whose fields become columns as they are."""

Get = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True, slots=True)
class _Column:
    name: str
    type: pa.DataType
    get: Get


@dataclasses.dataclass(frozen=True, slots=True)
class HistogramBin:
    """One bar of a histogram with the name of its column and recipe."""

    column: str
    recipe: str | None
    unknown: int
    bin: Bin


def parquet_files(ablation: Ablation) -> dict[str, bytes]:
    """One flat Parquet file per kind of thing, by file name.

    An estimate such as `fdr` is four columns: `fdr`, `fdr_low`, `fdr_high`, `fdr_labelled`. A histogram is
    one row per bin.
    """
    bins = [
        HistogramBin(one.column, one.recipe, one.unknown, entry)
        for one in ablation.histograms
        for entry in one.bins
    ]
    tables: dict[str, pa.Table] = {
        "results": _table(RecipeResult, ablation.results),
        "pairs": _table(Pair, ablation.pairs),
        "examples": _table(Example, ablation.examples),
        "sweeps": _table(SweepPoint, ablation.sweeps),
        "histograms": _table(HistogramBin, bins),
        "judges": _table(Judge, ablation.judges),
    }
    return {f"{name}.parquet": _parquet(table) for name, table in tables.items()}


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def _table(kind: type, rows: Sequence[object]) -> pa.Table:
    columns = list(_columns(kind, lambda row: row))
    arrays = [pa.array([column.get(row) for row in rows], column.type) for column in columns]
    return pa.table(arrays, names=[column.name for column in columns])


def _columns(kind: type, reach: Get) -> Iterator[_Column]:
    """The columns of a noun; those of the nouns inside it stand in their place."""
    for name, hint in hints(kind).items():
        inner = _then(reach, name)
        if hint is Estimate:
            yield from _estimate(name, inner)
        elif hint in _INSIDE:
            yield from _columns(hint, inner)
        else:
            yield _Column(name, _ARROW[_not_none(hint)], inner)
    for name in _DERIVED.get(kind, ()):
        yield _Column(name, pa.int64() if name == "unscored" else pa.float64(), _then(reach, name))


def _estimate(name: str, reach: Get) -> Iterator[_Column]:
    yield _Column(name, pa.float64(), _then(reach, "value"))
    for part in ("low", "high"):
        yield _Column(f"{name}_{part}", pa.float64(), _then(reach, part))
    yield _Column(f"{name}_labelled", pa.int64(), _then(reach, "labelled"))


def _then(reach: Get, name: str) -> Get:
    return lambda row: storable(getattr(reach(row), name))


def _not_none(hint: Any) -> Any:
    """`X` for `X | None`."""
    if isinstance(hint, types.UnionType):
        return next(arg for arg in get_args(hint) if arg is not types.NoneType)
    return hint


def facts_json(ablation: Ablation, files: Sequence[str]) -> bytes:
    """What is not a table, and the names of the files of the report; the same text for equal ablations."""
    facts = {
        field.name: getattr(ablation, field.name)
        for field in dataclasses.fields(ablation)
        if field.name not in _TABLES
    }
    record = {"made_by": MADE_BY, **facts, "files": sorted(files)}
    return orjson.dumps(storable(record), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


MADE_BY = "trajset ablate"
"""Under `made_by` in `ablation.json`: by it an earlier report is known as ours."""
