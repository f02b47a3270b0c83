"""What each recipe keeps of each source, and what the labels say of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import polars as pl

from .ablation_rows import SOURCE, Candidate, Rows
from .ablation_types import Bin, Histogram, RecipeResult
from .estimates import Estimates, Sides, estimates
from .intervals import Floats
from .samples import Codes, Sample

_F1_BINS = 20
_MOST_SEARCHES = 20
"""Searches from which on rows share a bar."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """Counts and means over the rows of a source."""

    rows: int
    scored: int
    accepted: int
    mean_f1: float | None
    mean_searches: float | None
    tokens: int | None


@dataclass(frozen=True, slots=True)
class _Labelled:
    """The labelled rows in the order of the sample, and the place of each one's source among the sources."""

    sample: Sample
    rows: pl.DataFrame
    source: Codes

    @classmethod
    def of(cls, rows: Rows, sample: Sample) -> _Labelled:
        ids = pl.DataFrame({"id": list(sample.ids)}, schema={"id": pl.String})
        labelled = ids.join(rows.frame, on="id", how="left", maintain_order="left")
        places = {source: place for place, source in enumerate(rows.sources)}
        source = [places.get(name, 0) for name in labelled[SOURCE]]
        return cls(sample, labelled, np.array(source, np.intp))

    def audit(
        self, candidate: Candidate, kept: Sequence[_Kept], *, whole: bool = False
    ) -> tuple[Sample, Sides]:
        """Which labelled rows the candidate accepts, and how many rows of each source, or of all."""
        accepts = self.rows[candidate.column].fill_null(value=False).to_numpy().astype(bool)
        source = np.zeros_like(self.source) if whole else self.source
        return self.sample, Sides(accepts, source, _margins(kept))


def results(rows: Rows, sample: Sample, candidates: Sequence[Candidate]) -> tuple[RecipeResult, ...]:
    """Each candidate over all rows, then each over the first source, and so on."""
    labelled = _Labelled.of(rows, sample)
    parts = rows.frame.partition_by(SOURCE, as_dict=True) if rows.sources else {}
    whole = [[kept] for kept in _kept(rows.frame, candidates)]
    split = list(zip(*(_kept(parts[source,], candidates) for source in rows.sources), strict=True))
    # All in one call: the intervals of many problems cost little more than those of one.
    said = estimates(
        [
            *(labelled.audit(one, kept, whole=True) for one, kept in zip(candidates, whole, strict=True)),
            *(labelled.audit(one, kept) for one, kept in zip(candidates, split, strict=False)),
        ]
    )
    count = len(candidates)
    return _results(candidates, (None,), whole, said[:count]) + _results(
        candidates, rows.sources, split, said[count:]
    )


def _results(
    candidates: Sequence[Candidate],
    sources: Sequence[str | None],
    kept: Sequence[Sequence[_Kept]],
    said: Sequence[Sequence[Estimates]],
) -> tuple[RecipeResult, ...]:
    """By source, then by candidate; `kept` and `said` are by candidate, then by source."""
    return tuple(
        _result(candidate, source, kept[number][place], said[number][place])
        for place, source in enumerate(sources)
        for number, candidate in enumerate(candidates)
    )


def _margins(counts: Sequence[_Kept]) -> Floats:
    return np.array([(kept.rows - kept.accepted, kept.accepted) for kept in counts], float)


def _result(candidate: Candidate, source: str | None, kept: _Kept, said: Estimates) -> RecipeResult:
    if not kept.scored:
        said = Estimates(said.labelled, 0)
    return RecipeResult(
        recipe=candidate.name,
        title=candidate.title,
        sql=candidate.sql,
        hash=candidate.hash,
        source=source,
        rows=kept.rows,
        scored=kept.scored,
        accepted=kept.accepted,
        labelled=said.labelled,
        labelled_accepted=said.labelled_accepted,
        fdr=said.fdr,
        fpr=said.fpr,
        recall=said.recall,
        mean_f1=kept.mean_f1,
        mean_searches=kept.mean_searches,
        tokens=kept.tokens,
    )


def _kept(frame: pl.DataFrame, candidates: Sequence[Candidate]) -> list[_Kept]:
    """What each candidate keeps, all in one pass."""
    if not candidates:
        return []
    values = frame.select(expression for one in candidates for expression in _aggregates(one.column)).row(0)
    size = len(values) // len(candidates)
    return [_kept_of(frame.height, values[start : start + size]) for start in range(0, len(values), size)]


def _kept_of(rows: int, values: Sequence[Any]) -> _Kept:
    scored, accepted, mean_f1, mean_searches, tokens, known = values
    return _Kept(rows, scored, accepted or 0, mean_f1, mean_searches, tokens if known else None)


def _aggregates(column: str) -> tuple[pl.Expr, ...]:
    verdict = pl.col(column)
    tokens = pl.col("tokens").filter(verdict)
    made = (
        verdict.count(),
        verdict.sum(),
        pl.col("f1").filter(verdict).mean(),
        pl.col("n_searches").filter(verdict).mean(),
        tokens.sum(),
        tokens.count(),
    )
    return tuple(expression.alias(f"{column} {place}") for place, expression in enumerate(made))


def histograms(rows: Rows) -> tuple[Histogram, ...]:
    """F1 in twentieths and searches one by one, over all rows and over what each candidate keeps."""
    most = min(cast("int | None", rows.frame["n_searches"].max()) or 0, _MOST_SEARCHES)
    edges = {
        "f1": [step / _F1_BINS for step in range(_F1_BINS + 1)],
        "n_searches": [float(step) for step in range(most + 2)],
    }
    return tuple(
        _histogram(rows.frame, column, candidate, edges[column])
        for column in edges
        for candidate in (None, *rows.candidates)
    )


def _histogram(
    frame: pl.DataFrame, column: str, candidate: Candidate | None, edges: Sequence[float]
) -> Histogram:
    """The last bin holds its upper edge; values beyond the ends count in the bins there."""
    values = frame[column] if candidate is None else frame.filter(pl.col(candidate.column))[column]
    known = values.drop_nulls().cast(pl.Float64).clip(edges[0], edges[-1])
    rows: list[int] = np.histogram(known.to_numpy(), edges)[0].tolist()
    bins = tuple(Bin(*entry) for entry in zip(edges, edges[1:], rows, strict=False))
    return Histogram(column, candidate and candidate.name, bins, values.null_count())
