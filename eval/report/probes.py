"""The confidence probe: whether it knows when memory suffices, and what searching less would cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from ...filters.report import forms as text
from ...filters.report.table import Cell as Shown
from ...filters.report.table import Column, Group, Row, Table
from ..probe_plots import probe_plots
from ..probe_words import notes, verdict
from ..results import Evaluation, Probe
from . import forms
from .labels import Labels, Simulated
from .measured import MODEL, MOST
from .section import Section

_PROBES = (
    "The probe reads a hidden state at the end of the query and says how likely the model answers it right "
    "closed book. Right: questions answered right closed book. ECE: expected calibration error, in [0, 1]. "
    "AUROC: 0.5 is chance. Brier: mean squared error of the confidence."
)
_ADAPTIVE = (
    "A simulation on questions answered both ways: the most confident ones are answered closed book, the "
    "others live. F1 in points of 100; change: against searching for all of them, on the same questions. If "
    "it knew: the change with a confidence that knows which closed-book answers are right. By chance: with "
    "one that knows nothing."
)


def probes(evaluation: Evaluation, labels: Labels) -> Section | None:
    """Calibration, histogram and the simulation of adaptive search; None without a probe."""
    found = evaluation.probes
    if not found:
        return None
    tables = (_table(found, labels), *_adaptive_table(found, labels), _bins_table(found, labels))
    named = [dataclasses.replace(one, model=_called(one, found, labels)) for one in found[:MOST]]
    said = tuple(sentence for one in found for sentence in _said(one, found, labels))
    plots = probe_plots(named)
    return Section("probe", "Confidence probe and adaptive search", (_PROBES, *said), plots, tables)


def _called(one: Probe, among: Sequence[Probe], labels: Labels) -> str:
    """The model, with the layer where several of its probes are there."""
    same = [other for other in among if (other.benchmark, other.model) == (one.benchmark, one.model)]
    name = labels.model(one.model)
    return name if len(same) == 1 else f"{name}, layer {one.layer}"


def _said(one: Probe, among: Sequence[Probe], labels: Labels) -> Iterator[str]:
    """What the curve says, and what a reader has to know; heading or name say what is simulated."""
    yield f"{_called(one, among, labels)} on {_name(one, labels)}: {verdict(one)}"
    yield from notes(dataclasses.replace(one, simulated=False))


def _name(one: Probe, labels: Labels) -> str:
    benchmark = labels.benchmark(one.benchmark)
    called = one.simulated and labels.simulated is Simulated.SOME and benchmark == one.benchmark
    return f"{benchmark} (simulated)" if called else benchmark


def _names(found: Sequence[Probe], labels: Labels) -> dict[str, list[Probe]]:
    groups: dict[str, list[Probe]] = {}
    for one in found:
        groups.setdefault(_name(one, labels), []).append(one)
    return groups


def _table(found: Sequence[Probe], labels: Labels) -> Table:
    headings = ("layer", "components", "questions", "right", "ECE", "AUROC", "Brier")
    return Table(
        name="probes",
        title="Probes",
        columns=(MODEL, *map(Column, headings)),
        groups=tuple(
            Group(name, tuple(_row(one, labels) for one in own))
            for name, own in _names(found, labels).items()
        ),
        divided_by="benchmark",
    )


def _row(one: Probe, labels: Labels) -> Row:
    right = text.percent(one.right / one.questions) if one.questions else ""
    why = "nothing was learnt" if one.constant else "not known"
    return (
        Shown(labels.model(one.model), f"right by {one.right_by}, read at the {one.at}'s end"),
        Shown(f"{one.layer} of {one.layers}"),
        Shown(text.count(one.components)),
        Shown(text.count(one.questions)),
        Shown(text.count(one.right), right),
        *(_score(value, why) for value in (one.ece, one.auroc, one.brier)),
    )


def _score(value: float | None, why: str) -> Shown:
    return Shown(text.UNKNOWN, why) if value is None else Shown(f"{value:.3f}")


def _adaptive_table(found: Sequence[Probe], labels: Labels) -> Iterator[Table]:
    groups = tuple(
        Group(name, tuple(row for one in own for row in _adaptive_rows(one, labels)))
        for name, own in _names([one for one in found if one.curve], labels).items()
    )
    if groups:
        headings = ("closed book", "F1", "change", "if it knew", "by chance", "searches", "questions")
        columns = (MODEL, *map(Column, headings))
        yield Table("adaptive", "Adaptive search", columns, groups, (_ADAPTIVE,), "benchmark")


def _adaptive_rows(one: Probe, labels: Labels) -> Iterator[Row]:
    knowing = {point.percent: point.change for point in one.oracle_curve}
    chance = {point.percent: point.change for point in one.random_curve}
    for point in one.curve:
        yield (
            Shown(labels.model(one.model)),
            Shown(f"{text.plain(point.percent)}%", f"{point.closed_book:,}" if point.closed_book else ""),
            forms.estimate_cell(point.f1, forms.points),
            forms.estimate_cell(point.change, forms.signed_points),
            forms.estimate_cell(knowing.get(point.percent), forms.signed_points),
            forms.estimate_cell(chance.get(point.percent), forms.signed_points),
            forms.estimate_cell(point.searches, forms.decimal),
            Shown(text.count(point.f1.questions)),
        )


def _bins_table(found: Sequence[Probe], labels: Labels) -> Table:
    headings = ("from", "to", "mean confidence", "share right", "questions")
    return Table(
        name="reliability",
        title="Reliability by bin",
        columns=(MODEL, *map(Column, headings)),
        groups=tuple(
            Group(name, tuple(row for one in own for row in _bin_rows(one, labels)))
            for name, own in _names(found, labels).items()
        ),
        divided_by="benchmark",
    )


def _bin_rows(one: Probe, labels: Labels) -> Iterator[Row]:
    for entry in one.bins:
        known = (entry.confidence, entry.accuracy)
        yield (
            Shown(labels.model(one.model)),
            Shown(f"{entry.low:.2f}"),
            Shown(f"{entry.high:.2f}"),
            *(Shown(text.percent(share), "" if share is not None else "no question") for share in known),
            Shown(text.count(entry.questions)),
        )
