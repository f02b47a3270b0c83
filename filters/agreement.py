"""How far annotators agree: raw agreement and Cohen's kappa of each two, on the rows that both labelled.

    kappa = (p_o - p_e) / (1 - p_e)

with p_o the share of rows on which they say the same, and p_e the share on which they would by chance, each
keeping to their own share of yes (Cohen 1960; computed by scikit-learn's `cohen_kappa_score`). The interval
is Wilson's (1927) for p_o, put through the formula with p_e as observed, as Cohen's own standard error takes
p_e for fixed: unlike that one it says something where all rows agree. Where both gave every row one and the
same answer, 1 - p_e is 0 and kappa is not defined.

The figures are about the annotators, not about the dataset: rows count alike, whatever their stratum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from ..builder.schema import Label
from .ablation_types import Target

CONFIDENCE = 0.95

Truth = Callable[[Label], bool | None]

QUESTIONS: Mapping[Target, Truth] = {
    Target.CORRECT: lambda label: label.correct,
    Target.GROUNDED: lambda label: label.grounded,
    Target.GOOD: lambda label: label.good,
}


@dataclass(frozen=True, slots=True)
class Kappa:
    """Cohen's kappa in [-1, 1] with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two annotators on one question, over the `rows` to which both gave an answer.

    `agreed` counts the rows with the same answer. `kappa` is None where it is not defined: no rows, or one
    and the same answer to all of them.
    """

    first: str
    second: str
    target: Target
    rows: int
    agreed: int
    kappa: Kappa | None

    @property
    def share(self) -> float | None:
        """Raw agreement; None without rows."""
        return self.agreed / self.rows if self.rows else None


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A row of which two annotators say different things."""

    row_id: str
    first: Label
    second: Label


def agreements(labels: Iterable[Label]) -> list[Agreement]:
    """Every pair of annotators on every question, by name."""
    return [
        _agreement(first, second, target)
        for first, second in combinations(_by_annotator(labels), 2)
        for target in QUESTIONS
    ]


def disagreements(labels: Iterable[Label]) -> list[Disagreement]:
    """The rows on which two annotators differ in correct or grounded, pair by pair."""
    return [
        Disagreement(row, first[row], second[row])
        for first, second in combinations(_by_annotator(labels), 2)
        for row in first
        if row in second and _differ(first[row], second[row])
    ]


def _by_annotator(labels: Iterable[Label]) -> list[dict[str, Label]]:
    found: dict[str, dict[str, Label]] = {}
    for label in labels:
        found.setdefault(label.annotator, {})[label.row_id] = label
    return [found[name] for name in sorted(found)]


def _differ(first: Label, second: Label) -> bool:
    answers = ((truth(first), truth(second)) for truth in QUESTIONS.values())
    return any(None not in pair and pair[0] != pair[1] for pair in answers)


def _agreement(first: Mapping[str, Label], second: Mapping[str, Label], target: Target) -> Agreement:
    truth = QUESTIONS[target]
    both = [(truth(first[row]), truth(second[row])) for row in first if row in second]
    answered = [(left, right) for left, right in both if left is not None and right is not None]
    agreed = sum(left == right for left, right in answered)
    return Agreement(_name(first), _name(second), target, len(answered), agreed, cohens_kappa(answered))


def _name(labels: Mapping[str, Label]) -> str:
    return next(iter(labels.values())).annotator


def cohens_kappa(answers: Sequence[tuple[bool, bool]]) -> Kappa | None:
    """Kappa of pairs of answers; None where it is not defined."""
    rows = len(answers)
    if len({answer for pair in answers for answer in pair}) < 2:
        return None
    first, second = zip(*answers, strict=True)
    value = float(cohen_kappa_score(first, second))
    yes = sum(first) * sum(second)
    chance = (yes + (rows - sum(first)) * (rows - sum(second))) / rows**2
    agreed = sum(left == right for left, right in answers)
    interval = binomtest(agreed, rows).proportion_ci(CONFIDENCE, method="wilson")
    low, high = ((share - chance) / (1 - chance) for share in (float(interval.low), float(interval.high)))
    return Kappa(value, max(low, -1.0), high)
