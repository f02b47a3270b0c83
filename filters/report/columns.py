"""The ablation as Arrow tables and JSON: every number of the report, for whoever computes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import orjson
import pyarrow as pa

from ...builder.storable import storable
from ..ablation_types import Ablation, Bin, Estimate, Example, Judge, Pair, RecipeResult, SweepPoint
from .arrow import Layout, arrow_table, parquet

_LAYOUT = Layout(
    inside=frozenset({RecipeResult, Bin}),
    named=frozenset({Estimate}),
    derived={
        RecipeResult: {"unscored": int, "accept_rate": float},
        Pair: {"jaccard": float, "agreement": float},
    },
)

_TABLES = frozenset({"results", "pairs", "examples", "sweeps", "histograms", "judges"})
"""Fields of an ablation that are tables of their own."""


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
        "results": arrow_table(RecipeResult, ablation.results, _LAYOUT),
        "pairs": arrow_table(Pair, ablation.pairs, _LAYOUT),
        "examples": arrow_table(Example, ablation.examples, _LAYOUT),
        "sweeps": arrow_table(SweepPoint, ablation.sweeps, _LAYOUT),
        "histograms": arrow_table(HistogramBin, bins, _LAYOUT),
        "judges": arrow_table(Judge, ablation.judges, _LAYOUT),
    }
    return {f"{name}.parquet": parquet(table) for name, table in tables.items()}


def facts_json(ablation: Ablation, files: Sequence[str]) -> bytes:
    """What is not a table, and the names of the files of the report; the same text for equal ablations."""
    facts = {
        field.name: getattr(ablation, field.name)
        for field in dataclasses.fields(ablation)
        if field.name not in _TABLES
    }
    record = {"made_by": MADE_BY, **facts, "files": sorted(files)}
    return orjson.dumps(storable(record), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


CLAIM = "ablation.json"
MADE_BY = "trajset ablate"
"""Under `made_by` in `ablation.json`: by it an earlier report is known as ours."""
