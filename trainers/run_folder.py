"""The folder of a training run: begun, gone on with, or refused; its checkpoints."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from ..builder.errors import ConfigError, Problem
from ..builder.schema import JsonObject
from .lineage import LINEAGE, Lineage, read_lineage

_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_LAST_WRITTEN = "trainer_state.json"
WORK = ".work"
"""Folder within the run for what can be made again: the rendered rows."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where a run lives. `earlier` is the lineage of the run that it goes on with, None for a new one."""

    path: Path
    earlier: Lineage | None = None

    @property
    def work(self) -> Path:
        """Where this process puts rendered rows."""
        return self.path / WORK / os.environ.get("RANK", "0")

    @property
    def is_complete(self) -> bool:
        """Whether the run that is here has ended already."""
        return self.earlier is not None and self.earlier.state == "complete"

    def checkpoints(self) -> list[Path]:
        """Whole checkpoints, the newest first. A killed save leaves one without its last file."""
        return [folder for _, folder in sorted(self._all(), reverse=True) if _is_whole(folder)]

    def last_checkpoint(self) -> Path | None:
        """The newest whole checkpoint; those that a kill left in pieces are removed."""
        for _, folder in self._all():
            if not _is_whole(folder):
                shutil.rmtree(folder)
        return next(iter(self.checkpoints()), None)

    def _all(self) -> Iterator[tuple[int, Path]]:
        for folder in self.path.iterdir() if self.path.is_dir() else ():
            if match := _CHECKPOINT.fullmatch(folder.name):
                yield int(match[1]), folder


def _is_whole(folder: Path) -> bool:
    try:
        orjson.loads((folder / _LAST_WRITTEN).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return False
    return (folder / LINEAGE).is_file()


def enter(path: Path, lineage: Lineage, *, resume: bool) -> RunFolder:
    """The folder for a run of this lineage.

    Raises:
        ConfigError: it holds something else; a finished run; an interrupted one without `resume`, or one of
            other settings or of another number of processes (the message names them).
        DataError: its `training.json` cannot be read.
    """
    if not (path / LINEAGE).is_file():
        if path.exists() and (not path.is_dir() or {item.name for item in path.iterdir()} - {WORK}):
            fix = "Name an empty folder, or one that does not exist yet."
            raise ConfigError(str(Problem("out", "must be empty or hold a training run", str(path), fix)))
        return RunFolder(path)
    earlier = read_lineage(path)
    if earlier.state != "complete" and _is_empty_handed(path):
        return RunFolder(path)
    if not resume:
        done = earlier.state == "complete"
        rule = "must not hold a finished run yet" if done else "must not hold an interrupted run"
        fix = "Name another folder." if done else "Go on with it by --resume, or name another folder."
        raise ConfigError(str(Problem("out", rule, str(path), fix)))
    old, new = earlier.decides, lineage.decides
    if earlier.state != "complete":  # as many rows a step as before
        old, new = old | _processes(earlier), new | _processes(lineage)
    if changed := list(_differences(old, new)):
        rule = "must be the run in --out, with the same rows, model and options"
        fix = "Give them as they were, or name another folder."
        raise ConfigError(str(Problem("resume", rule, ", ".join(changed), fix)))
    return RunFolder(path, earlier)


def _is_empty_handed(path: Path) -> bool:
    """Whether a run ended before its first checkpoint or stage: nothing is lost by beginning anew."""
    folders = [item for item in path.iterdir() if item.is_dir() and item.name != WORK]
    return not any(not _CHECKPOINT.fullmatch(item.name) or _is_whole(item) for item in folders)


def _processes(lineage: Lineage) -> JsonObject:
    return {"processes": lineage.machine.get("processes", 1)}


def _differences(old: JsonObject, new: JsonObject, above: str = "") -> Iterator[str]:
    """What differs, as `options.seed: 0 -> 1`."""
    for key in sorted(old.keys() | new.keys()):
        before: Any = old.get(key)
        after: Any = new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _differences(before, after, f"{above}{key}.")
        elif before != after:
            yield f"{above}{key}: {before!r} -> {after!r}"
