"""The labelled rows as a sample: whose labels count, what they say, and how the rows were chosen.

Of the labels of one annotator the last of a row counts. How the rows were chosen (`Design`) decides what the
labels stand for:

    census       every row is labelled: plain counts, exact
    stratified   every label names its stratum, and the strata make up the dataset
    unknown      as if the labelled rows had been drawn at random, from endlessly many like them

A label may leave open what is asked: right, but nobody knows whether grounded. Such a row was drawn all the
same. It does not count as labelled, and intervals take it both ways; the estimate takes it to be wrong as
often as the rows of which it is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..builder.errors import DataError, Problem, unknown
from ..builder.schema import Label
from .ablation_types import Design, Target
from .intervals import Bools, Floats

Codes = NDArray[np.intp]

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
_TARGETS: dict[Target, Callable[[Label], bool | None]] = {
    Target.GOOD: lambda label: label.good,
    Target.CORRECT: lambda label: label.correct,
    Target.GROUNDED: lambda label: label.grounded,
}


@dataclass(frozen=True, slots=True)
class Sample:
    """The rows drawn: whether each is wrong, whether that is open, and its stratum (a place in `sizes`, the
    rows of each). Where it is open `wrong` is a chance."""

    design: Design
    rows: int
    ids: tuple[str, ...]
    wrong: Floats
    open: Bools
    stratum: Codes
    sizes: Floats

    @property
    def labelled(self) -> int:
        """Rows of which it is known."""
        return len(self.ids) - int(self.open.sum())

    @property
    def method(self) -> str:
        """How the figures are made, in words for a report."""
        count = len(self.ids) - self.labelled
        left = f" Rows whose label leaves it open ({count}) may be either: the intervals span both."
        return METHODS[self.design] + (left if count else "")


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

    Where no label says "good" and some leave it open, nobody looked for it: then no label says anything.
    """
    last = {label.row_id: label for label in labels}
    design, every = _design([last[row] for row in sorted(last)], rows)
    good = [_TARGETS[target](label) for label in every]
    if None in good and not any(good):
        every, good = [], []
    if None in good and design is Design.CENSUS:
        design = Design.UNKNOWN
    return _sample(design if every else Design.NONE, rows, every, good)


def _design(labels: list[Label], rows: int) -> tuple[Design, list[Label]]:
    """How the rows were chosen, and the labels that count: those of the design where there is one."""
    if len(labels) == rows:
        return Design.CENSUS, labels
    drawn = [label for label in labels if label.stratum is not None and label.stratum_size is not None]
    sizes = {(label.stratum, label.stratum_size) for label in drawn}
    if drawn and sum(size or 0 for _, size in sizes) == rows:
        return Design.STRATIFIED, drawn
    return Design.UNKNOWN, labels


def _sample(design: Design, rows: int, labels: Sequence[Label], good: Sequence[bool | None]) -> Sample:
    strata: list[tuple[str | None, int] | None] = [
        (label.stratum, label.stratum_size) if label.stratum_size and len(labels) < rows else None
        for label in labels
    ]
    if None in strata:
        strata = [None] * len(labels)
    places = {stratum: place for place, stratum in enumerate(dict.fromkeys(strata))}
    sizes = np.array([stratum[1] if stratum else rows for stratum in places], float)
    return Sample(
        design,
        rows,
        ids=tuple(label.row_id for label in labels),
        wrong=_wrong(labels, good),
        open=np.array([value is None for value in good], bool),
        stratum=np.array([places[stratum] for stratum in strata], np.intp),
        sizes=sizes * (rows / sizes.sum()) if labels else sizes,
    )


def _wrong(labels: Sequence[Label], good: Sequence[bool | None]) -> Floats:
    """1 where the row is wrong; where that is open, how often it is known to be among answers as right."""
    known = [(label.correct, value) for label, value in zip(labels, good, strict=True) if value is not None]
    chance = {
        kind: _share([not value for correct, value in known if correct is kind]) for kind in (True, False)
    }
    return np.array(
        [
            chance[label.correct] if value is None else not value
            for label, value in zip(labels, good, strict=True)
        ],
        float,
    )


def _share(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else 0.0
