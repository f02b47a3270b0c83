"""The options of the demo world, its simulated teacher and its simulated judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from .option_types import WHOLE, Positive, Seed, Share


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class WorldConfig:
    """Settings of the demo world."""

    entities: Annotated[int, WHOLE, Parameter(validator=Number(gte=50, lte=100_000))] = 3000
    """Number of entities (people, places, films, companies, ...) in the generated encyclopedia."""
    questions: Positive = 2000
    """Number of questions to make; a smaller number gives the first of the same questions."""
    seed: Seed = 0
    """Seed of the world: the same seed, the same world."""
    lookalikes: Share = 0.25
    """Share of the entities named so that they can be mistaken for another."""
    filler: Annotated[int, WHOLE, Parameter(validator=Number(gte=0, lte=4))] = 2
    """Most sentences per passage that state no fact that is ever asked."""
    one_hop: Share = 0.1
    """Share of the questions that need a single fact."""
    comparison: Share = 0.2
    """Share of the questions that compare two entities; the others are chains of 2 to `max_hops` facts."""
    max_hops: Annotated[int, WHOLE, Parameter(validator=Number(gte=2, lte=4))] = 4
    """Most facts in a chain."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class TeacherKnobs:
    """What the simulated teacher knows and how it behaves. All shares are in [0, 1].

    The defaults are made up, not measured: chosen so that all outcomes a filter has to tell apart occur.
    """

    known: Share = 0.5
    """Share of the world's facts that the teacher knows by heart."""
    known_wrongly: Share = 0.25
    """Share of the known facts that it knows wrongly."""
    diligence: Share = 0.7
    """Chance that it searches for a fact that it knows."""
    cue_rate: Share = 0.5
    """Chance that it says so when it uses a fact from memory without having searched for it."""
    misreading: Share = 0.06
    """Chance that it misreads a fact that it found, where another value of the sort stands near."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class JudgeKnobs:
    """How often the simulated judge errs. All shares are in [0, 1]; for `--model simulated` alone.

    The defaults are made up, not measured: chosen so that the demo world's table looks a little like the
    published one.
    """

    accepts_wrong: Share = 0.5
    """Chance that it takes a wrong answer for right."""
    rejects_right: Share = 0.1
    """Chance that it takes a right answer for wrong."""
    mends: Share = 0.7
    """Chance that reflection puts a wrong verdict right."""
    spoils: Share = 0.1
    """Chance that reflection turns a right verdict into a wrong one."""
