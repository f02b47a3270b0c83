"""How recipes fare on a dataset, on one page: the short form of an ablation, from the same computation.

The words are those of `ablation_types`: FDR is the share of wrong rows among the accepted, FPR the share of
the wrong rows that is accepted, recall ("good kept") the share of the good rows that is accepted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table

from ..builder.readable import Readable
from ..builder.schema import Label
from .ablation_results import results
from .ablation_rows import read_rows
from .ablation_types import Design, Estimate, RecipeResult, Target
from .engines import Engine
from .recipes import Recipe
from .samples import choose_annotator, sample_of

UNKNOWN = "–"
"""Printed where there is nothing to count."""

_HEADINGS = ("kept", "of all", "un-\nscored", "FDR", "FPR", "good\nkept", "mean\nF1", "mean\nsearch")
_SAMPLED = {
    Design.STRATIFIED: "Below each share its 95 % interval; the labelled rows are a stratified sample.",
    Design.UNKNOWN: (
        "Below each share its 95 % interval, which holds only if the labelled rows were drawn at random: "
        "nobody says how they were."
    ),
}


@dataclass(frozen=True, slots=True)
class Audit:
    """A recipe against one annotator's labels: counts of labelled rows."""

    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int

    @property
    def labelled(self) -> int:
        """Labelled rows."""
        return self.true_positives + self.false_positives + self.true_negatives + self.false_negatives

    @property
    def fdr(self) -> float | None:
        """Share of wrong rows among the accepted; None where no labelled row is accepted."""
        return _ratio(self.false_positives, self.false_positives + self.true_positives)

    @property
    def fpr(self) -> float | None:
        """Share of the wrong rows that is accepted; None where no labelled row is wrong."""
        return _ratio(self.false_positives, self.false_positives + self.true_negatives)

    @property
    def recall(self) -> float | None:
        """Share of the good rows that is accepted; None where no labelled row is good."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcomes of recipes, and of judges without a column of their own, on one dataset.

    `annotator` is whose labels count, None without labels. `simulated`: rows stem from the demo world.
    """

    outcomes: tuple[RecipeResult, ...]
    rows: int
    labelled: int
    annotator: str | None
    design: Design
    simulated: bool

    def table(self) -> Table:
        """For the terminal."""
        table = Table(
            box=SIMPLE_HEAD,
            pad_edge=False,
            collapse_padding=True,
            show_edge=False,
            caption=f"\n{self._caption()}",
            caption_justify="left",
        )
        table.add_column("recipe", no_wrap=True)
        for heading in _HEADINGS:
            table.add_column(heading, justify="right")
        for outcome in self.outcomes:
            table.add_row(*_cells(outcome))
        return table

    def _caption(self) -> str:
        rows = f"{self.rows:,} {'simulated ' if self.simulated else ''}rows"
        if not self.labelled:
            return f"{rows}, none of them labelled: what is wrong among them is not known."
        said = (
            f"{rows}, {self.labelled:,} of them labelled by {self.annotator}. Wrong: not both correct and "
            "grounded. FDR: share of wrong rows among the kept; FPR: share of the wrong rows that is kept."
        )
        return " ".join([said, *([_SAMPLED[self.design]] if self.design in _SAMPLED else [])])


def outcomes(
    dataset: Readable,
    recipes: Sequence[Recipe],
    annotator: str | None = None,
    engine: Engine = "duckdb",
) -> Outcomes:
    """Run recipes over the raw rows and hold them against the labels.

    Raises:
        DataError: no such annotator, or several and none chosen; or a file cannot be read.
        RecipeError: a recipe cannot run.
        HubError: the Hub refuses or cannot be reached.
    """
    labels = list(dataset.labels())
    chosen = choose_annotator(annotator, (label.annotator for label in labels))
    rows = read_rows(dataset, recipes, (), None, engine)
    theirs = (label for label in labels if label.annotator == chosen)
    sample = sample_of(theirs, Target.GOOD, rows.frame.height)
    found = results(rows, sample, rows.candidates)
    return Outcomes(found, rows.frame.height, sample.labelled, chosen, sample.design, rows.simulated)


def audit(labels: Iterable[Label], accepted: Collection[str]) -> Audit:
    """One annotator's labels against the ids of the accepted rows; of repeated labels the last counts."""
    good = {label.row_id: label.good for label in labels}
    counts = Counter((verdict, row_id in accepted) for row_id, verdict in good.items())
    return Audit(
        true_positives=counts[True, True],
        false_positives=counts[False, True],
        true_negatives=counts[False, False],
        false_negatives=counts[True, False],
    )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _cells(outcome: RecipeResult) -> tuple[str, ...]:
    return (
        outcome.recipe,
        f"{outcome.accepted:,}",
        _percent(outcome.accept_rate),
        f"{outcome.unscored:,}",
        *map(_estimate, (outcome.fdr, outcome.fpr, outcome.recall)),
        _decimal(outcome.mean_f1),
        _decimal(outcome.mean_searches),
    )


def _estimate(share: Estimate) -> str:
    """The share, and below it its interval where it has one."""
    if share.low is None or share.high is None or share.low == share.high:
        return _percent(share.value)
    return f"{_percent(share.value)}\n{_short(share.low)}-{_short(share.high)}"


def _short(share: float) -> str:
    """Percent without the sign, with one digit behind the point below 10, as the column is narrow."""
    return f"{share:.1%}"[:-1] if share < 0.0995 else f"{share:.0%}"[:-1]


def _percent(share: float | None) -> str:
    return UNKNOWN if share is None else f"{share:.1%}"


def _decimal(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2f}"
