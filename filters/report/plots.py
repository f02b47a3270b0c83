"""The plots of a report: which there are, what stands below them, and the same in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..ablation_types import Ablation, Design, Estimate, Histogram, RecipeResult
from . import forms
from .figure import Draw
from .plot import Plot, Words, draw_plot
from .plot_bars import Bars
from .plot_overlap import Overlaps
from .plot_rates import Point, Rates
from .plot_sources import Sources
from .plot_sweep import Curve, Sweeps, described
from .published import Published, published
from .tables import curves

_SEARCHES = "n_searches"
_MOST = 12
"""Panels or sources that a plot shows at most; the tables have all."""


def drawn(ablation: Ablation) -> tuple[Plot, ...]:
    """Every plot that the ablation has numbers for; the same text for equal ablations."""
    return tuple(draw_plot(words, draw) for words, draw in _plots(ablation))


def _plots(ablation: Ablation) -> Iterator[tuple[Words, Draw]]:
    yield from _rates(ablation, _FDR)
    yield from _rates(ablation, _FPR)
    yield from _bars(ablation, "f1", "F1 of the answer", "F1 (0 to 1)")
    yield from _bars(ablation, _SEARCHES, "Searches per row", "searches in the row")
    yield from _overlaps(ablation)
    yield from _sources(ablation)
    yield from _sweeps(ablation)


@dataclass(frozen=True, slots=True)
class _Rate:
    short: str
    words: str
    among: str
    of: Callable[[RecipeResult], Estimate]


_FDR = _Rate("FDR", "FDR (wrong rows over kept rows)", "is kept", lambda result: result.fdr)
_FPR = _Rate("FPR", "FPR (wrong rows kept over all wrong rows)", "is wrong", lambda result: result.fpr)


def _rates(ablation: Ablation, rate: _Rate) -> Iterator[tuple[Words, Draw]]:
    points, missing = _points(ablation, rate)
    if not points:
        return
    boxes = published().of(_names(ablation))
    caption = f"One point per recipe{_whiskers(ablation, 'whiskers')}."
    if boxes:
        caption += " Hatched boxes are published figures on other data, whose denominator is not stated."
    if missing:
        caption += f" Not drawn: {', '.join(missing)}."
    said = [*map(_said, points), *map(_published_said, boxes)]
    words = Words(
        name=f"accept_{rate.short.lower()}",
        title=f"Accept rate against {rate.short}",
        caption=caption,
        alt=f"Accept rate and {rate.short}. {'; '.join(said)}.",
    )
    yield words, Rates(_names(ablation), points, boxes, rate.words).draw


def _whiskers(ablation: Ablation, shape: str) -> str:
    """What a shape around a value means; nothing where no value has one."""
    if ablation.design is Design.CENSUS:
        return "; the rates are exact for these rows"
    return "" if ablation.design is Design.NONE else f"; {shape} are 95% intervals"


def _points(ablation: Ablation, rate: _Rate) -> tuple[list[Point], list[str]]:
    """The recipes whose point is known, and why the others have none."""
    points: list[Point] = []
    missing: list[str] = []
    for number, result in enumerate(ablation.overall):
        accept, wrong = result.accept_rate, rate.of(result)
        if accept is None or wrong.value is None:
            why = forms.why_unknown(ablation, result, rate.among)
            missing.append(f"{forms.clean(result.recipe)} ({why})")
        else:
            points.append(Point(result.recipe, number, accept, wrong))
    return points, missing


def _said(point: Point) -> str:
    rates = f"{forms.percent(point.accept)}, {forms.percent(point.value)}"
    return f"{forms.clean(point.recipe)} {rates} {forms.interval(point.wrong)}".rstrip()


def _published_said(box: Published) -> str:
    return f"published for {box.title}: {box.accept_text}, {box.wrong_text}"


def _bars(ablation: Ablation, column: str, title: str, words: str) -> Iterator[tuple[Words, Draw]]:
    own = [one for one in ablation.histograms if one.column == column]
    found = [one for one in own if one.recipe is None or one.unknown or any(bar.rows for bar in one.bins)]
    if not found:
        return
    everything = next((one for one in found if one.recipe is None), None)
    kept = [one for one in found if one.recipe is not None]
    caption = "Coloured: the rows that the recipe keeps; grey: all rows."
    thresholds = ablation.thresholds if column == "f1" else {}
    if thresholds:
        caption += " Dashed: the threshold above which a row may be kept."
    empty = [forms.clean(one.recipe) for one in own if one not in found]
    if empty:
        caption += f" Not drawn: {', '.join(empty)} (no row kept)."
    alt = f"{title}, rows per bin. {'; '.join(map(_tallest, found))}."
    made = Bars(_names(ablation), everything, kept, thresholds, words, whole=column == _SEARCHES)
    yield Words("searches" if column == _SEARCHES else column, title, caption, alt), made.draw


def _names(ablation: Ablation) -> list[str]:
    return [result.recipe for result in ablation.overall]


def _tallest(one: Histogram) -> str:
    name = "all rows" if one.recipe is None else forms.clean(one.recipe)
    if not one.bins:
        return f"{name}: nothing known"
    top = max(one.bins, key=lambda entry: entry.rows)
    total = sum(entry.rows for entry in one.bins)
    where = forms.plain(top.low) if one.column == _SEARCHES else f"{top.low:g} to {top.high:g}"
    return f"{name}: {total:,} rows, most ({top.rows:,}) at {where}"


def _overlaps(ablation: Ablation) -> Iterator[tuple[Words, Draw]]:
    pairs = [pair for pair in ablation.pairs if pair.source is None]
    if not pairs:
        return
    recipes = list(dict.fromkeys(name for pair in pairs for name in (pair.first, pair.second)))
    said = [
        f"{forms.clean(pair.first)} and {forms.clean(pair.second)}: Jaccard {forms.decimal(pair.jaccard)}, "
        f"agreement {forms.percent(pair.agreement)}"
        for pair in pairs
    ]
    caption = "Over the rows on which both recipes have a verdict. A recipe's column starts below its name."
    yield (
        Words("overlap", "Overlap of recipes", caption, f"{'; '.join(said)}."),
        Overlaps(recipes, pairs).draw,
    )


def _sources(ablation: Ablation) -> Iterator[tuple[Words, Draw]]:
    results = [result for result in ablation.results if result.source is not None]
    sources = list(dict.fromkeys(result.source for result in results if result.source is not None))
    if not sources:
        return
    shown = _largest(sources, results)
    recipes = [result.recipe for result in ablation.overall if result.scored]
    caption = f"Three marks per source{_whiskers(ablation, 'lines')}."
    if any(None in (result.fdr.value, result.fpr.value) for result in results):
        caption += f" {forms.UNKNOWN} stands where a rate is not known."
    if len(shown) < len(sources):
        caption += f" Drawn are the {len(shown)} sources with most rows of {len(sources)}."
    title = f"Recipes by {forms.clean(ablation.grouped_by)}"
    alt = f"{title}: accept rate, FDR and FPR of {len(shown)} sources, as in the table."
    yield Words("sources", title, caption, alt), Sources(recipes, shown, results).draw


def _largest(sources: Sequence[str], results: Sequence[RecipeResult]) -> list[str]:
    """The sources with most rows, in the order given."""
    rows = {result.source: result.rows for result in results}
    largest = sorted(sources, key=lambda source: -rows[source])[:_MOST]
    return [source for source in sources if source in largest]


def _sweeps(ablation: Ablation) -> Iterator[tuple[Words, Draw]]:
    every = [Curve(points) for _, points in curves(ablation)]
    if not every:
        return
    overall = [curve for curve in every if curve.points[0].result.source is None]
    shown = (every if len(every) <= _MOST else overall or every)[:_MOST]
    caption = f"Dotted: the recipe's own threshold{_whiskers(ablation, 'bands')}."
    if len(shown) < len(every):
        caption += f" Drawn are {len(shown)} of {len(every)} curves; the table has all."
    alt = f"{'. '.join(map(described, shown))}."
    yield Words("sweep", "Threshold sweep", caption, alt), Sweeps(shown, ablation.thresholds).draw
