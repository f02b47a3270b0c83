"""What annotators said, and what it says about a split, with intervals that respect how rows were drawn.

The figures are those of `trajset ablate`: the same estimates from the same labels. Where an annotator never
looked at how an answer was come by (every `grounded` is open), rows are held against `correct` alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import groupby

from ..builder.schema import Label
from ..filters.ablation_types import Design, Target
from ..filters.estimates import Estimates, audit_of, sample_of


@dataclass(frozen=True, slots=True)
class AnnotatorFacts:
    """One annotator's labels. `grounded` and `good` are out of the labels that say, None where none does.

    A row is good when it is both correct and grounded. A wrong row is not good, however it was come by.
    """

    annotator: str
    rows: int
    correct: int
    grounded: int | None
    grounded_known: int
    good: int | None
    good_known: int
    design: Design
    target: Target

    @property
    def open(self) -> int:
        """Labels that leave open whether the row is grounded."""
        return self.rows - self.grounded_known


def by_annotator(labels: Iterable[Label]) -> dict[str, list[Label]]:
    """The labels of each annotator, by name; of repeated labels of a row the last counts."""
    last = {(label.annotator, label.row_id): label for label in labels}
    ordered = sorted(last.values(), key=lambda label: label.annotator)
    return {name: list(group) for name, group in groupby(ordered, key=lambda label: label.annotator)}


def target_of(labels: Iterable[Label]) -> Target:
    """What rows are held against: good where a label says whether its row is grounded, else correct."""
    return Target.CORRECT if all(label.grounded is None for label in labels) else Target.GOOD


def annotators(labels: dict[str, list[Label]], rows: int) -> tuple[AnnotatorFacts, ...]:
    """Counts of each annotator's labels on a dataset of so many rows."""
    return tuple(_annotator(name, given, rows) for name, given in labels.items())


def _annotator(name: str, given: list[Label], rows: int) -> AnnotatorFacts:
    target = target_of(given)
    grounded = [label.grounded for label in given if label.grounded is not None]
    good = [label.good for label in given if label.good is not None]
    return AnnotatorFacts(
        name,
        rows=len(given),
        correct=sum(label.correct for label in given),
        grounded=sum(grounded) if grounded else None,
        grounded_known=len(grounded),
        good=sum(good) if grounded else None,
        good_known=len(good) if grounded else 0,
        design=sample_of(given, target, rows).design,
        target=target,
    )


def audits(labels: dict[str, list[Label]], kept: Collection[str], rows: int) -> dict[str, Estimates]:
    """Each annotator's labels against the ids of a split's rows, among so many rows of `raw`."""
    return {name: audit_of(given, kept, rows, target_of(given)) for name, given in labels.items()}
