"""Why rows are wrong: counts by the written rule, shares with intervals, and a few of the rows."""

from __future__ import annotations

from collections.abc import Sequence

from ...filters.report import forms as text
from ...filters.report.facts import Fact
from ...filters.report.figure import Colour, Series
from ...filters.report.plot import Plot, Words, draw_plot
from ...filters.report.table import Cell as Shown
from ...filters.report.table import Column, Group, Row, Table
from ..cells import Mode
from ..results import Estimate, Evaluation, Failure, FailureExample, Failures
from . import forms
from .key import Key
from .labels import Labels, by_benchmark
from .measured import MODEL, MOST, mode_column, rank_of
from .plot_stacks import Bar, Panel, Part, Stacks
from .section import Examples, Section

CLASSES = {
    Failure.BAD_RETRIEVAL: Series("bad retrieval", Colour.BLUE, "s", "-"),
    Failure.HALLUCINATION: Series("hallucination", Colour.RED, "D", "-"),
    Failure.BOTH: Series("both", Colour.PURPLE, "^", "-"),
    Failure.REASONING: Series("reasoning", Colour.GREEN, "v", "-"),
}
"""The classes in their order, as they are drawn."""

_RULES = (
    "Each wrong row is of one class, by rule. Bad retrieval: the model searched, and the title of a "
    "supporting passage is in no search result (where the titles are known), or no gold answer stands in "
    "what was read, or no search brought anything. Hallucination: the answer does not stand in what was read "
    "or in the question, or it came without a search, or the model says that it speaks from memory or "
    "guesses, or a name, number or date in a query or in its reasoning stands neither in the question nor in "
    "what was read. Both: both hold. Reasoning: neither does.",
    "Stands in is by words, not by meaning. Closed book, retrieval is not to blame, and every answer that "
    "claims something is a hallucination; with gold evidence, the passages handed over are what was read.",
)
_RULE = "the written rule"
_BARS = 24
_TEXT = 400


def failures(evaluation: Evaluation, labels: Labels) -> Section | None:
    """Counts, shares and examples; None where no measurement was looked at."""
    found = sorted((one for one in evaluation.failures if one.scored), key=lambda one: rank_of(one.cell))
    if not found:
        return None
    examples = tuple(_examples(one, labels) for one in found if one.examples)
    tables = (_table(found, labels),)
    return Section("failures", "Failures", _how(evaluation), _plot(found, labels), tables, examples)


def _how(evaluation: Evaluation) -> tuple[str, ...]:
    """What the classes mean, by the rule or as a judge was asked."""
    by = evaluation.facts.get("failures by", _RULE)
    if by == _RULE:
        return _RULES
    return (f"Each wrong row is of one class, as a language model judged it, which is not the truth: {by}.",)


def _table(found: Sequence[Failures], labels: Labels) -> Table:
    classes = [Column(series.name) for series in CLASSES.values()]
    rest = any(map(_unclassified, found))
    return Table(
        name="failures",
        title="Wrong rows by cause",
        columns=(
            MODEL,
            mode_column(one.cell for one in found),
            Column("wrong"),
            *classes,
            *((Column("unclassified"),) if rest else ()),
        ),
        groups=tuple(
            Group(
                labels.benchmark(benchmark),
                tuple(_row(one, labels, rest) for one in found if one.cell.benchmark == benchmark),
            )
            for benchmark in by_benchmark(one.cell for one in found)
        ),
        notes=(
            "Rows with their share of all scored rows, and below its 95% interval.",
            *(("Unclassified: wrong rows about which the rule cannot speak.",) if rest else ()),
        ),
        divided_by="benchmark",
    )


def _row(one: Failures, labels: Labels, rest: bool) -> Row:
    classes = (
        _share(text.count(one.counts.get(failure, 0)), one.shares.get(str(failure))) for failure in CLASSES
    )
    wrong = _share(text.count(one.wrong), one.shares.get("wrong"))
    last = (Shown(text.count(_unclassified(one))),) if rest else ()
    model = Shown(labels.model(one.cell.model), f"{one.scored:,} scored")
    return (model, Shown(labels.mode(one.cell)), wrong, *classes, *last)


def _unclassified(one: Failures) -> int:
    return one.wrong - sum(one.counts.values())


def _share(words: str, share: Estimate | None) -> Shown:
    """A number of rows with its share of all scored ones."""
    if share is None or share.value is None:
        return Shown(words)
    return Shown(f"{words} ({text.percent(share.value)})", forms.interval(share, text.percent))


def _plot(found: Sequence[Failures], labels: Labels) -> tuple[Plot, ...]:
    benchmarks = by_benchmark(one.cell for one in found)
    panels = [
        Panel(
            labels.benchmark(benchmark),
            tuple(_bar(one, labels) for one in found if one.cell.benchmark == benchmark)[:_BARS],
        )
        for benchmark in benchmarks[:MOST]
    ]
    said = [
        f"{text.clean(one.cell.model)} on {text.clean(one.cell.benchmark)}, {labels.mode(one.cell)}: "
        f"{one.wrong:,} of {one.scored:,} wrong, "
        + ", ".join(f"{series.name} {one.counts.get(failure, 0):,}" for failure, series in CLASSES.items())
        for one in found
    ]
    caption = "Numbers are rows, lengths their share of all scored rows, in this order from the left."
    words = Words("failures", "Wrong rows by cause", caption, f"{'; '.join(said)}.")
    key = Key(tuple(CLASSES.values()), filled=True)
    return (draw_plot(words, Stacks(panels, key, lambda share: f"{share:.0%}").draw),)


def _bar(one: Failures, labels: Labels) -> Bar:
    parts = tuple(
        Part(series, one.counts.get(failure, 0) / one.scored, text.count(one.counts.get(failure, 0)))
        for failure, series in CLASSES.items()
    )
    mode = "" if one.cell.mode is Mode.LIVE else f", {labels.mode(one.cell)}"
    return Bar(f"{', '.join(labels.searcher(one.cell))}{mode}: {one.wrong:,} of {one.scored:,}", parts)


def _examples(one: Failures, labels: Labels) -> Examples:
    where = (
        f"{labels.model(one.cell.model)} on {labels.benchmark(one.cell.benchmark)}, {labels.mode(one.cell)}"
    )
    return Examples(where, tuple(map(_facts, one.examples)))


def _facts(example: FailureExample) -> tuple[Fact, ...]:
    answer = f"{text.UNKNOWN} (no answer)" if example.answer is None else _short(example.answer)
    gold = "; ".join(example.gold)
    return (
        Fact("Question", _short(example.question)),
        Fact("Gold", _short(gold) if gold else f"{text.UNKNOWN} (no gold answer known)"),
        Fact("Answer", answer),
        Fact("Class", CLASSES[example.failure].name),
        Fact("Why", _short(example.why)),
        Fact("Row", example.row_id),
    )


def _short(value: str) -> str:
    return text.cut(text.clean(value), _TEXT)
