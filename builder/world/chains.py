"""From facts to answers: a path of relations from one or two entities, and the rule at its end."""

from __future__ import annotations

from dataclasses import dataclass

from .atlas import MONTHS, Atlas, Value
from .wording import Rule


@dataclass(frozen=True, slots=True)
class Chain:
    """How a question's answer follows: from each start along the path, then the rule.

    A bridge question has one start and its answer is the last value; a comparison has two starts.
    """

    starts: tuple[int, ...]
    path: tuple[str, ...]
    rule: Rule

    @property
    def hops(self) -> int:
        """Number of facts that the answer rests on."""
        return len(self.starts) * len(self.path)


def walk(atlas: Atlas, start: int, path: tuple[str, ...]) -> tuple[Value, ...] | None:
    """The values along the path, None where a relation is missing or an entity would come up twice."""
    values: list[Value] = []
    here: Value = start
    for relation in path:
        value = atlas.value(here, relation) if isinstance(here, int) else None
        if value is None or value == start or value in values:
            return None
        values.append(value)
        here = value
    return tuple(values)


def gold_answers(atlas: Atlas, chain: Chain) -> tuple[str, ...]:
    """All accepted wordings, the plain one first; empty where the chain has no answer (gap, tie)."""
    ends = [values[-1] for start in chain.starts if (values := walk(atlas, start, chain.path))]
    if len(ends) < len(chain.starts):
        return ()
    if chain.rule == "bridge":
        return atlas.names(ends[0])
    chosen = verdict(chain.rule, *(atlas.names(end)[0] for end in ends))
    if chosen is None:
        return ()
    return (chosen,) if isinstance(chosen, str) else atlas.entities[chain.starts[chosen]].names


def verdict(rule: Rule, left: str, right: str) -> int | str | None:
    """The outcome of a comparison: 0 or 1 for the side, "yes" or "no", None for a tie or unreadable text."""
    if rule == "same":
        return "yes" if left == right else "no"
    first, second = quantity(left), quantity(right)
    if first is None or second is None or first == second:
        return None
    return int(first > second) if rule == "earlier" else int(first < second)


def quantity(text: str) -> tuple[int, int, int] | None:
    """A date, a year or a length as something that sorts: (year or kilometres, month, day)."""
    words = text.split()
    if len(words) == 3 and words[1] in MONTHS:
        return int(words[2]), MONTHS.index(words[1]), int(words[0])
    return (int(words[0]), 0, 0) if words and words[0].isdigit() else None
