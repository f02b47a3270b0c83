"""Wrong values that can be taken for right ones: look-alike names, dates that are nearly the date."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from .atlas import MONTHS, Atlas, Value
from .wording import Relation

_SPREAD = 12
"""Years by which a mistaken year is off, at most."""


def mistaken_value(atlas: Atlas, relation: Relation, truth: Value, rng: Random) -> str:
    """The wording of another value of the same sort than `truth`: a look-alike where there is one."""
    if isinstance(truth, int):
        return atlas.entities[_other_entity(atlas, truth, rng)].name
    if relation.target == "date":
        return _other_date(truth, rng)
    number, _, unit = truth.partition(" ")
    return f"{_other_number(int(number), rng)} {unit}".strip()


def _other_entity(atlas: Atlas, truth: int, rng: Random) -> int:
    similar = atlas.look_alikes.get(truth, ())
    peers: Sequence[int] = similar or atlas.ranges[atlas.entities[truth].kind]
    while (other := rng.choice(peers)) == truth:
        pass
    return other


def _other_number(number: int, rng: Random) -> int:
    return number + rng.choice((-1, 1)) * rng.randint(1, _SPREAD)


def _other_date(date: str, rng: Random) -> str:
    """The date with its day, its month or its year changed."""
    day, month, year = date.split()
    part = rng.randrange(3)
    if part == 0:
        day = str(int(day) % 28 + rng.randint(1, 2))
    elif part == 1:
        month = MONTHS[(MONTHS.index(month) + rng.randint(1, 11)) % 12]
    else:
        year = str(_other_number(int(year), rng))
    return f"{day} {month} {year}"


def any_value(atlas: Atlas, relation: Relation, rng: Random) -> str:
    """Some value that the relation could have."""
    if relation.target_kind:
        return atlas.entities[rng.choice(atlas.ranges[relation.target_kind])].name
    if relation.target == "date":
        return f"{rng.randint(1, 28)} {rng.choice(MONTHS)} {rng.randint(1700, 1985)}"
    if relation.target == "length":
        return f"{rng.randint(40, 2400)} kilometres"
    return str(rng.randint(1700, 2015))
