"""What the owner of a dataset says about it: the words on a card that cannot be computed.

They are kept in the card's YAML head under `trajset`, so they survive publishing, pulling and every new card.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml
from huggingface_hub import metadata_load

from ..builder.errors import DataError, Problem, unknown

HEAD_KEY = "trajset"

_LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]*")
_REPO = re.compile(r"[\w.-]+/[\w.-]+")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]+)?|code|multilingual")


@dataclass(frozen=True, slots=True)
class About:
    """The owner's words; what is None is left out of the card. `licence` is the Hub's identifier (`mit`)."""

    title: str | None = None
    summary: str | None = None
    licence: str | None = None
    language: tuple[str, ...] = ()
    citation: str | None = None
    repo: str | None = None

    def to_head(self) -> dict[str, Any]:
        """The entry for the card's YAML head."""
        fields = dataclasses.asdict(self) | {"language": list(self.language)}
        return {name: value for name, value in fields.items() if value}


_FIELDS = tuple(field.name for field in dataclasses.fields(About))


def read_about(path: Path) -> About:
    """Read a TOML file with the keys of `About`.

    Raises:
        DataError: the file cannot be read, has an unknown key or a bad value.
    """
    try:
        return _about(tomllib.loads(path.read_text("utf-8")), str(path))
    except (OSError, ValueError) as error:
        fix = "Check the path, or mend the file."
        raise DataError(str(Problem("--about", f"must be a TOML file ({error})", str(path), fix))) from error


def about_in_card(readme: Path) -> About | None:
    """What a computed card remembers; None where there is no card, or one that was not computed.

    Raises:
        DataError: the entry has an unknown key or a bad value.
    """
    entry: object = _head(readme).get(HEAD_KEY)
    if not isinstance(entry, dict):
        return None
    return _about(cast("dict[str, Any]", entry), f"{readme}: {HEAD_KEY}")


def _head(readme: Path) -> dict[str, Any]:
    try:
        return (metadata_load(readme) if readme.is_file() else None) or {}
    except (ValueError, yaml.YAMLError) as error:
        fix = "Mend or delete the file."
        problem = Problem(f"{readme}: the head between ---", "must be a YAML mapping", str(error), fix)
        raise DataError(str(problem)) from error


def _about(fields: Mapping[str, Any], source: str) -> About:
    for name in fields:
        if name not in _FIELDS:
            raise DataError(str(unknown(f"{source}: key", name, _FIELDS)))
    texts = {name: _text(source, name, value) for name, value in fields.items() if name != "language"}
    about = About(**texts, language=_languages(source, fields.get("language", [])))
    _check("licence", about.licence, _LICENCE, "Write the Hub's identifier, as mit or cc-by-4.0.", source)
    _check("repo", about.repo, _REPO, "Write NAME/DATASET.", source)
    for language in about.language:
        _check("language", language, _LANGUAGE, "Write an ISO 639 code, as en.", source)
    return about


def _text(source: str, name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        problem = Problem(f"{source}: {name}", "must be a text", value, f'Write {name} = "...".')
        raise DataError(str(problem))
    return value.strip()


def _languages(source: str, value: object) -> tuple[str, ...]:
    entries = cast("list[object]", value) if isinstance(value, list) else [value]
    return tuple(_text(source, "language", entry) for entry in entries)


def _check(name: str, value: str | None, form: re.Pattern[str], fix: str, source: str) -> None:
    if value is not None and not form.fullmatch(value):
        raise DataError(str(Problem(f"{source}: {name}", f"must have the form {form.pattern}", value, fix)))
