"""Two measurements on the same questions: the difference, its interval, and how often its sign changes."""

from __future__ import annotations

from collections.abc import Sequence

from ...filters.report import forms as text
from ...filters.report.figure import Colour, Series
from ...filters.report.plot import Plot, Words, draw_plot
from ...filters.report.table import Cell as Shown
from ...filters.report.table import Column, Group, Row, Table
from ..cells import Cell, Mode
from ..results import Evaluation, Paired
from . import forms
from .failed import CLASSES
from .key import Key
from .labels import MODES, Labels
from .measured import MOST
from .plot_dots import Dots, Line, Mark, Panel, Scale
from .section import Section

_LOOKS = {
    "f1": (Colour.BLUE, "o"),
    "em": (Colour.SLATE, "s"),
    "cover_match": (Colour.OCHRE, "P"),
    "llm_judge": (Colour.GREEN, "X"),
    "llm_judge_reflect": (Colour.PURPLE, "X"),
    "wrong": (Colour.INK, "o"),
    **{str(failure): (series.colour, series.marker) for failure, series in CLASSES.items()},
}
_LINES = 14
_LIVE = MODES[Mode.LIVE].name
_POINTS = Scale(lambda value: forms.signed_points(value).removesuffix(".0"), zero_line=True, step=0.05)
_NUMBER = Scale(forms.signed, zero_line=True, step=0.25)
_NOTE = (
    "First minus second, the mean over the questions that both scored, with its 95% interval; F1 and other "
    "shares in points of 100. Sign changes: share of the bootstrap draws in which the difference has the "
    "other sign. Clear: the interval leaves out 0. Of many comparisons some are clear by chance: about one "
    "in twenty where there is no difference."
)

Two = tuple[Cell, Cell]


def paired_differences(evaluation: Evaluation, labels: Labels) -> Section | None:
    """Every comparison; None without one."""
    if not evaluation.paired:
        return None
    clear = sum(forms.is_clear(one.difference) for one in evaluation.paired)
    said = f"{clear:,} of {len(evaluation.paired):,} differences are clear."
    table = _table(evaluation.paired, labels)
    plots = _plot(evaluation.paired, labels)
    return Section("paired", "Paired differences", (said,), plots, (table,))


def _table(paired: Sequence[Paired], labels: Labels) -> Table:
    return Table(
        name="paired",
        title="Paired differences",
        columns=(
            Column("measure", numeric=False),
            Column("difference"),
            Column("sign changes"),
            Column("clear", numeric=False),
            Column("questions"),
        ),
        groups=tuple(
            Group(_heading(two, labels), tuple(map(_row, found))) for two, found in _by_two(paired).items()
        ),
        notes=(_NOTE,),
        divided_by="first − second",
    )


def _by_two(paired: Sequence[Paired]) -> dict[Two, list[Paired]]:
    found: dict[Two, list[Paired]] = {}
    for one in paired:
        found.setdefault((one.first, one.second), []).append(one)
    return found


def _heading(two: Two, labels: Labels) -> str:
    return f"{labels.benchmark(two[0].benchmark)}: {' '.join(_names(two, labels))}"


def _row(one: Paired) -> Row:
    return (
        Shown(forms.measure_name(one.measure)),
        forms.estimate_cell(one.difference, forms.change_of(one.measure)),
        Shown(text.percent(one.sign_changes), "" if one.sign_changes is not None else "no sign"),
        Shown("yes" if forms.is_clear(one.difference) else "no"),
        Shown(text.count(one.difference.questions)),
    )


def _names(two: Two, labels: Labels) -> tuple[str, str]:
    """`A` and `− B`; modes where they are not both live."""
    first, second = two
    names = labels.model(first.model), labels.model(second.model)
    modes = labels.mode(first), labels.mode(second)
    if first.model == second.model:
        return f"{names[0]}: {modes[0]}", f"− {modes[1]}"
    if modes == (_LIVE, _LIVE):
        return names[0], f"− {names[1]}"
    return f"{names[0]} ({modes[0]})", f"− {names[1]} ({modes[1]})"


def _plot(paired: Sequence[Paired], labels: Labels) -> tuple[Plot, ...]:
    """A panel per benchmark for all that is in points, and one for every other measure."""
    known: dict[tuple[str, str], list[Paired]] = {}
    for one in paired:
        if one.difference.value is not None:
            known.setdefault((one.first.benchmark, _axis(one.measure)), []).append(one)
    if not known:
        return ()
    panels = [_panel(where, found, labels) for where, found in list(known.items())[:MOST]]
    drawn = sum(len(line.marks) for panel in panels for line in panel.lines)
    every = sum(map(len, known.values()))
    caption = "First minus second on the same questions; lines are 95% intervals."
    caption += f" Drawn are {drawn} of {every}." if drawn < every else ""
    said = [
        f"{text.clean(_heading((one.first, one.second), labels))}, {forms.measure_name(one.measure)}: "
        f"{forms.said(one.difference, forms.change_of(one.measure))}"
        for found in known.values()
        for one in found
    ]
    words = Words("paired", "Paired differences", caption, f"{'; '.join(said)}.")
    key = Key(
        [_series(name) for name in dict.fromkeys(one.measure for found in known.values() for one in found)]
    )
    return (draw_plot(words, Dots(panels, key).draw),)


def _axis(measure: str) -> str:
    """What is drawn on a common axis."""
    return "points of 100" if forms.change_of(measure) is forms.signed_points else measure


def _series(measure: str) -> Series:
    colour, marker = _LOOKS.get(measure, (Colour.MUTED, "o"))
    return Series(forms.measure_name(measure), colour, marker, "-")


def _panel(where: tuple[str, str], found: Sequence[Paired], labels: Labels) -> Panel:
    benchmark, axis = where
    lines = tuple(
        Line(_names(two, labels), tuple(map(_mark, own)))
        for two, own in list(_by_two(found).items())[:_LINES]
    )
    scale = _POINTS if axis == _axis("f1") else _NUMBER
    return Panel(f"{labels.benchmark(benchmark)}: {forms.measure_name(axis)}", lines, scale)


def _mark(one: Paired) -> Mark:
    return Mark(_series(one.measure), one.difference.value, one.difference.low, one.difference.high)
