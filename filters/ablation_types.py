"""The nouns of an ablation: what each recipe keeps, how much of it is wrong, and where recipes disagree.

A row is good when the thing asked for holds (`Target`): by default that the answer is right *and* every fact
it rests on was retrieved before it was used. Over the rows whose label says so,

    FDR    = FP / (FP + TP)   share of wrong rows among the accepted (1 - precision)
    FPR    = FP / (FP + TN)   share of the wrong rows that is accepted
    recall = TP / (TP + FN)   share of the good rows that is accepted

What cannot be known is None, never 0. Rows on which a recipe has no verdict (null) are not accepted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..builder.schema import JsonObject


class Target(StrEnum):
    """What makes a row good."""

    GOOD = "good"
    """Correct and grounded."""
    CORRECT = "correct"
    """The answer is right, however it was come by."""
    GROUNDED = "grounded"
    """Every fact was retrieved before it was used."""


class Design(StrEnum):
    """How the labelled rows were chosen; decides which interval is due."""

    NONE = "none"
    """No row is labelled."""
    CENSUS = "census"
    """Every row is labelled: figures are exact, there is no interval."""
    STRATIFIED = "stratified"
    """A stratified random sample with known stratum sizes."""
    UNKNOWN = "unknown"
    """Some rows are labelled, nobody says how they were drawn: intervals hold only if at random."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share in [0, 1] with its 95 % interval; all None where it cannot be estimated.

    `labelled` is the number of labelled rows in the denominator. For a census low = value = high.
    """

    value: float | None
    low: float | None
    high: float | None
    labelled: int


@dataclass(frozen=True, slots=True)
class RecipeResult:
    """What one recipe does to the rows of one source.

    `source` is a value of the column that rows are grouped by, None for all rows together. `scored` counts
    the rows on which the recipe has a verdict. Means and `tokens` (prompt and completion, where known) are
    over the accepted rows.
    """

    recipe: str
    title: str
    sql: str
    hash: str | None
    source: str | None
    rows: int
    scored: int
    accepted: int
    labelled: int
    labelled_accepted: int
    fdr: Estimate
    fpr: Estimate
    recall: Estimate
    mean_f1: float | None
    mean_searches: float | None
    tokens: int | None

    @property
    def unscored(self) -> int:
        """Rows on which the recipe has no say."""
        return self.rows - self.scored

    @property
    def accept_rate(self) -> float | None:
        """Accepted rows over all rows, unscored ones included; None where no row is scored."""
        return self.accepted / self.rows if self.scored else None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two recipes over the rows that both have a verdict on, by who accepts."""

    first: str
    second: str
    source: str | None
    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def jaccard(self) -> float | None:
        """Rows that both accept over rows that one accepts; None where neither accepts any."""
        union = self.both + self.only_first + self.only_second
        return self.both / union if union else None

    @property
    def agreement(self) -> float | None:
        """Share of rows on which they say the same; None without rows."""
        rows = self.both + self.only_first + self.only_second + self.neither
        return (self.both + self.neither) / rows if rows else None


@dataclass(frozen=True, slots=True)
class Example:
    """A row that `accepts` keeps and `rejects` does not. Labels are None where the row has none."""

    accepts: str
    rejects: str
    row_id: str
    source: str | None
    question: str
    gold_answers: tuple[str, ...]
    answer: str | None
    f1: float | None
    n_searches: int
    correct: bool | None
    grounded: bool | None
    note: str | None


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """A recipe with one parameter set to one value."""

    parameter: str
    value: float
    result: RecipeResult


@dataclass(frozen=True, slots=True)
class Bin:
    """A bar of a histogram over `rows` rows: `low` <= value < `high`; the last one holds both edges."""

    low: float
    high: float
    rows: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """A column's distribution over the rows that a recipe accepts, or over all rows (`recipe` None).

    `unknown` counts the rows in which the column is null.
    """

    column: str
    recipe: str | None
    bins: tuple[Bin, ...]
    unknown: int


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge whose verdicts are in the dataset. A simulated one says so in `model`, with its error knobs."""

    judge: str
    model: str
    prompt_hash: str | None
    right: int
    wrong: int
    unread: int


@dataclass(frozen=True, slots=True)
class Ablation:
    """Everything that a report shows.

    `results` holds each recipe over all rows (source None) first, then per source. `thresholds` are the F1
    thresholds of the recipes that have one, by recipe name. `config` and `versions` say how to repeat it.
    """

    data: str
    revision: str | None
    rows: int
    labelled: int
    annotator: str | None
    annotators: tuple[str, ...]
    design: Design
    target: Target
    method: str
    simulated: bool
    grouped_by: str | None
    judges: tuple[Judge, ...]
    results: tuple[RecipeResult, ...]
    pairs: tuple[Pair, ...]
    examples: tuple[Example, ...]
    sweeps: tuple[SweepPoint, ...]
    histograms: tuple[Histogram, ...]
    thresholds: dict[str, float]
    config: JsonObject
    versions: dict[str, str]

    @property
    def unlabelled(self) -> int:
        """Rows that the annotator did not label."""
        return self.rows - self.labelled

    @property
    def overall(self) -> tuple[RecipeResult, ...]:
        """The results over all rows, one per recipe."""
        return tuple(result for result in self.results if result.source is None)
