"""Recipes in files: the shipped ones and the user's own.

A recipe file is TOML:

    name = "long_and_right"
    title = "Right after at least two searches"
    predicate = "em AND n_searches >= $least"
    qualify = "ROW_NUMBER() OVER (PARTITION BY question_id ORDER BY n_searches) = 1"    # may be left out

    [parameters.least]
    default = 2                     # its type is the parameter's type
    description = "Fewest searches."
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..builder.errors import Problem, RecipeError, unknown
from ..builder.schema import JsonObject
from .recipe_types import KINDS, Parameter, Recipe, built, text_of

_KEYS = ("name", "title", "description", "predicate", "qualify", "parameters")
_PARAMETER_KEYS = ("default", "description")

OWN = Path("recipes")
"""The folder, beside where a command runs, whose recipes are found by name."""


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


@dataclass(frozen=True, slots=True)
class OwnRecipes:
    """The recipe files of a folder, each with its path; `problems` says what is wrong with the others."""

    recipes: tuple[tuple[Path, Recipe], ...]
    problems: tuple[str, ...]


def own_recipes(folder: Path = OWN) -> OwnRecipes:
    """The user's recipes in a folder; none where there is no such folder."""
    found: list[tuple[Path, Recipe]] = []
    problems: list[str] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            found.append((path, _own(path)))
        except RecipeError as error:
            problems.append(str(error))
    return OwnRecipes(tuple(found), tuple(problems))


def load_recipe(name_or_path: str) -> Recipe:
    """A recipe by name, shipped or in `recipes/NAME.toml` here, or by the path of its `.toml` file.

    Raises:
        RecipeError: no such recipe or file, or something in it is wrong.
    """
    if name_or_path.endswith(".toml"):
        return _parse_recipe(_read_file(Path(name_or_path)), name_or_path)
    shipped = _shipped()
    if name_or_path in shipped:
        return _parse_recipe(shipped[name_or_path], f"recipe {name_or_path}")
    own = {path.stem: path for path in sorted(OWN.glob("*.toml"))}
    if name_or_path not in own:
        problem = unknown("recipe", name_or_path, {*shipped, *own})
        raise RecipeError(f"{problem} Or give the path of your own recipe file (.toml).")
    return _own(own[name_or_path])


def _own(path: Path) -> Recipe:
    """A recipe that is found by its name, which therefore has to be its own and that of its file."""
    recipe = _parse_recipe(_read_file(path), str(path))
    if recipe.name != path.stem or recipe.name in _shipped():
        rule = "must be that of its file, and of no shipped recipe"
        fix = "Rename the recipe and its file alike; or name the file's path wherever you use it."
        raise RecipeError(f"{path}: {Problem('name', rule, recipe.name, fix)}")
    return recipe


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
    return built(fields, tuple(_parameter(name, entry) for name, entry in _table(fields).items()))


def _table(fields: JsonObject) -> dict[str, Any]:
    table = fields.get("parameters", {})
    if not isinstance(table, dict):
        fix = "Write [parameters.min_f1] with a default."
        raise RecipeError(str(Problem("parameters", "must be a table", table, fix)))
    return table


def _parameter(name: str, entry: Any) -> Parameter:
    if not isinstance(entry, dict) or type(entry.get("default")) not in KINDS:
        rule = "must be a table with a default that is a number, text or true/false"
        raise RecipeError(str(Problem(f"parameters.{name}", rule, entry, "Write default = 0.65.")))
    if isinstance(entry["default"], float) and not math.isfinite(entry["default"]):
        raise RecipeError(
            str(Problem(f"parameters.{name}", "must be finite", entry["default"], "Write a number."))
        )
    _check_keys(entry, _PARAMETER_KEYS, f"key of parameters.{name}")
    description = text_of(entry, "description") if "description" in entry else ""
    return Parameter(name, entry["default"], description, entry["default"])


def _check_keys(fields: JsonObject, known: tuple[str, ...], what: str) -> None:
    for key in fields:
        if key not in known:
            raise RecipeError(str(unknown(what, key, known)))
