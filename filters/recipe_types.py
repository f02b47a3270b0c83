"""Recipe: a named SQL filter over the rows, with typed parameters."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..builder.errors import Problem, RecipeError, unknown
from ..builder.identity import content_hash
from ..builder.schema import JsonObject
from .predicate_types import Kind
from .predicates import Predicate
from .qualify import Qualify, WindowPlan
from .sql_text import Value

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED = ("raw", "all", "id")
"""Splits with a meaning of their own, and the column beside which verdicts stand."""

KINDS = {bool: Kind.BOOLEAN, int: Kind.NUMBER, float: Kind.NUMBER, str: Kind.TEXT}
"""Types of a parameter, and what they are worth in SQL."""

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a recipe, written `$name` in its SQL. Its type is the type of `default`."""

    name: str
    default: Value
    description: str
    value: Value

    @property
    def kind(self) -> Kind:
        """What it is worth in the predicate."""
        return KINDS[type(self.default)]

    def given(self, text: str) -> Parameter:
        """The same parameter with a value read from text, such as `0.7` or `true`.

        Raises:
            RecipeError: the text is not of the parameter's type, or not finite.
        """
        try:
            value = _read(text, type(self.default))
        except ValueError as error:
            rule = f"must be {_WORDS[type(self.default)]}"
            fix = f"The default is {self.default!r}."
            raise RecipeError(str(Problem(f"parameter {self.name}", rule, text, fix))) from error
        return dataclasses.replace(self, value=value)


def _read(text: str, kind: type[Value]) -> Value:
    if kind is bool:
        if text.lower() not in _TRUTH:
            raise ValueError(text)
        return _TRUTH[text.lower()]
    value = kind(text)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(text)
    return value


@dataclass(frozen=True, slots=True)
class Recipe:
    """A named filter. A row is accepted where the predicate is true, and `qualify` too where there is one.

    `qualify` is a condition with window functions; they see the rows that the predicate accepts.
    Null is not accepted.
    """

    name: str
    title: str
    description: str
    predicate: Predicate
    parameters: tuple[Parameter, ...] = ()
    qualify: Qualify | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the row that it reads, sorted; with `qualify` also `id`, which breaks ties."""
        ranking = ("id", *self.qualify.columns) if self.qualify else ()
        return tuple(sorted({*self.predicate.columns, *ranking}))

    @property
    def values(self) -> dict[str, Value]:
        """The parameters' values by name."""
        return {parameter.name: parameter.value for parameter in self.parameters}

    @property
    def sql(self) -> str:
        """The predicate for the engines, parameters filled in: the same text for both."""
        return self.predicate.sql(self.values)

    @property
    def plan(self) -> WindowPlan | None:
        """What `qualify` has the engines compute, parameters filled in."""
        return self.qualify.plan(self.values) if self.qualify else None

    @property
    def readable_sql(self) -> str:
        """What may follow WHERE, on one line, parameters filled in, for people."""
        predicate = self.predicate.readable(self.values)
        return f"{predicate} QUALIFY {self.qualify.readable(self.values)}" if self.qualify else predicate

    @property
    def hash(self) -> str:
        """16 hex digits over the texts of its SQL and the parameters' values; not over name and title."""
        qualify = [self.qualify.text] if self.qualify else []
        return content_hash([self.predicate.text, self.values, *qualify])

    def bind(self, settings: Mapping[str, str]) -> Recipe:
        """The same recipe with parameters set from text, as `--set min_f1=0.7` gives it.

        Raises:
            RecipeError: no such parameter, or a value that is not of its type.
        """
        for name in settings:
            if name not in self.values:
                raise RecipeError(str(unknown(f"parameter of recipe {self.name}", name, self.values)))
        bound = tuple(
            parameter.given(settings[parameter.name]) if parameter.name in settings else parameter
            for parameter in self.parameters
        )
        return dataclasses.replace(self, parameters=bound)

    def to_json(self) -> JsonObject:
        """What a manifest keeps of it."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "predicate": self.predicate.text,
            **({"qualify": self.qualify.text} if self.qualify else {}),
            "parameters": self.values,
            "columns": list(self.columns),
            "sql": self.readable_sql,
            "hash": self.hash,
        }

    @classmethod
    def from_json(cls, fields: JsonObject) -> Recipe:
        """The recipe that a manifest keeps, as it was bound: its parameters' values are their defaults.

        Raises:
            RecipeError: something is missing or wrong, because trajset did not write it.
        """
        values = fields.get("parameters", {})
        if not isinstance(values, dict) or not all(type(value) in KINDS for value in values.values()):
            rule = "must map names to numbers, texts or true/false"
            raise RecipeError(str(Problem("parameters", rule, values, "Filter with the recipe's file.")))
        return built(fields, tuple(Parameter(name, value, "", value) for name, value in values.items()))


def built(fields: JsonObject, parameters: tuple[Parameter, ...]) -> Recipe:
    """A recipe from its texts, all of them checked.

    Raises:
        RecipeError: a text is missing or empty, the name cannot name a split, the SQL is refused, or a
            parameter is not used in it.
    """
    kinds = {entry.name: entry.kind for entry in parameters}
    predicate = Predicate.parse(text_of(fields, "predicate"), kinds)
    qualify = Qualify.parse(text_of(fields, "qualify"), kinds) if "qualify" in fields else None
    used = predicate.parameters | (qualify.parameters if qualify else frozenset())
    for parameter in parameters:
        if parameter.name not in used:
            rule, fix = "must be used in the predicate", f"Use ${parameter.name} or drop it."
            raise RecipeError(str(Problem("parameters", rule, parameter.name, fix)))
    description = text_of(fields, "description") if fields.get("description") else ""
    return Recipe(_name(fields), text_of(fields, "title"), description, predicate, parameters, qualify)


def _name(fields: JsonObject) -> str:
    name = text_of(fields, "name")
    if not _NAME.fullmatch(name) or name in _RESERVED:
        rule = f"must be lower case letters, digits and _ (it names a split), and not one of {_RESERVED}"
        raise RecipeError(str(Problem("name", rule, name, "Choose another name.")))
    return name


def text_of(fields: JsonObject, key: str) -> str:
    """A text of a recipe file, without white space around it.

    Raises:
        RecipeError: it is missing, empty or no text.
    """
    value = fields.get(key)
    if not isinstance(value, str) or not value.strip():
        fix = f"Write {key} = '...'."
        raise RecipeError(str(Problem(key, "must be a text that is not empty", value, fix)))
    return value.strip()
