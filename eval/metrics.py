"""The metrics of one measurement, with intervals drawn over questions (`bootstrap`).

Unknown is left out and counted, never taken for 0: a score of a rollout that infrastructure broke, a verdict
that no judge gave, tokens and seconds that the source does not say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from ..builder.schema import Row
from .bootstrap import DEFAULT, Draws, Floats, means
from .cells import cell_of
from .frame import BEHAVIOUR, LATENCY, SCORES, Measurement, frame_of_rows, judges_in
from .results import Estimate, Quantiles, Slice, Summary

UNKNOWN = "unknown"
"""The slice of the questions whose hops or type nobody knows."""

_SLICED = ("f1", "em", "searches")


def summarise_rows(
    rows: Iterable[Row], types: Mapping[str, str] | None = None, draws: Draws = DEFAULT
) -> Summary:
    """All of a measurement, from its rows. `types` are the questions' types by question id, where known.

    Raises:
        ValueError: no rows, or rows of several measurements.
    """
    rows = list(rows)
    cells = {cell_of(row) for row in rows}
    if len(cells) != 1:
        raise ValueError(f"a summary is of one measurement, not of {len(cells)}")
    frame = frame_of_rows(rows)
    if types:
        kinds = [types.get(question) for question in frame["question_id"]]
        frame = frame.with_columns(pl.Series("type", kinds, pl.String))
    return summarise(Measurement(cells.pop(), frame), draws)


def summarise(measurement: Measurement, draws: Draws = DEFAULT) -> Summary:
    """All of a measurement, by question type too where its frame has a column `type`.

    Raises:
        ValueError: no rows.
    """
    frame = measurement.frame
    if frame.is_empty():
        raise ValueError("a summary needs rows")
    judges = judges_in(frame)
    found = estimates(frame, (*SCORES, *judges, *BEHAVIOUR), draws)
    return Summary(
        cell=measurement.cell,
        rows=frame.height,
        questions=frame["question_id"].n_unique(),
        quality={name: found[name] for name in (*SCORES, *judges)},
        behaviour={name: found[name] for name in BEHAVIOUR},
        latency={name: quantiles(frame[name]) for name in LATENCY},
        stops=_counted(frame["stop_reason"]),
        slices=_slices(frame, draws),
    )


def estimates(frame: pl.DataFrame, measures: Sequence[str], draws: Draws = DEFAULT) -> dict[str, Estimate]:
    """The mean of every measure, a column of the frame, over the rows in which it is not null.

    Measures that are known on the same questions share their draws, so that this costs about one bootstrap.
    """
    known = [pl.col(name).count().cast(pl.Float64).alias(f"rows {name}") for name in measures]
    totals = [pl.col(name).sum().cast(pl.Float64).alias(f"sum {name}") for name in measures]
    asked = frame.group_by("question_id", maintain_order=True).agg(*totals, *known)
    sums = asked.select(f"sum {name}" for name in measures).to_numpy()
    rows = asked.select(f"rows {name}" for name in measures).to_numpy()
    found: dict[str, Estimate] = {}
    for places in _alike(rows > 0):
        here = rows[:, places[0]] > 0
        values = _estimates(sums[here][:, places], rows[here][:, places], draws)
        found |= {measures[place]: value for place, value in zip(places, values, strict=True)}
    return {name: replace(found[name], unscored=frame.height - found[name].rows) for name in measures}


def _alike(known: np.ndarray) -> list[list[int]]:
    """The columns in groups of equal ones."""
    groups: dict[bytes, list[int]] = {}
    for place in range(known.shape[1]):
        groups.setdefault(known[:, place].tobytes(), []).append(place)
    return list(groups.values())


def _estimates(sums: Floats, rows: Floats, draws: Draws) -> list[Estimate]:
    if not len(sums):
        return [Estimate(None, None, None, 0, 0)] * sums.shape[1]
    drawn = means(sums, rows, draws)
    ends = zip(drawn.value, drawn.low, drawn.high, rows.sum(axis=0), strict=True)
    return [
        Estimate(float(value), known(low), known(high), len(sums), int(count))
        for value, low, high, count in ends
    ]


def known(value: float) -> float | None:
    """A number, None where it is NaN."""
    return None if np.isnan(value) else float(value)


def quantiles(values: pl.Series) -> Quantiles:
    """Median and 95th percentile, interpolated, of what is not null."""
    there = values.drop_nulls().to_numpy()
    if not len(there):
        return Quantiles(None, None, 0)
    median, most = np.quantile(there, (0.5, 0.95))
    return Quantiles(float(median), float(most), len(there))


def _counted(values: pl.Series) -> dict[str, int]:
    """How often each value occurs, the most frequent first."""
    counts = values.value_counts().sort(["count", values.name], descending=[True, False])
    return dict(counts.iter_rows())


def _slices(frame: pl.DataFrame, draws: Draws) -> dict[str, dict[str, Slice]]:
    """By hops and by type; a division of which nothing is known is left out."""
    divided = [name for name in ("hops", "type") if name in frame.columns and frame[name].count()]
    return {name: dict(_sliced(frame, name, draws)) for name in divided}


def _sliced(frame: pl.DataFrame, by: str, draws: Draws) -> Iterable[tuple[str, Slice]]:
    for part in frame.sort(by, nulls_last=True).partition_by(by, maintain_order=True):
        value = part[by][0]
        yield UNKNOWN if value is None else str(value), Slice(**estimates(part, _SLICED, draws))
