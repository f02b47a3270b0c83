"""The paper's claims in miniature: what would have to be seen, what was seen, and what follows.

A claim is one or more contrasts between students, each a difference that the claim wants above 0. A contrast
is measured in every seed on the same questions; its interval is Student's t over the seeds (95 %), so that
it takes seeds that agree to say something. The rule of the verdict:

    shows             every contrast's interval lies above 0
    leans that way    every contrast is above 0 in every seed, an interval holds 0
    does not show     anything else
    the opposite      a contrast's interval lies below 0
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import stats

from ..cells import Mode
from .findings import SeedFindings

CONFIDENCE = 0.95
PERCENT = 20.0
"""Share of the questions, the most confident ones, that adaptive search answers closed book in claim (d)."""


class Verdict(StrEnum):
    """What the seeds say of a claim; see the module."""

    SHOWS = "shows"
    LEANS = "leans that way"
    NOT = "does not show"
    OPPOSITE = "the opposite shows"


@dataclass(frozen=True, slots=True)
class Contrast:
    """A difference by seed. The interval is None where there is one seed only."""

    text: str
    by_seed: tuple[float, ...]

    @property
    def value(self) -> float:
        """The mean over the seeds."""
        return float(np.mean(self.by_seed))

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the mean, by Student's t over the seeds."""
        if len(self.by_seed) < 2:
            return None
        error = float(stats.sem(self.by_seed))
        if error == 0:
            return self.value, self.value
        low, high = stats.t.interval(CONFIDENCE, len(self.by_seed) - 1, self.value, error)
        return float(low), float(high)

    @property
    def verdict(self) -> Verdict:
        """What this contrast alone says."""
        ends = self.interval
        if ends is not None and ends[0] > 0:
            return Verdict.SHOWS
        if ends is not None and ends[1] < 0:
            return Verdict.OPPOSITE
        return Verdict.LEANS if min(self.by_seed) > 0 else Verdict.NOT


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim with its contrasts. `published` is what the paper reports, in its own setting."""

    letter: str
    text: str
    published: str
    contrasts: tuple[Contrast, ...]

    @property
    def verdict(self) -> Verdict:
        """What follows: the weakest that a contrast says."""
        found = [contrast.verdict for contrast in self.contrasts]
        return next(verdict for verdict in _WEAKEST_FIRST if verdict in found)


_WEAKEST_FIRST = (Verdict.OPPOSITE, Verdict.NOT, Verdict.LEANS, Verdict.SHOWS)

Measure = Callable[[SeedFindings], float]


def _f1(model: str, mode: Mode = Mode.LIVE) -> Measure:
    return lambda seed: seed.mean(model, mode, "f1")


def _live(model: str, measure: str) -> Measure:
    return lambda seed: seed.mean(model, Mode.LIVE, measure)


def _lost_to_noise(model: str) -> Measure:
    return lambda seed: seed.mean(model, Mode.LIVE, "f1") - seed.mean(model, Mode.NOISY, "f1")


def _lost_to_adaptive(model: str) -> Measure:
    return lambda seed: -seed.adaptive[model, PERCENT]


def _nothing(seed: SeedFindings) -> float:
    return 0.0


@dataclass(frozen=True, slots=True)
class _Statement:
    """A claim before it is measured; a contrast is a text and (more, less)."""

    letter: str
    text: str
    published: str
    contrasts: tuple[tuple[str, Measure, Measure], ...]


_STATEMENTS = (
    _Statement(
        "a",
        "The standard student searches less and hallucinates more than the ASP student.",
        "1.89 searches a question against 2.47; 33 of 66 failures of the distilled student hallucinated.",
        (
            (
                "questions without a search: standard − ASP",
                _live("standard", "never_searches"),
                _live("asp", "never_searches"),
            ),
            (
                "questions with a hallucination: standard − ASP",
                _live("standard", "made_up"),
                _live("asp", "made_up"),
            ),
        ),
    ),
    _Statement(
        "b",
        "The ASP student has the higher F1.",
        "HotpotQA 57.6 against 47.9, Bamboogle 70.6 against 53.2.",
        (("F1: ASP − standard", _f1("asp"), _f1("standard")),),
    ),
    _Statement(
        "c",
        "With 10 % of the searches failing the ASP student loses less F1.",
        "12.1 points lost by the distilled student, 2.3 and 1.7 by the ASP students.",
        (("F1 lost: standard − ASP", _lost_to_noise("standard"), _lost_to_noise("asp")),),
    ),
    _Statement(
        "d",
        "Adaptive search costs a small model F1.",
        "The most confident 1, 5, 10 and 20 % of the questions answered without search: F1 falls.",
        (
            (f"F1 lost by the ASP student at {PERCENT:g} %", _lost_to_adaptive("asp"), _nothing),
            (f"F1 lost by the base at {PERCENT:g} %", _lost_to_adaptive("base"), _nothing),
        ),
    ),
    _Statement(
        "e",
        "The stricter filter makes the better student although it keeps fewer rows.",
        "F1 + search keeps about 50 % of the rows, F1 only 78 %.",
        (
            ("F1: f1_search − f1_only", _f1("asp"), _f1("standard")),
            ("F1: f1_search − unfiltered", _f1("asp"), _f1("unfiltered")),
        ),
    ),
    _Statement(
        "f",
        "GRPO from a cold start fails.",
        "Collapsed on 0.6B and 1.7B.",
        (
            ("F1: base − GRPO", _f1("base"), _f1("grpo")),
            ("F1: ASP − GRPO", _f1("asp"), _f1("grpo")),
        ),
    ),
)


def claims(seeds: Sequence[SeedFindings]) -> tuple[Claim, ...]:
    """All claims, held against what the seeds found.

    Raises:
        ValueError: no seeds.
    """
    if not seeds:
        raise ValueError("claims need at least one seed")
    return tuple(
        Claim(
            one.letter,
            one.text,
            one.published,
            tuple(
                Contrast(text, tuple(more(seed) - less(seed) for seed in seeds))
                for text, more, less in one.contrasts
            ),
        )
        for one in _STATEMENTS
    )
