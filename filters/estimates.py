"""FDR, FPR and recall of recipes from the rows that somebody labelled, however few.

In a stratified sample each of the n_h labelled rows of stratum h stands for N_h / n_h rows (Cochran, Sampling
Techniques, 3rd ed. 1977, chapter 5). How many rows a recipe accepts is known on all rows, so that the rows of
a stratum are divided into accepted and rejected ones (post-strata). Which of a stratum's unlabelled rows are
accepted is not kept; the sizes of these cells are fitted to both known totals, N_h and the accepted rows, by
raking (Deming and Stephan, Annals of Mathematical Statistics 11, 1940). The intervals are those of
`intervals`; where labels leave open what is asked they reach from what they would be if all these rows were
good to what they would be if all were wrong (Manski, American Economic Review 80, 1990).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..builder.schema import Label
from .ablation_types import Design, Estimate, Target
from .intervals import Bools, Cells, Floats, Share, estimate, interval
from .samples import Codes, Sample, sample_of

NOTHING = Estimate(None, None, None, 0)

_ROUNDS = 50
_BATCH = 500_000
"""Cells that are worked on at once."""


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
    """The cells of a recipe on one source, each its side (1: accepted), size, rows drawn, variance of the
    size, and wrong rows as estimated, at least and at most; and whether the rows are finitely many."""

    cells: Floats
    finite: bool


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
    tables = np.stack([sizes, counts, _doubt(counts, sample.sizes), *wrong], axis=-1)
    return [_problem(sample.design, tables[:, source], rows) for source, rows in enumerate(sides.rows)]


def _tables(sample: Sample, sides: Sides) -> tuple[Floats, list[Floats]]:
    """Rows drawn by stratum, source and side; and the wrong ones: as estimated, at least, and at most."""
    cell = sample.stratum, sides.source, sides.accepted.astype(np.intp)
    wrong = np.where(sample.open, 0, sample.wrong)

    def table(values: Floats) -> Floats:
        counted = np.zeros((len(sample.sizes), *sides.rows.shape))
        np.add.at(counted, cell, values)
        return counted

    return table(np.ones_like(wrong)), [table(one) for one in (sample.wrong, wrong, wrong + sample.open)]


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

    `table` holds the rest of a cell, of shape (strata, 2, 6).
    """
    counts = table[..., 1]
    stratum, side = np.nonzero(counts)
    cells = np.column_stack([side, table[stratum, side]])
    unseen = [
        (place, rows[place], 0, 0, 0, 0, 0) for place in (0, 1) if rows[place] and not counts[:, place].any()
    ]
    census = counts.sum() >= rows.sum()
    finite = design in (Design.STRATIFIED, Design.CENSUS) or bool(census)
    return _Problem(np.concatenate([cells, np.array(unseen, float).reshape(-1, 7)]), finite)


def _solved(problems: Sequence[_Problem]) -> list[Estimates]:
    """The problems in batches, those of a batch side by side."""
    width = max((len(problem.cells) for problem in problems), default=1)
    step = max(1, _BATCH // max(width, 1))
    batches = [problems[start : start + step] for start in range(0, len(problems), step)]
    return [solved for batch in batches for solved in _solved_batch(batch)]


def _solved_batch(problems: Sequence[_Problem]) -> list[Estimates]:
    width = max(1, *(len(problem.cells) for problem in problems))
    table = np.zeros((len(problems), width, 7))
    for row, problem in zip(table, problems, strict=True):
        row[: len(problem.cells)] = problem.cells
    side, size, drawn, doubt, *wrong = np.moveaxis(table, 2, 0)
    finite = np.array([problem.finite for problem in problems])
    guess, least, most = (Cells(side > 0, size, drawn, count, doubt, finite) for count in wrong)
    known = drawn - (most.wrong - least.wrong)
    accepted = np.where(side > 0, known, 0).sum(axis=1)
    counts = (accepted, least.wrong.sum(axis=1), (drawn - most.wrong).sum(axis=1))
    shares = [
        _estimates((guess, least, most), share, count) for share, count in zip(Share, counts, strict=True)
    ]
    every = known.sum(axis=1)
    return [
        Estimates(int(all_), int(kept), *found)
        for all_, kept, *found in zip(every, accepted, *shares, strict=True)
    ]


def _estimates(cells: tuple[Cells, Cells, Cells], share: Share, counts: Floats) -> list[Estimate]:
    """None where nothing is known of any row of the denominator."""
    guess, least, most = cells
    value, low, high = np.where(counts > 0, estimate(guess, share), np.nan), *interval(guess, share)
    if (most.wrong > least.wrong).any():
        low, high = _spanned(guess, (least, most), share)
    return [
        Estimate(None, None, None, int(count))
        if np.isnan(middle)
        else Estimate(middle, first, last, int(count))
        for middle, first, last, count in zip(
            *(part.clip(0.0, 1.0).tolist() for part in (value, low, high)),  # the last bit may be over 1
            counts.tolist(),
            strict=True,
        )
    ]


def _spanned(guess: Cells, ends: tuple[Cells, Cells], share: Share) -> tuple[Floats, Floats]:
    """From the low end where open rows make the share small to the high end where they make it large."""
    least, most = (one.wrong for one in ends)
    few = guess.accepted != (share is Share.RECALL)
    small, large = (replace(guess, wrong=np.where(few, *both)) for both in ((least, most), (most, least)))
    return np.nan_to_num(interval(small, share)[0], nan=0.0), np.nan_to_num(
        interval(large, share)[1], nan=1.0
    )
