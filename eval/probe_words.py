"""What a probe says in words: that adaptive search pays, or costs, or that nobody can tell."""

from __future__ import annotations

from collections.abc import Sequence

from .results import AdaptivePoint, Estimate, Probe


def verdict(probe: Probe) -> str:
    """Whether adaptive search pays for this model, by the intervals of the changes between 0 and 100 %."""
    if not probe.curve:
        return "Whether adaptive search pays is not known: there are no live rows."
    inner = [point for point in probe.curve if 0 < point.percent < 100 and point.closed_book]
    if not inner or inner[0].change.low is None:
        return "Whether adaptive search pays is not known: there are too few questions."
    gains = [point for point in inner if (point.change.low or 0) > 0]
    costs = [point for point in inner if (point.change.high or 0) < 0]
    if gains and costs:
        return f"Adaptive search raises F1 at {_at(gains)} and costs F1 at {_at(costs)}."
    if costs:
        return f"Adaptive search does not pay: it costs F1 at {_at(costs)}."
    if gains:
        return f"Adaptive search pays: F1 rises at {_at(gains)}{_saved(probe, gains[-1])}."
    last = inner[-1]
    return (
        "Adaptive search changes F1 at no share by more than chance explains: "
        f"at {last.percent:g} % by {change(last.change)} points{_saved(probe, last)}."
    )


def change(estimate: Estimate) -> str:
    """A difference of F1 in points with its interval."""
    if estimate.value is None:
        return "unknown"
    if estimate.low is None or estimate.high is None:
        return f"{100 * estimate.value:+.1f}"
    return f"{100 * estimate.value:+.1f} [{100 * estimate.low:+.1f}, {100 * estimate.high:+.1f}]"


def notes(probe: Probe) -> list[str]:
    """What a reader of the numbers has to know."""
    said: list[str] = []
    if probe.constant:
        said.append(
            f"Closed book is right on {probe.right:,} of {probe.questions:,} questions, too few of one class "
            "to learn a confidence from: every question has the base rate, and the curve an arbitrary order."
        )
    if probe.simulated:
        said.append(
            "Simulated: the questions or the answers were made by a program, the demo world of trajset."
        )
    return said


def _at(points: Sequence[AdaptivePoint]) -> str:
    return ", ".join(f"{point.percent:g} % ({change(point.change)} points)" for point in points)


def _saved(probe: Probe, point: AdaptivePoint) -> str:
    live, now = probe.curve[0].searches.value, point.searches.value
    if live is None or now is None:
        return ""
    return f", with {now:.2f} instead of {live:.2f} searches a question"
