"""The wording of the demo world, read once from `wording/*.toml`: kinds, relations, comparisons.

The files hold every template; this module only gives them types. The files tell how slots are filled.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Kind = Literal["country", "town", "river", "person", "university", "company", "book", "film", "band"]
Target = Kind | Literal["date", "year", "length"]
Rule = Literal["bridge", "earlier", "later", "more", "same"]
"""How a question's answer follows from its facts: the last value of a chain, or a comparison of two."""
Style = Literal["varied", "plain"]
"""How passages and the simulated teacher speak. `plain`: a passage is one bare fact, a search asks for it in
its own words, an answer repeats it; so short and regular that a micro student learns it in minutes."""


@dataclass(frozen=True, slots=True)
class KindWords:
    """How many entities of a kind there are, when they began, and how passages speak of them."""

    kind: Kind
    share: float
    least: int
    most: int
    years: tuple[int, int]
    noun: str
    said: str
    adjectives: tuple[str, ...]
    roles: tuple[str, ...]
    intro: tuple[str, ...]
    filler: tuple[str, ...]
    said_freely: bool = True


@dataclass(frozen=True, slots=True)
class Relation:
    """A functional relation from a kind to a kind or to a literal, with all of its wordings."""

    name: str
    kind: Kind
    target: Target
    share: float
    plain: str
    state: tuple[str, ...]
    near: tuple[str, ...]
    ask: tuple[str, ...]
    noun: tuple[str, ...]
    query: tuple[str, ...]
    window: tuple[int, int] | None = None
    local: bool = False
    kin: bool = False
    bare: str = ""

    @property
    def target_kind(self) -> Kind | None:
        """The kind of the value, None where it is a date, a year or a length."""
        return None if self.target in ("date", "year", "length") else self.target


@dataclass(frozen=True, slots=True)
class Comparison:
    """A question about two entities of a kind: the same path of relations from each, then the rule."""

    kind: Kind
    path: tuple[str, ...]
    rule: Rule
    ask: tuple[str, ...]


@cache
def kinds() -> Mapping[Kind, KindWords]:
    """All kinds, in the order in which entities are numbered."""
    words = [KindWords(**_frozen(table | {"kind": kind})) for kind, table in _read("kinds").items()]
    return {word.kind: word for word in words}


@cache
def relations() -> Mapping[str, Relation]:
    """All relations by name."""
    return {table["name"]: Relation(**_frozen(table)) for table in _read("relations")["relation"]}


@cache
def relations_in(style: Style) -> Mapping[str, Relation]:
    """All relations by name, with the fact in plain words as that style has it: `bare` where there is one."""
    if style == "varied":
        return relations()
    return {
        name: replace(relation, plain=relation.bare or relation.plain)
        for name, relation in relations().items()
    }


@cache
def relations_of(kind: Kind) -> tuple[Relation, ...]:
    """The relations whose subject is of a kind."""
    return tuple(relation for relation in relations().values() if relation.kind == kind)


@cache
def comparisons() -> tuple[Comparison, ...]:
    """All kinds of comparison questions."""
    return tuple(Comparison(**_frozen(table)) for table in _read("comparisons")["comparison"])


@cache
def slots(template: str) -> tuple[str, ...]:
    """The names of a template's slots, in order."""
    return tuple(name for _, name, _, _ in string.Formatter().parse(template) if name)


def sentence(template: str, values: Mapping[str, str]) -> str:
    """A template filled in, with a capital first and a single full stop after "Jr."."""
    text = template.format_map(values).replace("Jr..", "Jr.")
    return text[0].upper() + text[1:]


def with_article(noun: str) -> str:
    """`a` or `an` and the words."""
    return f"{'an' if noun[0] in 'aeiou' and not noun.startswith(('uni', 'eu', 'one')) else 'a'} {noun}"


def _frozen(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("trajset.builder.world").joinpath(f"wording/{name}.toml").read_text("utf-8"))
