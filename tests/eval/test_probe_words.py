"""The sentence says what the intervals say, and no more."""

import dataclasses
from collections.abc import Sequence

import pytest
from trajset.eval.probe_words import change, notes, verdict
from trajset.eval.results import AdaptivePoint, Estimate, Probe

Ends = tuple[float, float, float]
NONE: Ends = (0.0, 0.0, 0.0)
PERCENTS = (0.0, 1.0, 5.0, 10.0, 20.0, 50.0, 100.0)


def probe(*changes: Ends) -> Probe:
    """A probe with these changes of F1 from 10 % on."""
    every = [NONE, NONE, NONE, *changes, *[NONE] * (4 - len(changes))]
    points = tuple(
        AdaptivePoint(
            percent,
            f1=Estimate(0.5, 0.4, 0.6, 100, 200),
            change=Estimate(*ends, 100, 200),
            searches=Estimate(2 - percent / 50, None, None, 100, 200),
            closed_book=int(percent),
        )
        for percent, ends in zip(PERCENTS, every, strict=True)
    )
    return Probe("demo", "m", 1, 2, 8, 100, 30, 0.1, 0.7, (), (), points)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            [(-0.02, -0.03, -0.01)],
            "Adaptive search does not pay: it costs F1 at 10 % (-2.0 [-3.0, -1.0] points).",
        ),
        (
            [(0.0, -0.1, 0.1), (0.02, 0.01, 0.03)],
            "Adaptive search pays: F1 rises at 20 % (+2.0 [+1.0, +3.0] points), with 1.60 instead of 2.00 "
            "searches a question.",
        ),
        (
            [(0.02, 0.01, 0.03), (0.0, -0.1, 0.1), (-0.2, -0.3, -0.1)],
            "Adaptive search raises F1 at 10 % (+2.0 [+1.0, +3.0] points) and costs F1 at 50 % (-20.0 "
            "[-30.0, -10.0] points).",
        ),
        (
            [NONE, NONE, (-0.01, -0.05, 0.03)],
            "Adaptive search changes F1 at no share by more than chance explains: at 50 % by -1.0 "
            "[-5.0, +3.0] points, with 1.00 instead of 2.00 searches a question.",
        ),
        ([NONE, NONE, NONE, (-0.5, -0.6, -0.4)], "at 50 % by +0.0 [+0.0, +0.0] points"),
    ],
)
def test_the_verdict(changes: Sequence[Ends], said: str) -> None:
    found = verdict(probe(*changes))
    assert found == said if said.endswith(".") else said in found


def test_what_is_not_known_is_said() -> None:
    without = dataclasses.replace(probe(), curve=())
    assert verdict(without) == "Whether adaptive search pays is not known: there are no live rows."
    lonely = dataclasses.replace(probe(), curve=(dataclasses.replace(probe().curve[4], closed_book=0),))
    assert "too few questions" in verdict(lonely)
    assert change(Estimate(None, None, None, 0, 0)) == "unknown"
    assert change(Estimate(0.015, None, None, 1, 1)) == "+1.5"


def test_notes_tell_a_base_rate_and_a_simulation() -> None:
    assert notes(probe()) == []
    constant, simulated = notes(dataclasses.replace(probe(), constant=True, simulated=True))
    assert "right on 30 of 100 questions" in constant
    assert simulated.startswith("Simulated:")
