"""The demo world on disk: corpus and questions as JSONL, and `world.json`, from which it can be remade."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import orjson

from ..errors import DataError, Problem, StorageError
from ..identity import content_hash, file_hash
from ..world_config import WorldConfig
from .wording import Style
from .world import World, generate

CORPUS, QUESTIONS, SETTINGS = "corpus.jsonl", "questions.jsonl", "world.json"


def write_world(world: World, out: Path) -> str:
    """Write the three files into the folder `out`, `world.json` last. Gives the world's content hash.

    Raises:
        StorageError: the disk is full or not writable.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / SETTINGS).unlink(missing_ok=True)
        hashes = [_write(out / CORPUS, _corpus(world)), _write(out / QUESTIONS, _questions(world))]
        digest = content_hash([world.config, *hashes])
        settings = {"settings": dataclasses.asdict(world.config), **_said(world.style)}
        record = settings | {"content_hash": digest}
        (out / SETTINGS).write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2))
    except OSError as error:
        raise StorageError(
            f"{out}: cannot be written ({error.strerror}). Free space or name another folder."
        ) from error
    return digest


def load_world(path: Path) -> World:
    """The world that was written to the folder `path`, made again from its settings.

    Raises:
        DataError: a file is missing or unreadable, or this version of trajset makes another world of them.
    """
    config, style, digest = _read_settings(path / SETTINGS)
    # Compared before anything is made of the settings, so that edited ones are told, not tried.
    _check(
        path, digest, content_hash([config, _hash_of_file(path / CORPUS), _hash_of_file(path / QUESTIONS)])
    )
    world = generate(config, style)
    _check(path, digest, content_hash([config, _hash(_corpus(world)), _hash(_questions(world))]))
    return world


def _said(style: Style) -> dict[str, str]:
    """The style in the settings; worlds of the usual one do not name it."""
    return {} if style == "varied" else {"style": style}


def _check(path: Path, written: str, found: str) -> None:
    if found != written:
        rule = "settings, files and this version of trajset must give the world that was written"
        problem = Problem(str(path), f"{rule} ({written})", found, "Write the world again with this version.")
        raise DataError(str(problem))


def _corpus(world: World) -> Iterator[bytes]:
    return (orjson.dumps(passage) + b"\n" for passage in world.passages())


def _questions(world: World) -> Iterator[bytes]:
    return (orjson.dumps(question) + b"\n" for question in world.questions)


def _write(path: Path, lines: Iterable[bytes]) -> str:
    """Write the lines and give their SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for line in lines:
            digest.update(line)
            file.write(line)
    return digest.hexdigest()


def _hash(lines: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
    return digest.hexdigest()


def _hash_of_file(path: Path) -> str:
    try:
        return file_hash(path)
    except OSError as error:
        raise DataError(
            str(Problem(str(path), "must be readable", error.strerror, "Write the world again."))
        ) from error


def _read_settings(path: Path) -> tuple[WorldConfig, Style, str]:
    try:
        record: Any = orjson.loads(path.read_bytes())
        return WorldConfig(**record["settings"]), _style(record), str(record["content_hash"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        fix = "Name a folder that holds a written demo world."
        raise DataError(
            str(Problem(str(path), "must hold the settings of a demo world", str(error), fix))
        ) from error


def _style(record: dict[str, Any]) -> Style:
    style = record.get("style", "varied")
    if style not in get_args(Style):
        raise ValueError(f"no such style: {style}")
    return style
