"""FDR, FPR and recall of recipes from the rows that somebody labelled, however few.

Whose labels count: one annotator's; of repeated labels of a row the last. A row is labelled where its label
answers what is asked (`Target`). What the labels stand for depends on how the rows were chosen (`Design`):

    census       every row is labelled: plain counts, exact
    stratified   every label names its stratum and the strata make up the dataset: in stratum h each of the
                 n_h labelled rows stands for N_h / n_h rows (Cochran, Sampling Techniques, 3rd ed. 1977,
                 chapter 5)
    unknown      as if the labelled rows had been drawn at random, from endlessly many like them

How many rows a recipe accepts is known on all rows, so that the labelled rows of a stratum are divided into
accepted and rejected ones (post-strata). Which of a stratum's unlabelled rows are accepted is not kept; the
sizes of these cells are fitted to both known totals, N_h and the accepted rows, by raking (Deming and
Stephan, Annals of Mathematical Statistics 11, 1940), and then taken as known. The intervals are those of
`intervals`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..builder.errors import DataError, Problem, unknown
from ..builder.schema import Label
from .ablation_types import Design, Estimate, Target
from .intervals import Bools, Cells, Floats, Share, estimate, interval

METHODS = {
    Design.NONE: "No row is labelled.",
    Design.CENSUS: "Every row is labelled: the shares are exact.",
    Design.STRATIFIED: (
        "Labelled rows count by the inverse of their chance to be drawn, fitted to the rows that each recipe "
        "accepts. 95 % score intervals over the strata (Miettinen and Nurminen 1985) with corrections for "
        "skewness (Gart and Nam 1988) and for the finite number of rows."
    ),
    Design.UNKNOWN: (
        "As if the labelled rows had been drawn at random, which nobody says. 95 % score intervals (Wilson "
        "1927, Miettinen and Nurminen 1985) with a correction for skewness (Gart and Nam 1988)."
    ),
}
"""How the figures were made, in words for a report."""
NOTHING = Estimate(None, None, None, 0)

Codes = NDArray[np.intp]

_ROUNDS = 50
_BATCH = 500_000
"""Cells that are worked on at once."""

_TARGETS: dict[Target, Callable[[Label], bool | None]] = {
    Target.GOOD: lambda label: label.good,
    Target.CORRECT: lambda label: label.correct,
    Target.GROUNDED: lambda label: label.grounded,
}


@dataclass(frozen=True, slots=True)
class Sample:
    """The labelled rows: whether each is wrong, and its stratum (a place in `sizes`, the rows of each)."""

    design: Design
    rows: int
    ids: tuple[str, ...]
    wrong: Bools
    stratum: Codes
    sizes: Floats


@dataclass(frozen=True, slots=True)
class Sides:
    """A recipe over the sources: which labelled rows it accepts, from which source each is (a place in
    `rows`), and how many rows of each source it does not accept and accepts, of shape (sources, 2)."""

    accepted: Bools
    source: Codes
    rows: Floats


@dataclass(frozen=True, slots=True)
class Estimates:
    """What the labels say of a recipe on one source."""

    labelled: int
    labelled_accepted: int
    fdr: Estimate = NOTHING
    fpr: Estimate = NOTHING
    recall: Estimate = NOTHING


@dataclass(frozen=True, slots=True)
class _Problem:
    """The cells of a recipe on one source, each its side (1: accepted), size, labelled rows, wrong rows and
    variance of the size; and whether the rows are finitely many."""

    cells: Floats
    finite: bool


def choose_annotator(annotator: str | None, known: Iterable[str]) -> str | None:
    """Whose labels count; None without labels.

    Raises:
        DataError: no such annotator, or several and none chosen.
    """
    names = sorted(set(known))
    if annotator is not None and annotator not in names:
        raise DataError(str(unknown("annotator", annotator, names)))
    if annotator is None and len(names) > 1:
        fix = f"Choose with --annotator: {', '.join(names)}."
        raise DataError(str(Problem("annotator", "must be chosen where several labelled", names, fix)))
    return annotator or next(iter(names), None)


def sample_of(labels: Iterable[Label], target: Target, rows: int) -> Sample:
    """One annotator's labels of a dataset of so many rows, in the order of their row ids.

    Labels that leave the target open are no labels for it, and what is left was not chosen at random. Where
    they are all the labels that could say "good", the others, which could only say "wrong", are left out too.
    """
    last = {label.row_id: label for label in labels}
    every = [last[row] for row in sorted(last)]
    design, every = _design(every, rows)
    given = [(label, good) for label in every if (good := _TARGETS[target](label)) is not None]
    if len(given) < len(every):
        design = Design.UNKNOWN
        given = given if any(good for _, good in given) else []
    return _sample(design if given else Design.NONE, rows, given)


def _design(labels: list[Label], rows: int) -> tuple[Design, list[Label]]:
    """How the rows were chosen, and the labels that count: those of the design where there is one."""
    if len(labels) == rows:
        return Design.CENSUS, labels
    drawn = [label for label in labels if label.stratum is not None and label.stratum_size is not None]
    sizes = {(label.stratum, label.stratum_size) for label in drawn}
    if drawn and sum(size or 0 for _, size in sizes) == rows:
        return Design.STRATIFIED, drawn
    return Design.UNKNOWN, labels


def _sample(design: Design, rows: int, given: Sequence[tuple[Label, bool]]) -> Sample:
    strata = [
        (label.stratum, label.stratum_size) if label.stratum_size and design is not Design.CENSUS else None
        for label, _ in given
    ]
    if None in strata:
        strata = [None] * len(given)
    places = {stratum: place for place, stratum in enumerate(dict.fromkeys(strata))}
    sizes = np.array([stratum[1] or 0 if stratum else rows for stratum in places], float)
    return Sample(
        design,
        rows,
        ids=tuple(label.row_id for label, _ in given),
        wrong=np.array([not good for _, good in given], bool),
        stratum=np.array([places[stratum] for stratum in strata], np.intp),
        sizes=sizes * (rows / sizes.sum()) if len(given) else sizes,
    )


def estimates(audits: Sequence[tuple[Sample, Sides]]) -> list[list[Estimates]]:
    """For each recipe with the sample that audits it, what the labels say of it on each source."""
    problems = [_problems(sample, sides) for sample, sides in audits]
    found = iter(_solved([problem for per_source in problems for problem in per_source]))
    return [[next(found) for _ in per_source] for per_source in problems]


def audit_of(labels: Iterable[Label], accepted: Collection[str], rows: int, target: Target) -> Estimates:
    """What one annotator's labels say of the rows with these ids, among so many rows."""
    sample = sample_of(labels, target, rows)
    side = np.array([row in accepted for row in sample.ids], bool)
    counts = np.array([(rows - len(accepted), len(accepted))], float)
    return estimates([(sample, Sides(side, np.zeros_like(sample.stratum), counts))])[0][0]


def _problems(sample: Sample, sides: Sides) -> list[_Problem]:
    counts, wrong = _tables(sample, sides)
    sizes = _raked(counts, sample.sizes, sides.rows)
    tables = np.stack([sizes, counts, wrong, _doubt(counts, sample.sizes)], axis=-1)
    return [_problem(sample.design, tables[:, source], rows) for source, rows in enumerate(sides.rows)]


def _tables(sample: Sample, sides: Sides) -> tuple[Floats, Floats]:
    """Labelled rows, and the wrong ones of them, by stratum, source and side."""
    shape = len(sample.sizes), *sides.rows.shape
    counts, wrong = np.zeros(shape), np.zeros(shape)
    cell = sample.stratum, sides.source, sides.accepted.astype(np.intp)
    np.add.at(counts, cell, 1)
    np.add.at(wrong, cell, sample.wrong)
    return counts, wrong


def _raked(counts: Floats, sizes: Floats, rows: Floats) -> Floats:
    """Sizes of the cells: in the proportions of the sample, then scaled to both totals in turn.

    Strata that are labelled whole stay as they are. Where the totals contradict each other, because the
    sample missed a part of a stratum, those of the recipe hold. No cell is smaller than its labelled rows.
    """
    drawn = counts.sum(axis=(1, 2))
    share = np.divide(sizes, drawn, out=np.zeros_like(sizes), where=drawn > 0)[:, None, None]
    found = counts * share
    part = drawn < sizes
    left = np.maximum(rows - found[~part].sum(axis=0), 0)
    open_ = found[part]
    for _ in range(_ROUNDS):
        open_ = open_ * _ratio(sizes[part], open_.sum(axis=(1, 2)))[:, None, None]
        open_ = open_ * _ratio(left, open_.sum(axis=0))
    found[part] = open_
    return np.maximum(found, counts)


def _ratio(wanted: Floats, found: Floats) -> Floats:
    return np.divide(wanted, found, out=np.ones_like(found), where=found > 0)


def _doubt(counts: Floats, sizes: Floats) -> Floats:
    """Variances of the cells' sizes: that of a share of its stratum in a sample from it (Cochran, 3.8).

    What raking adds to the knowledge of them is that they add up to the rows of a side; `intervals` uses it.
    """
    drawn = counts.sum(axis=(1, 2))
    factor = np.divide(sizes * np.maximum(sizes - drawn, 0), drawn, out=np.zeros_like(sizes), where=drawn > 0)
    share = counts * np.divide(1, drawn, out=np.zeros_like(drawn), where=drawn > 0)[:, None, None]
    return factor[:, None, None] * share * (1 - share)


def _problem(design: Design, table: Floats, rows: Floats) -> _Problem:
    """The cells with labelled rows, and one for each side of which no row is labelled.

    `table` holds size, labelled, wrong and doubt, of shape (strata, 2, 4).
    """
    counts = table[..., 1]
    stratum, side = np.nonzero(counts)
    cells = np.column_stack([side, table[stratum, side]])
    unseen = [(place, rows[place], 0, 0, 0) for place in (0, 1) if rows[place] and not counts[:, place].any()]
    census = counts.sum() >= rows.sum()
    finite = design in (Design.STRATIFIED, Design.CENSUS) or bool(census)
    return _Problem(np.concatenate([cells, np.array(unseen, float).reshape(-1, 5)]), finite)


def _solved(problems: Sequence[_Problem]) -> list[Estimates]:
    """The problems in batches, those of a batch side by side."""
    width = max((len(problem.cells) for problem in problems), default=1)
    step = max(1, _BATCH // max(width, 1))
    batches = [problems[start : start + step] for start in range(0, len(problems), step)]
    return [solved for batch in batches for solved in _solved_batch(batch)]


def _solved_batch(problems: Sequence[_Problem]) -> list[Estimates]:
    width = max(1, *(len(problem.cells) for problem in problems))
    table = np.zeros((len(problems), width, 5))
    for row, problem in zip(table, problems, strict=True):
        row[: len(problem.cells)] = problem.cells
    side, size, labelled, wrong, doubt = np.moveaxis(table, 2, 0)
    finite = np.array([problem.finite for problem in problems])
    cells = Cells(side > 0, size, labelled, wrong, doubt, finite)
    accepted = np.where(cells.accepted, labelled, 0).sum(axis=1)
    every = labelled.sum(axis=1)
    counts = {Share.FDR: accepted, Share.FPR: wrong.sum(axis=1), Share.RECALL: (labelled - wrong).sum(axis=1)}
    shares = {share: _estimates(cells, share, count) for share, count in counts.items()}
    return [
        Estimates(int(all_), int(kept), *found)
        for all_, kept, *found in zip(every, accepted, *shares.values(), strict=True)
    ]


def _estimates(cells: Cells, share: Share, counts: Floats) -> list[Estimate]:
    value, (low, high) = estimate(cells, share), interval(cells, share)
    return [
        Estimate(None, None, None, int(count))
        if np.isnan(middle)
        else Estimate(middle, first, last, int(count))
        for middle, first, last, count in zip(
            *(part.tolist() for part in (value, low, high, counts)), strict=True
        )
    ]
