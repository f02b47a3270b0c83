"""A probe's results as JSON, and back: the file `probe.json` that `trajset probe` writes and reports read.

{"probe": {...}, "command": ..., "created_at": ..., "versions": {...}, "made_by": "trajset probe"}
"""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar, cast

import orjson
from pydantic import TypeAdapter, ValidationError

from ..builder.errors import DataError, Problem
from ..builder.schema import JsonObject
from ..builder.shards import write_file
from .results import Probe

PROBE = "probe.json"
MADE_BY = "trajset probe"
_LIBRARIES = ("trajset", "numpy", "scipy", "scikit-learn", "torch", "transformers")


@dataclass(frozen=True, slots=True)
class ProbeFile:
    """The content of a `probe.json`. `command` makes it again; it names no folder of this machine."""

    probe: Probe
    command: str
    created_at: datetime
    versions: dict[str, str] = field(default_factory=dict[str, str])
    made_by: str = MADE_BY


_Kind = TypeVar("_Kind", Probe, ProbeFile)


def probe_to_json(probe: Probe) -> JsonObject:
    """The probe as plain values."""
    return dataclasses.asdict(probe)


def probe_from_json(value: object, place: str = "probe") -> Probe:
    """The inverse of `probe_to_json`, also after a way through JSON. `place` says in errors where it was.

    Raises:
        DataError: a field is missing, unknown, or of another kind.
    """
    try:
        return _read(orjson.dumps(value), Probe, place)
    except TypeError as error:
        raise DataError(str(_misfit(place, f"must be JSON ({error})", value))) from error


def read_probe(path: Path) -> ProbeFile:
    """The `probe.json` of a folder that `trajset probe` wrote, or the file itself.

    Raises:
        DataError: there is none, or it is damaged, or something else made it.
    """
    file = path / PROBE if path.is_dir() else path
    try:
        content = file.read_bytes()
    except OSError as error:
        rule = f"must be a file of `{MADE_BY}` ({error.strerror})"
        raise DataError(str(_misfit("probe", rule, str(file)))) from error
    found = _read(content, ProbeFile, str(file))
    if found.made_by != MADE_BY:
        raise DataError(str(_misfit(f"{file}: made_by", f"must be {MADE_BY!r}", found.made_by)))
    return found


def write_probe(path: Path, file: ProbeFile) -> None:
    """Write the file; a reader sees the old one or the new one, never a part.

    Raises:
        StorageError: the disk is full or not writable.
    """
    write_file(path, orjson.dumps(file, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def versions_here() -> dict[str, str]:
    """Python and the libraries that a probe rests on, those that are installed."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _read(content: bytes, kind: type[_Kind], place: str) -> _Kind:
    try:
        given = orjson.loads(content)
        found = TypeAdapter(kind).validate_json(content, strict=True)
    except orjson.JSONDecodeError as error:
        raise DataError(str(_misfit(place, f"must be JSON ({error})", content[:40]))) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join([place, *map(str, first["loc"])])
        raise DataError(str(_misfit(where, first["msg"], first["input"]))) from error
    if strange := next(_strange(given, orjson.loads(orjson.dumps(found)), place), None):
        raise DataError(str(_misfit(strange, "must be a field that this trajset knows", "another")))
    return found


def _strange(given: object, known: object, place: str) -> Iterator[str]:
    """Where keys stand that what was read of it has not; pydantic lets them pass."""
    if isinstance(given, dict) and isinstance(known, dict):
        fields, kept = cast("dict[str, Any]", given), cast("dict[str, Any]", known)
        for name, value in fields.items():
            if name not in kept:
                yield f"{place}.{name}"
            else:
                yield from _strange(value, kept[name], f"{place}.{name}")
    elif isinstance(given, list) and isinstance(known, list):
        pairs = zip(cast("list[Any]", given), cast("list[Any]", known), strict=True)
        yield from chain.from_iterable(
            _strange(*pair, f"{place}.{number}") for number, pair in enumerate(pairs)
        )


def _misfit(place: str, rule: str, value: object) -> Problem:
    return Problem(place, rule, value, f"Make it anew with `{MADE_BY}`.")
