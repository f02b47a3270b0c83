"""What the simulated teacher knows by heart, rightly or wrongly. Of the teacher, not of a rollout."""

from __future__ import annotations

from functools import lru_cache
from random import Random

from ..identity import derived_seed
from ..world_config import TeacherKnobs
from .mistakes import mistaken_value
from .wording import relations
from .world import World

_FACTS_IN_MEMORY = 200_000


class Memory:
    """A fixed share of the world's facts. Raising `known` adds facts and never drops one."""

    def __init__(self, world: World, knobs: TeacherKnobs) -> None:
        self._atlas = world.atlas
        self.knobs = knobs
        self._cached = lru_cache(_FACTS_IN_MEMORY)(self._recall)

    def recall(self, index: int, relation: str) -> str | None:
        """The value that the teacher believes an entity's relation to have, None where it knows nothing."""
        return self._cached(index, relation)

    def _recall(self, index: int, relation: str) -> str | None:
        truth = self._atlas.value(index, relation)
        rng = Random(derived_seed("memory", self._atlas.config.seed, index, relation))
        known, wrongly = rng.random() < self.knobs.known, rng.random() < self.knobs.known_wrongly
        if truth is None or not known:
            return None
        if wrongly:
            return mistaken_value(self._atlas, relations()[relation], truth, rng)
        return self._atlas.names(truth)[0]
