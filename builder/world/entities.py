"""The entities of the demo world: who exists, under which names, since when.

Entities are numbered kind by kind, within a kind by year, so that "somebody born 20 to 60 years earlier" is
a slice. Titles are unique; a name is unique within its kind only.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from ..identity import derived_seed
from ..scoring import normalise
from ..world_config import WorldConfig
from .names import Namer
from .wording import Kind, kinds

ALIAS_SHARE = 0.18
"""Share of the entities that have a second name."""
_JUNIOR_SHARE = 0.3
_SHARED_SHARE = 0.35
_SHARES_NAME_WITH: Mapping[Kind, tuple[Kind, ...]] = {
    "university": ("town",),
    "book": ("town", "person"),
    "film": ("book", "town", "person"),
    "band": ("town", "film"),
}


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity. `year` is that of birth, foundation or release; `like` the entity it was named after."""

    index: int
    kind: Kind
    name: str
    title: str
    alias: str | None
    year: int
    like: int | None
    feminine: bool

    @property
    def family(self) -> str:
        """The last word of the name, `Jr.` aside: of a person the family name."""
        return self.name.removesuffix(" Jr.").rpartition(" ")[2]

    @property
    def names(self) -> tuple[str, ...]:
        """All ways to call it, the plain name first: name, alias, title, without repeats."""
        return tuple(dict.fromkeys(name for name in (self.name, self.alias, self.title) if name))


def counts(entities: int) -> dict[Kind, int]:
    """How many entities of each kind a world of that size has; they sum to `entities`."""
    numbers: dict[Kind, int] = {
        kind: min(max(round(words.share * entities), words.least), words.most)
        for kind, words in kinds().items()
    }
    numbers["person"] += entities - sum(numbers.values())
    return numbers


def ranges(entities: int) -> dict[Kind, range]:
    """The entity numbers of each kind."""
    found: dict[Kind, range] = {}
    start = 0
    for kind, number in counts(entities).items():
        found[kind] = range(start, start + number)
        start += number
    return found


def make_entities(config: WorldConfig) -> tuple[Entity, ...]:
    """All entities of a world, by number."""
    rng = Random(derived_seed("entities", config.seed, config.entities, config.lookalikes))
    made = _Census(rng, Namer(rng, counts(config.entities)["person"]), config.lookalikes, {})
    for kind, number in counts(config.entities).items():
        first, last = kinds()[kind].years
        for year in sorted(rng.randint(first, last) for _ in range(number)):
            made.add(kind, year)
    return _titled(entity for peers in made.peers.values() for entity in peers)


def between(entities: Sequence[Entity], first: int, last: int) -> Sequence[Entity]:
    """The slice of entities (sorted by year) whose year lies in [first, last]."""
    low = bisect_left(entities, first, key=_year)
    return entities[low : bisect_right(entities, last, lo=low, key=_year)]


def _year(entity: Entity) -> int:
    return entity.year


@dataclass(frozen=True, slots=True)
class _Census:
    """The entities so far, by kind; `add` names the next one, sometimes much like an earlier one."""

    rng: Random
    namer: Namer
    lookalikes: float
    peers: dict[Kind, list[Entity]]

    def add(self, kind: Kind, year: int) -> None:
        """Append an entity of a kind."""
        peers = self.peers.setdefault(kind, [])
        name, like = self._name(kind, year)
        alias = self.namer.alias(kind, name) if self.rng.random() < ALIAS_SHARE else None
        number = sum(len(listed) for listed in self.peers.values())
        peers.append(Entity(number, kind, name, name, alias, year, like, self.rng.random() < 0.5))

    def _name(self, kind: Kind, year: int) -> tuple[str, int | None]:
        peers = self.peers[kind]
        if not peers or self.rng.random() >= self.lookalikes:
            return self.namer.name(kind), None
        if kind in _SHARES_NAME_WITH and self.rng.random() < _SHARED_SHARE:
            return self._shared(kind), None
        if kind == "person" and self.rng.random() < _JUNIOR_SHARE:
            return self._junior(between(peers, year - 45, year - 20))
        base = self.rng.choice(peers)
        return self.namer.look_alike(kind, base.name), base.index

    def _shared(self, kind: Kind) -> str:
        """A name that an entity of another kind has already (a film called like a town)."""
        other = self.rng.choice(self.peers[self.rng.choice(_SHARES_NAME_WITH[kind])])
        return other.name if self.namer.take(kind, other.name) else self.namer.name(kind)

    def _junior(self, elders: Sequence[Entity]) -> tuple[str, int | None]:
        elder = self.rng.choice(elders) if elders else None
        if elder and not elder.name.endswith("Jr.") and self.namer.take("person", f"{elder.name} Jr."):
            return f"{elder.name} Jr.", elder.index
        return self.namer.name("person"), None


def _titled(entities: Iterable[Entity]) -> tuple[Entity, ...]:
    """The entities with unique titles: the name, and the kind in brackets where another kind shares it."""
    listed = tuple(entities)
    owners = Counter(normalise(name) for entity in listed for name in (entity.name, entity.alias) if name)
    return tuple(
        replace(entity, title=f"{entity.name} ({entity.kind})")
        if owners[normalise(entity.name)] > 1
        else entity
        for entity in listed
    )
