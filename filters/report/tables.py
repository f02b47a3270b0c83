"""The tables of a report: what each recipe keeps and gets wrong, their overlap, sweeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from ..ablation_types import Ablation, Design, Estimate, Pair, RecipeResult, SweepPoint
from . import forms
from .published import Published, published
from .table import Cell, Column, Group, Row, Table

_RECIPE = Column("recipe", numeric=False, code=True)

NOT_CHECKED = "Nothing is known about how many of the kept rows are wrong: no row is labelled."

_RATES = (
    "FDR: share of wrong rows among the kept. FPR: share of the wrong rows that is kept. Recall: share of "
    "the good rows that is kept."
)
_INTERVALS = {
    Design.NONE: NOT_CHECKED,
    Design.CENSUS: "Every row is labelled: the shares are exact for these rows.",
    Design.STRATIFIED: (
        "Beside each share its 95% interval; labelled rows count by the inverse of their chance to be drawn."
    ),
    Design.UNKNOWN: (
        "Beside each share its 95% interval, which holds only if the labelled rows were drawn at random: "
        "nobody says how they were."
    ),
}


def outcomes(ablation: Ablation) -> Table:
    """What each recipe keeps and how much of it is wrong, over all rows."""
    return Table(
        name="outcomes",
        title="Accept rate and wrong rows",
        columns=(_RECIPE, *_OUTCOME),
        groups=(Group(None, _outcome_rows(ablation, ablation.overall)),),
        notes=(
            _INTERVALS[ablation.design],
            *((_RATES,) if ablation.labelled else ()),
            *(_silent(result) for result in ablation.overall if result.unscored),
        ),
    )


def _silent(result: RecipeResult) -> str:
    """Where a recipe has no verdict, and what it does with the other rows."""
    if not result.scored:
        return f"{result.recipe} has no verdict: what it reads is null in every row."
    silent = f"{result.recipe} has no verdict on {result.unscored:,} of {result.rows:,} rows"
    share = forms.percent(result.accepted / result.scored)
    return f"{silent}, which count as not kept; of the others it keeps {share}."


def outcomes_by_source(ablation: Ablation) -> Table | None:
    """The same for each source; None where rows are not grouped."""
    per_source = [result for result in ablation.results if result.source is not None]
    if not per_source:
        return None
    ordered = groupby(sorted(per_source, key=_source_order(ablation)), key=lambda result: result.source)
    grouped = {source: list(results) for source, results in ordered}
    return Table(
        name="sources",
        title=f"By {forms.clean(ablation.grouped_by)}",
        columns=(_RECIPE, *_OUTCOME),
        groups=tuple(Group(source, _outcome_rows(ablation, results)) for source, results in grouped.items()),
        notes=(_INTERVALS[ablation.design], *map(_rows_of, grouped.values())),
        divided_by=ablation.grouped_by or "source",
    )


def _rows_of(results: Sequence[RecipeResult]) -> str:
    """How many rows a source has, and where recipes have no verdict on them."""
    silent = [f"{result.recipe} {result.unscored:,}" for result in results if result.unscored]
    without = f", without verdict: {', '.join(silent)}" if silent else ""
    return f"{results[0].source}: {results[0].rows:,} rows{without}."


def _source_order(ablation: Ablation) -> Callable[[RecipeResult], int]:
    """Sources in the order in which they first come: recipes of one source stand together."""
    known = list(dict.fromkeys(result.source for result in ablation.results))
    return lambda result: known.index(result.source)


_OUTCOME = tuple(
    Column(heading)
    for heading in ("kept", "of all rows", "FDR", "FPR", "recall", "labelled: kept/wrong/good")
)


def _outcome_rows(ablation: Ablation, results: Iterable[RecipeResult]) -> tuple[Row, ...]:
    return tuple(
        (
            Cell(result.recipe),
            Cell(forms.count(result.accepted)),
            _accept_rate(result),
            *shares(ablation, result),
            labelled(result),
        )
        for result in results
    )


def _accept_rate(result: RecipeResult) -> Cell:
    return Cell(forms.percent(result.accept_rate), "" if result.scored else forms.NO_VERDICT)


def shares(ablation: Ablation, result: RecipeResult) -> tuple[Cell, Cell, Cell]:
    """FDR, FPR and recall."""
    return (
        share(ablation, result, result.fdr, "is kept"),
        share(ablation, result, result.fpr, "is wrong"),
        share(ablation, result, result.recall, "is good"),
    )


def labelled(result: RecipeResult) -> Cell:
    """The labelled rows that the three shares divide by."""
    if not result.scored:
        return Cell(forms.UNKNOWN)
    return Cell("/".join(forms.count(one.labelled) for one in (result.fdr, result.fpr, result.recall)))


def share(ablation: Ablation, result: RecipeResult, estimate: Estimate, among: str) -> Cell:
    """An estimate with its interval, or why there is none; that there is no verdict is said once a row."""
    if not result.scored:
        return Cell(forms.UNKNOWN)
    if estimate.value is None:
        return Cell(forms.UNKNOWN, forms.why_unknown(ablation, result, among))
    return Cell(forms.percent(estimate.value), forms.interval(estimate))


def kept_rows(ablation: Ablation) -> Table:
    """What the kept rows are like, and where a recipe has no say."""
    headings = ("rows", "without verdict", "kept", "mean F1", "mean searches", "tokens kept")
    return Table(
        name="kept",
        title="The kept rows",
        columns=(_RECIPE, *(Column(heading) for heading in headings)),
        groups=(Group(None, tuple(_kept(result) for result in ablation.overall)),),
        notes=("A row without verdict (something that the recipe reads is null) is not kept.",),
    )


def _kept(result: RecipeResult) -> Row:
    why = forms.why_nothing_kept(result) if result.scored else ""
    measured = (
        (result.mean_f1, forms.decimal(result.mean_f1)),
        (result.mean_searches, forms.decimal(result.mean_searches)),
        (result.tokens, forms.count(result.tokens)),
    )
    return (
        Cell(result.recipe),
        Cell(forms.count(result.rows)),
        Cell(forms.count(result.unscored)),
        Cell(forms.count(result.accepted)),
        *(Cell(text, why if value is None else "") for value, text in measured),
    )


def beside_published(ablation: Ablation) -> Table | None:
    """The published figures with ours beside them; None where nothing was published about these recipes."""
    ours = {result.recipe: result for result in ablation.overall}
    figures = published().of(ours)
    if not figures:
        return None
    headings = ("accept rate, published", "ours", "“false positive rate”, published", "our FDR", "our FPR")
    return Table(
        name="published",
        title="Beside the published figures",
        columns=(_RECIPE, *(Column(heading) for heading in headings)),
        groups=(Group(None, tuple(_beside(ablation, figure, ours[figure.recipe]) for figure in figures)),),
        notes=(published().note, f"Published in: {published().source}."),
    )


def _beside(ablation: Ablation, figure: Published, result: RecipeResult) -> Row:
    fdr, fpr, _ = shares(ablation, result)
    return (
        Cell(result.recipe),
        Cell(figure.accept_text),
        _accept_rate(result),
        Cell(figure.wrong_text),
        fdr,
        fpr,
    )


def overlaps(ablation: Ablation) -> Table | None:
    """Who accepts what, for every two recipes over all rows; None with fewer than two recipes."""
    pairs = [pair for pair in ablation.pairs if pair.source is None]
    if not pairs:
        return None
    headings = ("both keep", "only A", "only B", "none", "Jaccard", "agree")
    names = (Column("A", numeric=False, code=True), Column("B", numeric=False, code=True))
    return Table(
        name="overlaps",
        title="Overlap",
        columns=(*names, *(Column(heading) for heading in headings)),
        groups=(Group(None, tuple(_overlap(pair) for pair in pairs)),),
        notes=(
            "Over the rows on which both recipes have a verdict. Jaccard: rows that both keep over rows that "
            "one of them keeps. Agree: share of rows on which they say the same.",
        ),
    )


def _overlap(pair: Pair) -> Row:
    counts = (pair.both, pair.only_first, pair.only_second, pair.neither)
    agreement = Cell(forms.percent(pair.agreement))
    why = "neither keeps a row" if pair.agreement is not None else "no row with both verdicts"
    jaccard = Cell(forms.decimal(pair.jaccard), "" if pair.jaccard is not None else why)
    return (
        Cell(pair.first),
        Cell(pair.second),
        *(Cell(forms.count(value)) for value in counts),
        jaccard,
        agreement,
    )


def sweeps(ablation: Ablation) -> Table | None:
    """Every recipe at every value of a swept parameter; None where none was swept."""
    if not ablation.sweeps:
        return None
    headings = ("value", "kept", "of all rows", "FDR", "precision", "FPR", "recall")
    return Table(
        name="sweeps",
        title="Threshold sweep",
        columns=(*(Column(heading) for heading in headings), Column(_OUTCOME[-1].heading, narrow=False)),
        groups=tuple(Group(heading, _sweep_rows(ablation, points)) for heading, points in curves(ablation)),
        notes=("Precision is 1 − FDR.", _INTERVALS[ablation.design]),
        divided_by="recipe and parameter",
    )


def curves(ablation: Ablation) -> list[tuple[str, tuple[SweepPoint, ...]]]:
    """The points of each curve in rising order, under `recipe: parameter` and the source, if there is one."""
    found: dict[tuple[str, str, str | None], list[SweepPoint]] = {}
    for point in ablation.sweeps:
        found.setdefault((point.result.recipe, point.parameter, point.result.source), []).append(point)
    return [
        (_curve(key), tuple(sorted(points, key=lambda point: point.value))) for key, points in found.items()
    ]


def _curve(key: tuple[str, str, str | None]) -> str:
    recipe, parameter, source = key
    return f"{recipe}: {parameter}" if source is None else f"{recipe}: {parameter}, {source}"


def _sweep_rows(ablation: Ablation, points: Sequence[SweepPoint]) -> tuple[Row, ...]:
    rows: list[Row] = []
    for point in points:
        fdr, fpr, recall = shares(ablation, point.result)
        precision = share(ablation, point.result, forms.complement(point.result.fdr), "is kept")
        kept = (Cell(forms.count(point.result.accepted)), _accept_rate(point.result))
        value = Cell(forms.plain(point.value))
        rows.append((value, *kept, fdr, precision, fpr, recall, labelled(point.result)))
    return tuple(rows)
