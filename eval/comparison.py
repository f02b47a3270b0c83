"""Measurements held against each other on the same questions: pairs, noise curves, the split of the loss.

A question counts by the mean of its samples, and only where every measurement compared has scored it; what
two of them share, hard questions and easy ones, then drops out of the difference. Intervals are drawn over
these questions (`bootstrap`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from .bootstrap import DEFAULT, Draws, Floats, Means, means
from .cells import Cell, Mode
from .frame import Measurement
from .metrics import estimates, known
from .results import Estimate, LossSplit, NoiseCurve, NoisePoint, Paired

_F1 = "f1"
_ZERO = 1e-12
"""Differences below this are rounding: means of equal scores may differ in their last bit."""


@dataclass(frozen=True, slots=True)
class _Common:
    """Means by question, of shape (questions, measurements), on the questions that all have scored; rows that
    stand for them, and rows left out, by measurement."""

    values: Floats
    rows: tuple[int, ...]
    left_out: tuple[int, ...]
    questions: tuple[str, ...]

    @classmethod
    def of(cls, measurements: Sequence[Measurement], measure: str) -> _Common:
        first, *others = (_by_question(one.frame, measure, place) for place, one in enumerate(measurements))
        for other in others:
            first = first.join(other, on="question_id", how="inner", maintain_order="left")
        places = range(len(measurements))
        rows = [int(first[f"rows {place}"].sum()) for place in places]
        left_out = [one.frame.height - count for one, count in zip(measurements, rows, strict=True)]
        values = first.select(f"value {place}" for place in places).to_numpy()
        return cls(values, tuple(rows), tuple(left_out), tuple(first["question_id"]))

    def estimate(self, drawn: Means | None, place: int, of: Sequence[int]) -> Estimate:
        """The mean at a place of `drawn`, as one of the measurements `of`."""
        questions = len(self.values)
        rows, left_out = (sum(count[one] for one in of) for count in (self.rows, self.left_out))
        if drawn is None:
            return Estimate(None, None, None, questions, rows, left_out)
        low, high = known(drawn.low[place]), known(drawn.high[place])
        return Estimate(float(drawn.value[place]), low, high, questions, rows, left_out)


def _by_question(frame: pl.DataFrame, measure: str, place: int) -> pl.DataFrame:
    scored = frame.filter(pl.col(measure).is_not_null())
    value, rows = pl.col(measure).mean().alias(f"value {place}"), pl.len().alias(f"rows {place}")
    return scored.group_by("question_id", maintain_order=True).agg(value, rows)


def _drawn(values: Floats, draws: Draws) -> Means | None:
    return means(values, np.ones_like(values), draws) if len(values) else None


def paired(first: Measurement, second: Measurement, measure: str, draws: Draws = DEFAULT) -> Paired:
    """The mean of first - second of a column of the frames, on the questions that both scored."""
    return paired_each(first, second, (measure,), draws)[0]


def paired_each(
    first: Measurement, second: Measurement, measures: Sequence[str], draws: Draws = DEFAULT
) -> tuple[Paired, ...]:
    """The same of several columns; those that are known on the same questions share their draws."""
    commons = [_Common.of((first, second), measure) for measure in measures]
    found: dict[str, Paired] = {}
    for questions in dict.fromkeys(common.questions for common in commons):
        alike = [place for place, common in enumerate(commons) if common.questions == questions]
        values = np.hstack([commons[place].values[:, :1] - commons[place].values[:, 1:] for place in alike])
        drawn = _drawn(values, draws)
        for column, place in enumerate(alike):
            difference = commons[place].estimate(drawn, column, (0, 1))
            changes = _sign_changes(drawn, column)
            found[measures[place]] = Paired(first.cell, second.cell, measures[place], difference, changes)
    return tuple(found[measure] for measure in measures)


def _sign_changes(drawn: Means | None, place: int) -> float | None:
    """The share of draws on the other side of 0, half of those on 0 among them."""
    if drawn is None or not drawn.drawn.size or abs(drawn.value[place]) < _ZERO:
        return None
    towards = drawn.drawn[place] * np.sign(drawn.value[place])
    return float((towards < -_ZERO).mean() + (np.abs(towards) <= _ZERO).mean() / 2)


def noise_curves(measurements: Iterable[Measurement], draws: Draws = DEFAULT) -> tuple[NoiseCurve, ...]:
    """A curve for each benchmark, model, retriever and kind of noise, from the live measurement up.

    Without a live measurement there is no point at 0 and no loss. Measurements with noise of several kinds at
    once lie on no curve.
    """
    everything = list(measurements)
    curves: dict[tuple[str, str, str, str], list[tuple[float, Measurement]]] = {}
    for one in everything:
        kind, _, share = one.cell.noise.partition("=")
        if one.cell.mode is Mode.NOISY and "," not in one.cell.noise:
            key = one.cell.benchmark, one.cell.model, one.cell.retriever, kind
            curves.setdefault(key, []).append((float(share), one))
    return tuple(
        NoiseCurve(
            benchmark,
            model,
            kind,
            tuple(_points(_live(everything, spoilt[0][1].cell), spoilt, draws)),
            retriever,
        )
        for (benchmark, model, retriever, kind), spoilt in sorted(curves.items(), key=lambda item: item[0])
    )


def _live(measurements: Sequence[Measurement], like: Cell) -> Measurement | None:
    """The measurement without noise of the same benchmark, model and retriever."""
    wanted = Cell(like.benchmark, like.model, Mode.LIVE, "", like.retriever)
    return next((one for one in measurements if one.cell == wanted), None)


def _points(
    live: Measurement | None, spoilt: Iterable[tuple[float, Measurement]], draws: Draws
) -> Iterator[NoisePoint]:
    if live is not None:
        yield NoisePoint(0.0, _f1(live, draws), None)
    for share, one in sorted(spoilt, key=lambda item: item[0]):
        loss = paired(live, one, _F1, draws).difference if live is not None else None
        yield NoisePoint(share, _f1(one, draws), loss)


def _f1(measurement: Measurement, draws: Draws) -> Estimate:
    return estimates(measurement.frame, (_F1,), draws)[_F1]


def loss_splits(measurements: Iterable[Measurement], draws: Draws = DEFAULT) -> tuple[LossSplit, ...]:
    """A split for each live measurement whose model was also measured closed book and with gold evidence."""
    everything = sorted(measurements, key=lambda one: one.cell)
    by_cell = {one.cell: one for one in everything}
    splits: list[LossSplit] = []
    for live in everything:
        cell = live.cell
        closed = by_cell.get(Cell(cell.benchmark, cell.model, Mode.CLOSED_BOOK))
        gold = by_cell.get(Cell(cell.benchmark, cell.model, Mode.GOLD_EVIDENCE))
        if cell.mode is Mode.LIVE and closed is not None and gold is not None:
            splits.append(_split(closed, live, gold, draws))
    return tuple(splits)


def _split(closed: Measurement, live: Measurement, gold: Measurement, draws: Draws) -> LossSplit:
    common = _Common.of((closed, live, gold), _F1)
    without, searching, given = common.values.T
    parts = np.stack([without, searching, given, searching - without, given - searching, 1 - given], axis=1)
    drawn = _drawn(parts, draws)
    return LossSplit(
        benchmark=live.cell.benchmark,
        model=live.cell.model,
        closed_book=common.estimate(drawn, 0, (0,)),
        live=common.estimate(drawn, 1, (1,)),
        gold_evidence=common.estimate(drawn, 2, (2,)),
        memory=common.estimate(drawn, 3, (0, 1)),
        retrieval=common.estimate(drawn, 4, (1, 2)),
        reasoning=common.estimate(drawn, 5, (2,)),
        retriever=live.cell.retriever,
    )
