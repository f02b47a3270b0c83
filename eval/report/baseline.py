"""The comparisons of one model with all others, as `other − baseline`."""

from __future__ import annotations

import dataclasses

from ...builder.errors import ConfigError, unknown
from ..results import Estimate, Evaluation, Paired


def against(evaluation: Evaluation, baseline: str) -> Evaluation:
    """The evaluation with the comparisons of this model alone, it being the second of each.

    Raises:
        ConfigError: no measurement is of this model.
    """
    models = dict.fromkeys(one.cell.model for one in evaluation.summaries)
    if baseline not in models:
        raise ConfigError(str(unknown("--baseline", baseline, models)))
    kept = tuple(
        _second(one, baseline)
        for one in evaluation.paired
        if (one.first.model == baseline) != (one.second.model == baseline)
    )
    return dataclasses.replace(evaluation, paired=kept)


def _second(one: Paired, baseline: str) -> Paired:
    if one.second.model == baseline:
        return one
    return dataclasses.replace(one, first=one.second, second=one.first, difference=_negative(one.difference))


def _negative(estimate: Estimate) -> Estimate:
    """Of the other order: a percentile interval turns with its value."""
    return dataclasses.replace(
        estimate,
        value=_minus(estimate.value),
        low=_minus(estimate.high),
        high=_minus(estimate.low),
    )


def _minus(value: float | None) -> float | None:
    return None if value is None else 0.0 - value
