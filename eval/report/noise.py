"""What spoilt searches do: F1 against their share, and F1 lost on the same questions."""

from __future__ import annotations

from collections.abc import Sequence

from ...filters.report import forms as text
from ...filters.report.plot import Plot, Words, draw_plot
from ...filters.report.table import Cell as Shown
from ...filters.report.table import Column, Group, Row, Table
from ..results import Evaluation, NoiseCurve, NoisePoint
from . import forms
from .key import Key
from .labels import Labels
from .measured import MODEL, MOST
from .plot_curves import Curve, Curves, Panel, Point
from .section import Section

_KINDS = {
    "drop": "failed searches",
    "empty": "searches that find nothing",
    "swap": "results of another query",
    "distract": "look-alike results",
    "contradict": "contradicting results",
}


def noise_curves(evaluation: Evaluation, labels: Labels) -> Section | None:
    """A panel per benchmark and kind of noise; None where nothing was spoilt."""
    found = _groups([one for one in evaluation.noise if one.points], labels)
    if not found:
        return None
    return Section("noise", "Noise", plots=_plot(found, labels), tables=(_table(found, labels),))


Where = tuple[str, str, str]
"""Benchmark, kind of noise, and the search engine where there are several."""

Groups = dict[Where, list[NoiseCurve]]


def _groups(curves: Sequence[NoiseCurve], labels: Labels) -> Groups:
    found: Groups = {}
    for one in curves:
        found.setdefault((one.benchmark, one.kind, labels.engine(one.benchmark, one.retriever)), []).append(
            one
        )
    return found


def _heading(labels: Labels, key: Where) -> str:
    return ", ".join(filter(None, (f"{labels.benchmark(key[0])}: {key[1]}", key[2])))


def _table(found: Groups, labels: Labels) -> Table:
    return Table(
        name="noise",
        title="F1 with spoilt searches",
        columns=(MODEL, Column("share spoilt"), Column("F1"), Column("F1 lost"), Column("questions")),
        groups=tuple(
            Group(
                _heading(labels, key),
                tuple(_row(one, point, labels) for one in curves for point in _rising(one)),
            )
            for key, curves in found.items()
        ),
        notes=(
            *(
                f"{kind}: {_KINDS[kind]}."
                for kind in dict.fromkeys(key[1] for key in found)
                if kind in _KINDS
            ),
            "In points of 100 with 95% intervals. Lost: F1 without noise minus F1 here, on the questions "
            "that both scored.",
        ),
        divided_by="benchmark and noise",
    )


def _rising(curve: NoiseCurve) -> list[NoisePoint]:
    return sorted(curve.points, key=lambda point: point.share)


def _row(one: NoiseCurve, point: NoisePoint, labels: Labels) -> Row:
    first = Shown(labels.model(one.model))
    asked = point.loss.questions if point.loss is not None else point.f1.questions
    paired = "" if asked == point.f1.questions else f"{asked:,} paired"
    lost = Shown(text.UNKNOWN, "no noise" if not point.share else "not paired")
    return (
        first,
        Shown(text.percent(point.share)),
        forms.estimate_cell(point.f1, forms.points),
        lost if point.loss is None else forms.estimate_cell(point.loss, forms.points),
        Shown(text.count(point.f1.questions), paired),
    )


def _plot(found: Groups, labels: Labels) -> tuple[Plot, ...]:
    panels = [_panel(key, curves, labels) for key, curves in list(found.items())[:MOST]]
    models = dict.fromkeys(one.model for curves in found.values() for one in curves)
    said = [
        f"{text.clean(one.model)}, {text.clean(_heading(labels, key))}: "
        + ", ".join(
            f"{text.percent(point.share)} {forms.said(point.f1, forms.points)}" for point in _rising(one)
        )
        for key, curves in found.items()
        for one in curves
    ]
    caption = "A line per model, upright lines are 95% intervals; models are drawn a little apart."
    if len(found) > MOST:
        caption += f" Drawn are {MOST} of {len(found)} panels."
    words = Words("noise", "F1 with spoilt searches", caption, f"F1 by share spoilt. {'; '.join(said)}.")
    key = Key([labels.series(model) for model in models])
    return (draw_plot(words, Curves(panels, key).draw),)


def _panel(key: Where, curves: Sequence[NoiseCurve], labels: Labels) -> Panel:
    shares = sorted({point.share for one in curves for point in one.points})
    lines = tuple(
        Curve(
            labels.series(one.model),
            tuple(Point(point.share, point.f1.value, point.f1.low, point.f1.high) for point in _rising(one)),
        )
        for one in curves
    )
    return Panel(
        title=f"{_heading(labels, key)}: F1",
        curves=lines,
        across=f"share of {_KINDS.get(key[1], 'searches spoilt')}",
        words=forms.tick,
        ticks=tuple((share, f"{share:.0%}") for share in shares),
    )
