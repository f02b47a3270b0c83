"""How a model searches, and how its rollouts end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...filters.report import forms as text
from ...filters.report.plot import Plot, Words, draw_plot
from ...filters.report.table import Cell as Shown
from ...filters.report.table import Column
from ..cells import Cell
from ..results import Estimate, Evaluation, Summary
from . import forms
from .key import Key
from .labels import MODES, Labels, by_benchmark
from .measured import MOST, Shape, known, mark_of, measured_table, ordered, searching
from .plot_dots import Dots, Line, Mark, Panel, Scale
from .section import Section

_BEHAVIOUR = (
    "searches",
    "never_searches",
    "failed_searches",
    "answered",
    "turns",
    "prompt_tokens",
    "completion_tokens",
)
_WIDE_ONLY = ("answered", "turns", "prompt_tokens")
_REASONS = 4
"""Stop reasons that a narrow table shows, the most common ones."""
_PLAIN = Scale(text.plain, step=0.5, from_zero=True)
_SHARE = Scale(lambda share: f"{share:.0%}", step=0.1, from_zero=True, most=1.0)


def search_behaviour(evaluation: Evaluation, labels: Labels) -> Section | None:
    """Searches, turns and tokens; None where nothing is known of them."""
    found = [one for one in evaluation.summaries if known(one.behaviour)]
    if not found:
        return None
    named = {name for one in found for name in known(one.behaviour)}
    measures = [*(name for name in _BEHAVIOUR if name in named), *sorted(named - {*_BEHAVIOUR})]
    columns = [Column(forms.measure_name(name), narrow=name not in _WIDE_ONLY) for name in measures]

    def cells(one: Summary) -> list[Shown]:
        return [forms.estimate_cell(one.behaviour.get(name), forms.shown_as(name)) for name in measures]

    note = (
        "Means per row with their 95% intervals. Never searches: share of the rows without a search. "
        "Answered: share of the rows that end with an answer."
    )
    table = measured_table(Shape("behaviour", "Search behaviour", columns, note), found, cells, labels)
    return Section("behaviour", "Search behaviour", plots=_search_plot(found, labels), tables=(table,))


def stop_reasons(evaluation: Evaluation, labels: Labels) -> Section | None:
    """How rollouts ended; None where nobody says."""
    found = [one for one in evaluation.summaries if one.stops]
    if not found:
        return None
    total = {name: sum(one.stops.get(name, 0) for one in found) for one in found for name in one.stops}
    reasons = sorted(total, key=lambda name: (-total[name], name))
    columns = [Column(name.replace("_", " "), narrow=place < _REASONS) for place, name in enumerate(reasons)]

    def cells(one: Summary) -> list[Shown]:
        return [_part(one.stops.get(name, 0), sum(one.stops.values())) for name in reasons]

    note = "Rows by what ended them, and their share."
    table = measured_table(Shape("stops", "Stop reasons", columns, note), found, cells, labels)
    return Section("stops", "Stop reasons", tables=(table,))


def _part(count: int, rows: int) -> Shown:
    return Shown(text.count(count), text.percent(count / rows) if count else "")


def _search_plot(found: Sequence[Summary], labels: Labels) -> tuple[Plot, ...]:
    shown = searching(found)
    benchmarks = by_benchmark(one.cell for one in shown)[: MOST // 2]
    if not shown:
        return ()
    panels = [
        _panel(f"{labels.benchmark(benchmark)}: {words}", shown, labels, (benchmark, measure), scale)
        for benchmark in benchmarks
        for measure, words, scale in (
            ("searches", "searches per question", _PLAIN),
            ("never_searches", "never searches", _SHARE),
        )
    ]
    said = [
        f"{text.clean(one.cell.model)} on {text.clean(one.cell.benchmark)}: searches "
        f"{_words(one.behaviour, 'searches')}, never searches {_words(one.behaviour, 'never_searches')}"
        for one in shown
    ]
    words = Words(
        "searches",
        "Searches per question, and the share that never searches",
        "Live rows; lines are 95% intervals.",
        f"{'; '.join(said)}.",
    )
    return (draw_plot(words, Dots(panels, Key(())).draw),)


def _words(behaviour: Mapping[str, Estimate], measure: str) -> str:
    found = behaviour.get(measure)
    return "unknown" if found is None else forms.said(found, forms.shown_as(measure))


def _panel(title: str, shown: Sequence[Summary], labels: Labels, of: tuple[str, str], scale: Scale) -> Panel:
    benchmark, measure = of
    lines = [
        Line(labels.searcher(one.cell), (_mark(one.cell, one.behaviour.get(measure)),))
        for one in ordered(shown)
        if one.cell.benchmark == benchmark
    ]
    return Panel(title, tuple(lines), scale)


def _mark(cell: Cell, estimate: Estimate | None) -> Mark:
    return Mark(MODES[cell.mode], None) if estimate is None else mark_of(cell, estimate)
