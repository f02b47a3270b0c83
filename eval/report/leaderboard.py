"""The leaderboard: every measurement with its qualities, ranked by F1 as far as the intervals tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...filters.report import forms as text
from ...filters.report.plot import Plot, Words, draw_plot
from ...filters.report.table import Cell as Shown
from ...filters.report.table import Column, Table
from ..cells import Mode
from ..results import Estimate, Evaluation, Summary
from . import forms
from .key import Key
from .labels import MODES, Labels, by_benchmark
from .measured import MOST, POINTS, Shape, f1_of, known, mark_of, measured_table, ordered
from .plot_dots import Dots, Line, Mark, Panel
from .section import Section

_QUALITIES = ("f1", "em", "cover_match", "llm_judge", "llm_judge_reflect")
_NARROW = ("f1", "em", "llm_judge")
_NOTE = (
    "In points of 100, below each value its 95% interval, a percentile bootstrap over questions. Rank: the "
    "places by F1 that the intervals leave open among the models of the same benchmark, mode and search "
    "engine. Unscored rows, such as those that a server broke, are left out of the means."
)


def leaderboard(evaluation: Evaluation, labels: Labels) -> Section | None:
    """Model by mode for each benchmark; None without a measurement."""
    if not evaluation.summaries:
        return None
    plots = _plot(evaluation, labels)
    return Section("leaderboard", "Leaderboard", plots=plots, tables=(_table(evaluation, labels),))


def _table(evaluation: Evaluation, labels: Labels) -> Table:
    named = [name for one in evaluation.summaries for name in known(one.quality)]
    measures = [
        *(name for name in _QUALITIES if name in named),
        *(name for name in dict.fromkeys(named) if name not in _QUALITIES),
    ]
    values = (Column(forms.measure_name(name), narrow=name in _NARROW) for name in measures)

    def cells(one: Summary) -> list[Shown]:
        return [
            Shown(rank(one, evaluation.summaries)),
            *(forms.estimate_cell(one.quality.get(name), forms.shown_as(name)) for name in measures),
            Shown(text.count(one.questions), _counts(one)),
        ]

    shape = Shape("leaderboard", "Leaderboard", (Column("rank"), *values, Column("questions")), _NOTE)
    return measured_table(shape, evaluation.summaries, cells, labels)


def _counts(summary: Summary) -> str:
    """Rows where they are not the questions, and how many of them are unscored."""
    f1 = summary.quality.get("f1")
    rows = f"{summary.rows:,} rows" if summary.rows != summary.questions else ""
    unscored = f"{f1.unscored:,} unscored" if f1 is not None and f1.unscored else ""
    return ", ".join(filter(None, (rows, unscored)))


def rank(summary: Summary, every: Iterable[Summary]) -> str:
    """The places that the intervals of F1 leave open among equal measurements, such as `1–2`."""
    own = summary.quality.get("f1")
    if own is None or own.value is None:
        return text.UNKNOWN
    peers = [one.quality["f1"] for one in every if _is_peer(summary, one) and f1_of(one) >= 0]
    if not peers:
        return "alone"
    best = 1 + sum(_low(other) > _high(own) for other in peers)
    worst = 1 + len(peers) - sum(_high(other) < _low(own) for other in peers)
    return str(best) if best == worst else f"{best}–{worst}"


def _is_peer(summary: Summary, other: Summary) -> bool:
    first, second = summary.cell, other.cell
    same = (first.benchmark, first.mode, first.noise, first.retriever)
    return first != second and same == (second.benchmark, second.mode, second.noise, second.retriever)


def _low(estimate: Estimate) -> float:
    """The lowest that it may be: anything where there is no interval."""
    return -1.0 if estimate.low is None else estimate.low


def _high(estimate: Estimate) -> float:
    return 2.0 if estimate.high is None else estimate.high


def _plot(evaluation: Evaluation, labels: Labels) -> tuple[Plot, ...]:
    """F1 of each model: a mark per mode, noisy ones left to their curves."""
    shown = [one for one in evaluation.summaries if one.cell.mode is not Mode.NOISY and f1_of(one) >= 0]
    if not shown:
        return ()
    benchmarks = by_benchmark(one.cell for one in shown)
    panels = [_panel(shown, labels, benchmark) for benchmark in benchmarks[:MOST]]
    caption = (
        "A mark per mode, lines are 95% intervals: where those of two models overlap, their order is open."
    )
    if len(benchmarks) > MOST:
        caption += f" Drawn are {MOST} of {len(benchmarks)} benchmarks."
    said = [
        f"{text.clean(one.cell.model)} on {text.clean(one.cell.benchmark)}, {labels.mode(one.cell)}: "
        f"{forms.said(one.quality['f1'], forms.points)}"
        for one in shown
    ]
    words = Words("leaderboard", "F1 in points of 100", caption, f"F1. {'; '.join(said)}.")
    key = Key([MODES[mode] for mode in MODES if any(one.cell.mode is mode for one in shown)])
    return (draw_plot(words, Dots(panels, key).draw),)


def _panel(shown: Sequence[Summary], labels: Labels, benchmark: str) -> Panel:
    found = ordered(one for one in shown if one.cell.benchmark == benchmark)
    searchers = dict.fromkeys(labels.searcher(one.cell) for one in found)
    lines = tuple(
        Line(names, tuple(_mark(one) for one in found if labels.searcher(one.cell) == names))
        for names in searchers
    )
    return Panel(f"{labels.benchmark(benchmark)}: F1", lines, POINTS)


def _mark(summary: Summary) -> Mark:
    return mark_of(summary.cell, summary.quality["f1"])
