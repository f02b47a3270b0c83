"""Who stands in which relation to whom: the facts of the demo world before they are put into words.

`Atlas.links[i]` maps relation names to values of entity i: another entity's number, or a literal's text.
Every relation is functional, so a chain of relations from an entity leads to one value.
"""

from __future__ import annotations

import calendar
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random

from ..identity import derived_seed
from ..world_config import WorldConfig
from .entities import Entity, make_entities, ranges
from .wording import Kind, Relation, kinds, relations, relations_of

Value = int | str
"""An entity's number, or the text of a date, a year or a length."""

MONTHS = [calendar.month_name[number] for number in range(1, 13)]


@dataclass(frozen=True, eq=False)
class Atlas:
    """Entities and their links. Compared by identity; its look-up tables are built on first use."""

    config: WorldConfig
    entities: tuple[Entity, ...]
    links: tuple[Mapping[str, Value], ...]

    @cached_property
    def ranges(self) -> Mapping[Kind, range]:
        """The entity numbers of each kind."""
        return ranges(len(self.entities))

    @cached_property
    def by_title(self) -> Mapping[str, int]:
        """Entity number by title."""
        return {entity.title: entity.index for entity in self.entities}

    @cached_property
    def by_name(self) -> Mapping[tuple[Kind, str], int]:
        """Entity number by kind and any of its names."""
        return {(entity.kind, name): entity.index for entity in self.entities for name in entity.names}

    @cached_property
    def look_alikes(self) -> Mapping[int, Sequence[int]]:
        """For each entity the ones it was named after or that were named after it or the same one."""
        groups: dict[int, list[int]] = defaultdict(list)
        for entity in self.entities:
            if entity.like is not None:
                groups[entity.like].append(entity.index)
                groups[entity.index].append(entity.like)
        return groups

    def value(self, index: int, relation: str) -> Value | None:
        """The value of a relation of an entity, None where it has none."""
        return self.links[index].get(relation)

    def names(self, value: Value) -> tuple[str, ...]:
        """All ways to write a value, the plain one first."""
        if isinstance(value, int):
            return self.entities[value].names
        return (value, _month_first(value)) if len(value.split()) == 3 else (value,)


def make_atlas(config: WorldConfig) -> Atlas:
    """All entities and links of a world; a pure function of the config."""
    entities = make_entities(config)
    links: tuple[dict[str, Value], ...] = tuple({} for _ in entities)
    rng = Random(derived_seed("links", config.seed, config.entities, config.lookalikes))
    linker = _Linker(rng, entities, links)
    # Countries of towns and rivers come first: other relations stay within a country.
    first = [relations()["country"], relations()["river_country"]]
    for relation in first:
        linker.link(relation)
    for kind in kinds():
        for relation in relations_of(kind):
            if relation not in first:
                linker.link(relation)
    return Atlas(config, entities, links)


class _Linker:
    """Draws the values of one relation after the other."""

    def __init__(
        self, rng: Random, entities: tuple[Entity, ...], links: tuple[dict[str, Value], ...]
    ) -> None:
        self._rng = rng
        self._entities = entities
        self._links = links
        self._ranges = ranges(len(entities))

    def link(self, relation: Relation) -> None:
        """Give the relation to its share of subjects, and a father to everybody named after one."""
        groups = self._groups(relation)
        for index in self._ranges[relation.kind]:
            subject = self._entities[index]
            named_after = relation.name == "father" and subject.name.endswith("Jr.")
            if named_after and subject.like is not None:
                self._links[index]["father"] = subject.like
            elif self._rng.random() < relation.share:
                self._draw(relation, subject, groups)

    def _draw(self, relation: Relation, subject: Entity, groups: Mapping[object, Sequence[int]]) -> None:
        if relation.target_kind is None:
            self._links[subject.index][relation.name] = self._literal(relation, subject)
            return
        options = self._in_window(relation, subject, groups.get(self._group(relation, subject.index), ()))
        # The subject itself may be among the options; a few draws find another one where there is any.
        others = [self._rng.choice(options) for _ in range(4)] if options else []
        value = next((other for other in others if other != subject.index), None)
        if value is not None:
            self._links[subject.index][relation.name] = value

    def _literal(self, relation: Relation, subject: Entity) -> str:
        if relation.target == "date":
            return f"{self._rng.randint(1, 28)} {self._rng.choice(MONTHS)} {subject.year}"
        if relation.target == "length":
            return f"{self._rng.randint(40, 2400)} kilometres"
        return str(subject.year)

    def _in_window(self, relation: Relation, subject: Entity, options: Sequence[int]) -> Sequence[int]:
        """The slice of options (sorted by year) whose year fits the subject's."""
        if relation.window is None:
            return options
        least, most = relation.window
        low = bisect_left(options, subject.year - most, key=self._year)
        return options[low : bisect_right(options, subject.year - least, lo=low, key=self._year)]

    def _groups(self, relation: Relation) -> Mapping[object, Sequence[int]]:
        """The entities that can be values, by what they must have in common with the subject."""
        if relation.target_kind is None:
            return {}
        numbers = self._ranges[relation.target_kind]
        if not relation.local and not relation.kin:
            return {None: numbers}
        found: dict[object, list[int]] = defaultdict(list)
        for index in numbers:
            found[self._group(relation, index)].append(index)
        return found

    def _group(self, relation: Relation, index: int) -> object:
        """What subject and value must have in common: a country, a family name, or nothing."""
        if relation.kin:
            return self._entities[index].family
        links = self._links[index]
        return links.get("country", links.get("river_country", index)) if relation.local else None

    def _year(self, index: int) -> int:
        return self._entities[index].year


def _month_first(date: str) -> str:
    """`4 March 1893` as `March 4, 1893`."""
    day, month, year = date.split()
    return f"{month} {day}, {year}"
