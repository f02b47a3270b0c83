"""The evaluation as Arrow tables and JSON: every number of the report, for whoever computes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson

from ...builder.storable import storable
from ...filters.report.arrow import Layout, arrow_table, parquet
from ..cells import Cell
from ..results import (
    AdaptivePoint,
    Estimate,
    Evaluation,
    Failure,
    FailureExample,
    LossSplit,
    NoisePoint,
    Paired,
    Quantiles,
    ReliabilityBin,
)
from .pages import MADE_BY
from .section import Section


@dataclass(frozen=True, slots=True)
class Measured:
    """A mean of a measurement: of all its rows (`part` None), or of those whose `part` has a value.

    `part` is `hops`, `type` or `failure`.
    """

    cell: Cell
    part: str | None
    part_value: str | None
    measure: str
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds of a part of a measurement."""

    cell: Cell
    part: str
    quantiles: Quantiles


@dataclass(frozen=True, slots=True)
class Stop:
    """Rows of a measurement that ended for a reason."""

    cell: Cell
    stop_reason: str
    stopped: int


@dataclass(frozen=True, slots=True)
class FailureCount:
    """Wrong rows of a class; `share` is of all scored rows."""

    cell: Cell
    scored: int
    wrong: int
    failure: Failure
    failed: int
    share: Estimate | None


@dataclass(frozen=True, slots=True)
class WrongRow:
    """A wrong row that the report shows."""

    cell: Cell
    example: FailureExample


@dataclass(frozen=True, slots=True)
class Noise:
    """A point of a noise curve."""

    benchmark: str
    model: str
    retriever: str
    kind: str
    point: NoisePoint


@dataclass(frozen=True, slots=True)
class ProbeFacts:
    """What a probe is and how well calibrated."""

    benchmark: str
    model: str
    layer: int
    layers: int
    components: int
    questions: int
    right: int
    ece: float | None
    auroc: float | None
    brier: float | None
    constant: bool
    right_by: str
    at: str
    revision: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class Reliability:
    """A bin of a probe."""

    benchmark: str
    model: str
    bin: ReliabilityBin


@dataclass(frozen=True, slots=True)
class Confidence:
    """Questions in a bin of the histogram; `place` counts equally wide bins of [0, 1] from 0."""

    benchmark: str
    model: str
    place: int
    questions: int


@dataclass(frozen=True, slots=True)
class Adaptive:
    """A point of the simulation of adaptive search: `order` is `probe`, `oracle` or `random`."""

    benchmark: str
    model: str
    order: str
    point: AdaptivePoint


_FLAT = Layout(inside=frozenset({Cell, Estimate, Quantiles, FailureExample, ReliabilityBin}))
_NAMED = Layout(inside=frozenset({Cell, NoisePoint, AdaptivePoint}), named=frozenset({Estimate}))
_PAIRED = Layout(named=frozenset({Cell, Estimate}))


def parquet_files(evaluation: Evaluation) -> dict[str, bytes]:
    """One flat Parquet file per kind of thing, by file name.

    An estimate such as `loss` is the columns `loss`, `loss_low`, `loss_high`, `loss_questions`, `loss_rows`
    and `loss_unscored`; in `measures.parquet` they have no name before them.
    """
    probes = evaluation.probes
    tables = {
        "measures": arrow_table(Measured, list(_measures(evaluation)), _FLAT),
        "latency": arrow_table(Latency, list(_latency(evaluation)), _FLAT),
        "stops": arrow_table(Stop, list(_stops(evaluation)), _FLAT),
        "paired": arrow_table(Paired, evaluation.paired, _PAIRED),
        "failures": arrow_table(FailureCount, list(_failures(evaluation)), _NAMED),
        "wrong_rows": arrow_table(WrongRow, list(_wrong_rows(evaluation)), _FLAT),
        "noise": arrow_table(Noise, list(_noise(evaluation)), _NAMED),
        "losses": arrow_table(LossSplit, evaluation.losses, _NAMED),
        "probes": arrow_table(ProbeFacts, probes, _FLAT),
        "reliability": arrow_table(
            Reliability,
            [Reliability(one.benchmark, one.model, bin_) for one in probes for bin_ in one.bins],
            _FLAT,
        ),
        "confidence": arrow_table(Confidence, list(_confidence(evaluation)), _FLAT),
        "adaptive": arrow_table(Adaptive, list(_adaptive(evaluation)), _NAMED),
    }
    return {f"{name}.parquet": parquet(table) for name, table in tables.items()}


def _measures(evaluation: Evaluation) -> Iterator[Measured]:
    for one in evaluation.summaries:
        for measure, estimate in (*one.quality.items(), *one.behaviour.items()):
            yield Measured(one.cell, None, None, measure, estimate)
        for kind, parts in one.slices.items():
            for value, part in parts.items():
                yield Measured(one.cell, kind, value, "f1", part.f1)
                yield Measured(one.cell, kind, value, "em", part.em)
                yield Measured(one.cell, kind, value, "searches", part.searches)
    for one in evaluation.failures:
        for name, share in one.shares.items():
            yield Measured(one.cell, "failure", str(name), "share", share)


def _latency(evaluation: Evaluation) -> Iterator[Latency]:
    for one in evaluation.summaries:
        yield from (Latency(one.cell, part, quantiles) for part, quantiles in one.latency.items())


def _stops(evaluation: Evaluation) -> Iterator[Stop]:
    for one in evaluation.summaries:
        yield from (Stop(one.cell, str(reason), rows) for reason, rows in one.stops.items())


def _failures(evaluation: Evaluation) -> Iterator[FailureCount]:
    for one in evaluation.failures:
        for failure in Failure:
            rows, share = one.counts.get(failure, 0), one.shares.get(str(failure))
            yield FailureCount(one.cell, one.scored, one.wrong, failure, rows, share)


def _wrong_rows(evaluation: Evaluation) -> Iterator[WrongRow]:
    for one in evaluation.failures:
        yield from (WrongRow(one.cell, example) for example in one.examples)


def _noise(evaluation: Evaluation) -> Iterator[Noise]:
    for one in evaluation.noise:
        yield from (Noise(one.benchmark, one.model, one.retriever, one.kind, point) for point in one.points)


def _adaptive(evaluation: Evaluation) -> Iterator[Adaptive]:
    for one in evaluation.probes:
        curves = {"probe": one.curve, "oracle": one.oracle_curve, "random": one.random_curve}
        for order, curve in curves.items():
            yield from (Adaptive(one.benchmark, one.model, order, point) for point in curve)


def _confidence(evaluation: Evaluation) -> Iterator[Confidence]:
    for one in evaluation.probes:
        for place, questions in enumerate(one.histogram):
            yield Confidence(one.benchmark, one.model, place, questions)


def facts_json(evaluation: Evaluation, lead: Sequence[Section], files: Sequence[str]) -> bytes:
    """What is not a table, and the names of the files of the report; the same text for equal evaluations."""
    record = {
        "made_by": MADE_BY,
        "simulated": evaluation.simulated,
        "facts": dict(evaluation.facts),
        "lead": [_lead(section) for section in lead],
        "files": sorted(files),
    }
    return orjson.dumps(storable(record), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _lead(section: Section) -> dict[str, object]:
    """A section that somebody wrote beside the numbers; plots are files."""
    return {
        "name": section.name,
        "title": section.title,
        "paragraphs": list(section.paragraphs),
        "tables": [
            {
                "title": table.title,
                "columns": [column.heading for column in table.columns],
                "rows": [
                    [cell.text if not cell.detail else f"{cell.text} ({cell.detail})" for cell in row]
                    for group in table.groups
                    for row in group.rows
                ],
            }
            for table in section.tables
        ],
    }
