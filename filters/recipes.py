"""Recipe: a named SQL predicate over the row, with typed parameters; shipped ones and the user's own.

A recipe file is TOML:

    name = "long_and_right"
    title = "Right after at least two searches"
    predicate = "em AND n_searches >= $least"

    [parameters.least]
    default = 2                     # its type is the parameter's type
    description = "Fewest searches."
"""

from __future__ import annotations

import dataclasses
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..builder.errors import Problem, RecipeError, unknown
from ..builder.identity import content_hash
from ..builder.schema import JsonObject
from .predicate_types import Kind
from .predicates import Predicate, Value

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED = ("raw", "all", "id")
"""Splits with a meaning of their own, and the column beside which verdicts stand."""

_KEYS = ("name", "title", "description", "predicate", "parameters")
_PARAMETER_KEYS = ("default", "description")
_KINDS = {bool: Kind.BOOLEAN, int: Kind.NUMBER, float: Kind.NUMBER, str: Kind.TEXT}
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a recipe, written `$name` in the predicate. Its type is the type of `default`."""

    name: str
    default: Value
    description: str
    value: Value

    @property
    def kind(self) -> Kind:
        """What it is worth in the predicate."""
        return _KINDS[type(self.default)]

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
    """A named filter. A row is accepted where the predicate is true; null is not accepted."""

    name: str
    title: str
    description: str
    predicate: Predicate
    parameters: tuple[Parameter, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the row that the predicate reads, sorted."""
        return self.predicate.columns

    @property
    def values(self) -> dict[str, Value]:
        """The parameters' values by name."""
        return {parameter.name: parameter.value for parameter in self.parameters}

    @property
    def sql(self) -> str:
        """The predicate for the engines, parameters filled in: the same text for both."""
        return self.predicate.sql(self.values)

    @property
    def readable_sql(self) -> str:
        """The predicate on one line, parameters filled in, for people."""
        return self.predicate.readable(self.values)

    @property
    def hash(self) -> str:
        """16 hex digits over the predicate's text and the parameters' values; not over name and title."""
        return content_hash([self.predicate.text, self.values])

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
            "parameters": self.values,
            "columns": list(self.columns),
            "sql": self.readable_sql,
            "hash": self.hash,
        }


def parse_settings(settings: Iterable[str]) -> dict[str, str]:
    """`["min_f1=0.7"]` as a mapping.

    Raises:
        RecipeError: an entry without `=`, or a name given twice.
    """
    parsed: dict[str, str] = {}
    for setting in settings:
        name, separator, value = setting.partition("=")
        if not separator or name.strip() in parsed:
            rule = "must be given once" if separator else "must read NAME=VALUE"
            raise RecipeError(str(Problem("--set", rule, setting, "Write for example --set min_f1=0.7.")))
        parsed[name.strip()] = value.strip()
    return parsed


def list_recipes() -> list[Recipe]:
    """The shipped recipes, by name."""
    return [load_recipe(name) for name in sorted(_shipped())]


def load_recipe(name_or_path: str) -> Recipe:
    """A shipped recipe by its name, or the user's own by the path of its `.toml` file.

    Raises:
        RecipeError: no such recipe or file, or something in it is wrong.
    """
    if name_or_path.endswith(".toml"):
        return _parse_recipe(_read_file(Path(name_or_path)), name_or_path)
    shipped = _shipped()
    if name_or_path not in shipped:
        problem = unknown("recipe", name_or_path, shipped)
        raise RecipeError(f"{problem} Or give the path of your own recipe file (.toml).")
    return _parse_recipe(shipped[name_or_path], f"recipe {name_or_path}")


def _shipped() -> dict[str, str]:
    folder = files(__package__ or "").joinpath("shipped")
    return {
        entry.name.removesuffix(".toml"): entry.read_text("utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    }


def _read_file(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = Problem("recipe", f"must be a readable text file ({error})", str(path), "Check the path.")
        raise RecipeError(str(problem)) from error


def _parse_recipe(text: str, source: str) -> Recipe:
    try:
        return _built(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{source}: not valid TOML: {error}") from error
    except RecipeError as error:
        raise RecipeError(f"{source}: {error}") from error


def _built(fields: JsonObject) -> Recipe:
    _check_keys(fields, _KEYS, "key")
    parameters = tuple(_parameter(name, entry) for name, entry in _table(fields).items())
    predicate = Predicate.parse(_text(fields, "predicate"), {entry.name: entry.kind for entry in parameters})
    for parameter in parameters:
        if parameter.name not in predicate.parameters:
            rule = "must be used in the predicate"
            raise RecipeError(
                str(Problem("parameters", rule, parameter.name, f"Use ${parameter.name} or drop it."))
            )
    description = _text(fields, "description") if "description" in fields else ""
    return Recipe(_name(fields), _text(fields, "title"), description, predicate, parameters)


def _name(fields: JsonObject) -> str:
    name = _text(fields, "name")
    if not _NAME.fullmatch(name) or name in _RESERVED:
        rule = f"must be lower case letters, digits and _ (it names a split), and not one of {_RESERVED}"
        raise RecipeError(str(Problem("name", rule, name, "Choose another name.")))
    return name


def _text(fields: JsonObject, key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not value.strip():
        raise RecipeError(
            str(Problem(key, "must be a text that is not empty", value, f"Write {key} = '...'."))
        )
    return value.strip()


def _table(fields: JsonObject) -> dict[str, Any]:
    table = fields.get("parameters", {})
    if not isinstance(table, dict):
        fix = "Write [parameters.min_f1] with a default."
        raise RecipeError(str(Problem("parameters", "must be a table", table, fix)))
    return table


def _parameter(name: str, entry: Any) -> Parameter:
    if not isinstance(entry, dict) or type(entry.get("default")) not in _KINDS:
        rule = "must be a table with a default that is a number, text or true/false"
        raise RecipeError(str(Problem(f"parameters.{name}", rule, entry, "Write default = 0.65.")))
    if isinstance(entry["default"], float) and not math.isfinite(entry["default"]):
        raise RecipeError(
            str(Problem(f"parameters.{name}", "must be finite", entry["default"], "Write a number."))
        )
    _check_keys(entry, _PARAMETER_KEYS, f"key of parameters.{name}")
    description = _text(entry, "description") if "description" in entry else ""
    return Parameter(name, entry["default"], description, entry["default"])


def _check_keys(fields: JsonObject, known: tuple[str, ...], what: str) -> None:
    for key in fields:
        if key not in known:
            raise RecipeError(str(unknown(what, key, known)))
