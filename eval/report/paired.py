"""Two measurements on the same questions: the difference, its interval, and how often its sign changes."""

from __future__ import annotations

from collections.abc import Sequence

from ...filters.report import forms as text
from ...filters.report.figure import Colour, Series
from ...filters.report.plot import Plot, Words, draw_plot
from ...filters.report.table import Cell as Shown
from ...filters.report.table import Column, Group, Row, Table
from ..cells import Mode
from ..results import Evaluation, Paired
from . import forms
from .key import Key
from .labels import MODES, Labels
from .measured import MOST
from .plot_dots import Dots, Line, Mark, Panel, Scale
from .section import Section

_CLEAR = Series("the interval leaves out 0", Colour.BLUE, "o", "-")
_OPEN = Series("the interval holds 0", Colour.MUTED, "s", "--")
_LINES = 14
_LIVE = MODES[Mode.LIVE].name
_POINTS = Scale(lambda value: forms.signed_points(value).removesuffix(".0"), zero_line=True, step=0.05)
_NUMBER = Scale(forms.signed, zero_line=True, step=0.25)
_NOTE = (
    "First minus second, the mean over the questions that both scored, with its 95% interval; F1 and other "
    "shares in points of 100. Sign changes: share of the bootstrap draws in which the difference has the "
    "other sign. Clear: the interval leaves out 0. Of many comparisons some are clear by chance: about "
    "one in twenty where there is no difference."
)


def paired_differences(evaluation: Evaluation, labels: Labels) -> Section | None:
    """Every comparison, by benchmark and measure; None without one."""
    if not evaluation.paired:
        return None
    clear = sum(forms.is_clear(one.difference) for one in evaluation.paired)
    said = f"{clear:,} of {len(evaluation.paired):,} differences are clear."
    table = _table(evaluation.paired, labels)
    plots = _plot(evaluation.paired, labels)
    return Section("paired", "Paired differences", (said,), plots, (table,))


def _groups(paired: Sequence[Paired]) -> dict[tuple[str, str], list[Paired]]:
    found: dict[tuple[str, str], list[Paired]] = {}
    for one in paired:
        found.setdefault((one.first.benchmark, one.measure), []).append(one)
    return found


def _heading(labels: Labels, benchmark: str, measure: str) -> str:
    return f"{labels.benchmark(benchmark)}: {forms.measure_name(measure)}"


def _table(paired: Sequence[Paired], labels: Labels) -> Table:
    names = (Column("first", numeric=False, code=True), Column("second", numeric=False, code=True))
    rest = (Column("first − second"), Column("sign changes"), Column("clear", numeric=False))
    return Table(
        name="paired",
        title="Paired differences",
        columns=(*names, *rest, Column("questions")),
        groups=tuple(
            Group(_heading(labels, *key), tuple(_row(one, labels) for one in found))
            for key, found in _groups(paired).items()
        ),
        notes=(_NOTE,),
        divided_by="benchmark and measure",
    )


def _row(one: Paired, labels: Labels) -> Row:
    difference = forms.estimate_cell(one.difference, forms.change_of(one.measure))
    changes = Shown(text.percent(one.sign_changes), "" if one.sign_changes is not None else "no sign")
    clear = "yes" if forms.is_clear(one.difference) else "no"
    return (
        Shown(labels.model(one.first.model), labels.mode(one.first)),
        Shown(labels.model(one.second.model), labels.mode(one.second)),
        difference,
        changes,
        Shown(clear),
        Shown(text.count(one.difference.questions)),
    )


def _plot(paired: Sequence[Paired], labels: Labels) -> tuple[Plot, ...]:
    known = _groups([one for one in paired if one.difference.value is not None])
    if not known:
        return ()
    panels = [
        Panel(_heading(labels, *key), tuple(_line(one, labels) for one in found[:_LINES]), _scale(key[1]))
        for key, found in list(known.items())[:MOST]
    ]
    drawn = sum(len(panel.lines) for panel in panels)
    every = sum(map(len, known.values()))
    caption = "First minus second on the same questions; lines are 95% intervals."
    caption += f" Drawn are {drawn} of {every}." if drawn < every else ""
    said = [
        f"{text.clean(' '.join(_against(one, labels)))}, {text.clean(_heading(labels, *key))}: "
        f"{forms.said(one.difference, forms.change_of(one.measure))}"
        for key, found in known.items()
        for one in found
    ]
    words = Words("paired", "Paired differences", caption, f"{'; '.join(said)}.")
    return (draw_plot(words, Dots(panels, Key((_CLEAR, _OPEN))).draw),)


def _scale(measure: str) -> Scale:
    return _POINTS if forms.change_of(measure) is forms.signed_points else _NUMBER


def _line(one: Paired, labels: Labels) -> Line:
    series = _CLEAR if forms.is_clear(one.difference) else _OPEN
    mark = Mark(series, one.difference.value, one.difference.low, one.difference.high)
    return Line(_against(one, labels), (mark,))


def _against(one: Paired, labels: Labels) -> tuple[str, str]:
    """`A` and `− B`; modes where they are not both live."""
    first, second = labels.model(one.first.model), labels.model(one.second.model)
    modes = labels.mode(one.first), labels.mode(one.second)
    if one.first.model == one.second.model:
        return f"{first}: {modes[0]}", f"− {modes[1]}"
    if modes == (_LIVE, _LIVE):
        return first, f"− {second}"
    return f"{first} ({modes[0]})", f"− {second} ({modes[1]})"
