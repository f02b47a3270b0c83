"""What an evaluation found, as plain values: the metrics fill these in, the report shows them.

Every interval is a 95 % percentile bootstrap over questions. Unknown is None, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .cells import Cell


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over rows with its interval, drawn over questions.

    `rows` were scored, of `questions` questions; `unscored` rows have no value and are left out. All three
    numbers are None where nothing was scored, the ends also where there is a single question.
    """

    value: float | None
    low: float | None
    high: float | None
    questions: int
    rows: int
    unscored: int = 0


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Median and 95th percentile of something over `rows` rows; None where no row says it."""

    p50: float | None
    p95: float | None
    rows: int


@dataclass(frozen=True, slots=True)
class Slice:
    """The questions of one number of hops, or of one type."""

    f1: Estimate
    em: Estimate
    searches: Estimate


@dataclass(frozen=True, slots=True)
class Summary:
    """All of a measurement.

    `quality` by `f1`, `em`, `cover_match`, `llm_judge`, `llm_judge_reflect`; `behaviour` by `searches`,
    `never_searches`, `failed_searches`, `answered`, `turns`, `prompt_tokens`, `completion_tokens`; `latency`
    in seconds by `total`, `model`, `retrieval`; `stops` counts the stop reasons; `slices` by `hops` or
    `type`, then by its value as text (`unknown` where the source does not say).
    """

    cell: Cell
    rows: int
    questions: int
    quality: Mapping[str, Estimate]
    behaviour: Mapping[str, Estimate]
    latency: Mapping[str, Quantiles]
    stops: Mapping[str, int] = field(default_factory=dict[str, int])
    slices: Mapping[str, Mapping[str, Slice]] = field(default_factory=dict[str, Mapping[str, Slice]])


@dataclass(frozen=True, slots=True)
class Paired:
    """Two measurements on the questions that both scored: mean of (first - second) by question.

    In `difference`, as in every difference here, `rows` counts the rows of both on these questions and
    `unscored` the rows of both that are left out.

    `sign_changes` is the share of bootstrap draws in which the difference has not the sign that it has on all
    questions (a draw of exactly 0 counts half); None where the difference is 0 or unknown.
    """

    first: Cell
    second: Cell
    measure: str
    difference: Estimate
    sign_changes: float | None


class Failure(StrEnum):
    """Why a row is wrong, by the written rule in `failures`."""

    BAD_RETRIEVAL = "bad_retrieval"
    """Gold passages were never retrieved, and the answer stands in what was read."""
    HALLUCINATION = "hallucination"
    """The answer, or a step to it, is not in the evidence, although the gold passages were retrieved."""
    BOTH = "both"
    """Gold passages were never retrieved, and the answer or a step is not in the evidence."""
    REASONING = "reasoning"
    """Neither: all was there and all that was said stands there, and the answer is wrong."""


@dataclass(frozen=True, slots=True)
class FailureExample:
    """A wrong row as a reader wants to see it; `why` says which part of the rule spoke."""

    row_id: str
    question: str
    gold: tuple[str, ...]
    answer: str | None
    failure: Failure
    why: str


@dataclass(frozen=True, slots=True)
class Failures:
    """The wrong rows of a measurement. `shares` are of all scored rows, by `Failure` and `wrong`."""

    cell: Cell
    scored: int
    wrong: int
    counts: Mapping[Failure, int]
    shares: Mapping[str, Estimate]
    examples: tuple[FailureExample, ...] = ()


@dataclass(frozen=True, slots=True)
class NoisePoint:
    """A share of spoilt searches: F1 there, and F1 lost against no noise on the same questions."""

    share: float
    f1: Estimate
    loss: Estimate | None


@dataclass(frozen=True, slots=True)
class NoiseCurve:
    """What one kind of noise does to a model on a benchmark, from no noise up."""

    benchmark: str
    model: str
    kind: str
    points: tuple[NoisePoint, ...]
    retriever: str = ""


@dataclass(frozen=True, slots=True)
class LossSplit:
    """Where F1 is lost, on the questions that closed book, live and gold evidence all scored.

    What memory alone leaves open, 1 - closed book, is the sum of three: `memory` = live - closed book, which
    searching makes good; `retrieval` = gold evidence - live; `reasoning` = 1 - gold evidence.
    """

    benchmark: str
    model: str
    closed_book: Estimate
    live: Estimate
    gold_evidence: Estimate
    memory: Estimate
    retrieval: Estimate
    reasoning: Estimate
    retriever: str = ""


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """A bin of the confidence probe: mean confidence and share right of the questions in it."""

    low: float
    high: float
    confidence: float | None
    accuracy: float | None
    questions: int


@dataclass(frozen=True, slots=True)
class AdaptivePoint:
    """`percent` of the questions, the most confident ones, answered closed book, the others live.

    `change` is F1 minus that at 0 %, on the same questions. `closed_book` is how many questions `percent` is,
    rounded to the nearest whole number; on a random curve, which is an expectation, they are any so many.
    """

    percent: float
    f1: Estimate
    change: Estimate
    searches: Estimate
    closed_book: int = 0


@dataclass(frozen=True, slots=True)
class Probe:
    """What the confidence probe of a model found; see `probe`.

    `layer` of `layers`: 0 are the embeddings. `components` are those of the PCA. Of `questions`, which have a
    closed-book row with a verdict, `right` are right (at least half of the rows of a question). `ece` and
    `bins` are over 15 bins of equal width, `histogram` counts the questions in each bin, `brier` is the mean
    squared error of the confidence. `auroc` is None where all are of one class.

    `constant` where one class was too small to learn from: the confidence is then the base rate for all, and
    `ece`, `auroc` and `brier`, which would say nothing, are None.

    `curve` is that of the probe, over the questions that closed book and live both scored; empty without live
    rows. Two curves to hold it beside: `oracle_curve` with a confidence that knows which closed-book answers
    are right, `random_curve` with one that knows nothing (its expectation over all orders).
    `right_by` names the verdict, `at` the token (`question` or `prompt`), `revision` that of the model.
    """

    benchmark: str
    model: str
    layer: int
    layers: int
    components: int
    questions: int
    right: int
    ece: float | None
    auroc: float | None
    bins: tuple[ReliabilityBin, ...]
    histogram: tuple[int, ...]
    curve: tuple[AdaptivePoint, ...]
    simulated: bool = False
    brier: float | None = None
    constant: bool = False
    oracle_curve: tuple[AdaptivePoint, ...] = ()
    random_curve: tuple[AdaptivePoint, ...] = ()
    right_by: str = "em"
    at: str = "question"
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that a report shows. `simulated` where a simulated model or world is among the measurements."""

    summaries: tuple[Summary, ...]
    paired: tuple[Paired, ...]
    failures: tuple[Failures, ...]
    noise: tuple[NoiseCurve, ...]
    losses: tuple[LossSplit, ...]
    probes: tuple[Probe, ...]
    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    simulated: bool = False
