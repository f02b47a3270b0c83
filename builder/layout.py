"""The files beside the data: recipes.toml, the head of README.md, and at the very end the manifest."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, cast

import tomli_w
import yaml

from .errors import DataError, Problem
from .manifest import MANIFEST, Manifest, card_configs, manifest_json
from .shards import storage, write_file

README = "README.md"
RECIPES = "recipes.toml"
FOLDERS = ("data", "judgements", "labels")
"""Folders of which every Parquet file is one that the manifest lists."""

_FRONT_MATTER = re.compile(r"\A---\r?\n(.*?)^---\r?\n?", re.DOTALL | re.MULTILINE)
_SHARD = re.compile(r".+-\d{5}-of-\d{5}\.parquet")


def complete(folder: Path, manifest: Manifest) -> None:
    """Bring everything beside the shards in line with the manifest, then write the manifest.

    Shards that it does not list are removed last, when nothing names them any more.

    Raises:
        DataError: the README's YAML cannot be read.
        StorageError: the disk is full or not writable.
    """
    write_file(folder / RECIPES, recipes_toml(manifest).encode())
    write_file(folder / README, readme_with_configs(folder, manifest).encode())
    write_file(folder / MANIFEST, manifest_json(manifest))
    listed = {shard.path for shard in manifest.shards}
    with storage(folder):
        for file in _shard_files(folder):
            if file.relative_to(folder).as_posix() not in listed:
                file.unlink()


def forget(folder: Path, spare: Collection[str] = ()) -> None:
    """Take away the manifest, then every shard but those to spare (paths in the folder): from here on the
    folder is no dataset, to nobody.

    Whoever finds shards by their names alone, as `load_dataset` does, must not find old ones beside new ones.

    Raises:
        StorageError: the disk is not writable.
    """
    with storage(folder):
        (folder / MANIFEST).unlink(missing_ok=True)
        for file in _shard_files(folder):
            if file.relative_to(folder).as_posix() not in spare:
                file.unlink()


def _shard_files(folder: Path) -> list[Path]:
    return [file for name in FOLDERS for file in (folder / name).glob("*") if _SHARD.fullmatch(file.name)]


def recipes_toml(manifest: Manifest) -> str:
    """One table per split: the recipe that cut it. Keys that are null are left out (TOML has no null)."""
    recipes = {
        name: {key: value for key, value in recipe.items() if value is not None}
        for name, recipe in manifest.recipes.items()
    }
    return tomli_w.dumps(recipes)


def readme_with_configs(folder: Path, manifest: Manifest) -> str:
    """The README with `configs` in its YAML head set from the manifest; a short one if there is none yet.

    Without that list, `load_dataset` would not find the judgements and labels.

    Raises:
        DataError: the head is no YAML mapping.
    """
    path = folder / README
    text = path.read_text("utf-8") if path.is_file() else f"# {folder.resolve().name}\n"
    match = _FRONT_MATTER.match(text)
    head = _head(match[1], path) if match else {}
    body = text[match.end() :] if match else f"\n{text}"
    head["configs"] = card_configs(manifest)
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n{body}"


def _head(text: str, path: Path) -> dict[str, Any]:
    try:
        head: object = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise DataError(str(_bad_head(path, str(error)))) from error
    if not isinstance(head, dict):
        raise DataError(str(_bad_head(path, text)))
    return cast("dict[str, Any]", head)


def _bad_head(path: Path, value: str) -> Problem:
    return Problem(
        f"{path}: the head between ---", "must be a YAML mapping", value, "Mend or delete the file."
    )
