"""All sections in the order in which a reader asks for them."""

from __future__ import annotations

from collections.abc import Sequence

from ..results import Evaluation
from .behaviour import search_behaviour, stop_reasons
from .beside import Beside, beside_published
from .failed import failures
from .labels import Labels
from .latency import latency
from .leaderboard import leaderboard
from .losses import loss_splits
from .noise import noise_curves
from .paired import paired_differences
from .probes import probes
from .section import Section
from .slices import slices


def sections(evaluation: Evaluation, labels: Labels, beside: Beside) -> tuple[Section, ...]:
    """Those that there are numbers for."""
    made: Sequence[Section | None] = (
        leaderboard(evaluation, labels),
        paired_differences(evaluation, labels),
        beside_published(evaluation, labels, beside),
        search_behaviour(evaluation, labels),
        slices(evaluation, labels),
        failures(evaluation, labels),
        loss_splits(evaluation, labels),
        noise_curves(evaluation, labels),
        probes(evaluation, labels),
        latency(evaluation, labels),
        stop_reasons(evaluation, labels),
    )
    return tuple(one for one in made if one is not None)
