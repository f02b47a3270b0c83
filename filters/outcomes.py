"""How recipes fare on a dataset: what each keeps and, where rows are labelled, how much of it is wrong.

A row is good when its label says `correct and grounded`. Among the labelled rows,
FDR = FP / (FP + TP) is the share of wrong rows among the accepted, FPR = FP / (FP + TN) the share of the
wrong rows that is accepted. What cannot be computed is None, never 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import polars as pl
from rich.box import SIMPLE_HEAD
from rich.table import Table

from ..builder.dataset import LocalDataset
from ..builder.errors import DataError, Problem, unknown
from ..builder.schema import Label
from ..builder.world.questions import DATASET as DEMO_WORLD
from .engines import Engine, verdicts
from .recipes import Recipe

UNKNOWN = "–"
"""Printed where there is nothing to count."""

_HEADINGS = ("kept", "of all", "un-\nscored", "FDR", "FPR", "good\nkept", "mean\nF1", "mean\nsearch")


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
class Outcome:
    """What one recipe does with the raw rows.

    A row is scored where the predicate is true or false; null means that something it needs is unknown.
    `mean_f1` and `mean_searches` are over the accepted rows. `audit` is None without labels, or
    where no row is scored; it counts unscored rows as not accepted.
    """

    recipe: str
    rows: int
    scored: int
    accepted: int
    mean_f1: float | None
    mean_searches: float | None
    audit: Audit | None

    @property
    def unscored(self) -> int:
        """Rows on which the recipe has no say."""
        return self.rows - self.scored

    @property
    def accept_rate(self) -> float | None:
        """Accepted rows over all rows, unscored ones included; None where no row is scored."""
        return _ratio(self.accepted, self.rows) if self.scored else None


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The recipes' outcomes on one dataset.

    `annotator` is whose labels were counted, None without labels. `simulated`: rows stem from the demo world.
    """

    outcomes: tuple[Outcome, ...]
    rows: int
    labelled: int
    annotator: str | None
    simulated: bool

    def table(self) -> Table:
        """For the terminal."""
        table = Table(
            box=SIMPLE_HEAD,
            pad_edge=False,
            collapse_padding=True,
            caption=self._caption(),
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
        if self.annotator is None:
            return f"{rows}, none of them labelled: what is wrong among them is not known."
        return (
            f"{rows}, {self.labelled:,} of them labelled by {self.annotator}. Wrong: not both correct and "
            "grounded. FDR: share of wrong rows among the kept; FPR: share of the wrong rows that is kept."
        )


def outcomes(
    dataset: LocalDataset,
    recipes: Sequence[Recipe],
    annotator: str | None = None,
    engine: Engine = "duckdb",
) -> Outcomes:
    """Run recipes over the raw rows and hold them against the labels.

    Raises:
        DataError: no such annotator, or several and none chosen; or a file cannot be read.
        RecipeError: a recipe cannot run.
    """
    labels = list(dataset.labels())
    chosen = _choose(annotator, {label.annotator for label in labels})
    theirs = [label for label in labels if label.annotator == chosen]
    frame = _joined(dataset, recipes, engine)
    found = tuple(_outcome(frame, recipe.name, theirs) for recipe in recipes)
    return Outcomes(found, frame.height, len({label.row_id for label in theirs}), chosen, _simulated(frame))


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


def _choose(annotator: str | None, known: set[str]) -> str | None:
    if annotator is not None and annotator not in known:
        raise DataError(str(unknown("annotator", annotator, known)))
    if annotator is None and len(known) > 1:
        names = sorted(known)
        fix = f"Choose with --annotator: {', '.join(names)}."
        raise DataError(str(Problem("annotator", "must be chosen where several labelled", names, fix)))
    return annotator or next(iter(known), None)


def _joined(dataset: LocalDataset, recipes: Sequence[Recipe], engine: Engine) -> pl.DataFrame:
    """`f1` and `n_searches` beside every recipe's verdict, one row per trajectory."""
    judged = _frame(verdicts(dataset.shards(), recipes, engine))
    facts = _frame(dataset.table(columns=["f1", "n_searches", "dataset"]))
    names = {recipe.name: f"verdict:{recipe.name}" for recipe in recipes}
    return pl.concat([judged.rename(names), facts], how="horizontal")


def _simulated(frame: pl.DataFrame) -> bool:
    return bool((frame["dataset"] == DEMO_WORLD).any())


def _frame(table: object) -> pl.DataFrame:
    return cast("pl.DataFrame", pl.from_arrow(table))


def _outcome(frame: pl.DataFrame, recipe: str, labels: Sequence[Label]) -> Outcome:
    verdict = frame[f"verdict:{recipe}"]
    kept = frame.filter(verdict)
    return Outcome(
        recipe,
        rows=frame.height,
        scored=verdict.count(),
        accepted=kept.height,
        mean_f1=_mean(kept["f1"]),
        mean_searches=_mean(kept["n_searches"]),
        audit=audit(labels, frozenset(kept["id"])) if labels and verdict.count() else None,
    )


def _mean(values: pl.Series) -> float | None:
    return cast("float | None", values.drop_nulls().mean())


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _cells(outcome: Outcome) -> tuple[str, ...]:
    audit = outcome.audit
    return (
        outcome.recipe,
        f"{outcome.accepted:,}",
        _percent(outcome.accept_rate),
        f"{outcome.unscored:,}",
        _percent(audit and audit.fdr),
        _percent(audit and audit.fpr),
        _percent(audit and audit.recall),
        _decimal(outcome.mean_f1),
        _decimal(outcome.mean_searches),
    )


def _percent(share: float | None) -> str:
    return UNKNOWN if share is None else f"{share:.1%}"


def _decimal(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2f}"
