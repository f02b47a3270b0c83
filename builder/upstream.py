"""Where on the Hub a dataset folder comes from: a note beside the data that is never published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import TypeAdapter, ValidationError

from .errors import DataError, Problem
from .shards import write_file

OWN_FOLDER = ".trajset"
"""Folder within a dataset for what concerns this copy of it alone."""

_FILE = f"{OWN_FOLDER}/origin.json"


@dataclass(frozen=True, slots=True)
class Upstream:
    """The repository and the commit that the folder was pulled from or last published as."""

    repo: str
    commit: str

    def __str__(self) -> str:
        return f"{self.repo}@{self.commit}"


_ADAPTER = TypeAdapter(Upstream)


def read_upstream(folder: Path) -> Upstream | None:
    """The note, or None for a dataset that has never been on the Hub.

    Raises:
        DataError: the note is there but cannot be read.
    """
    path = folder / _FILE
    if not path.is_file():
        return None
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except ValidationError as error:
        fix = "Delete the file; the dataset then counts as never published."
        raise DataError(
            str(Problem(str(path), "must name repo and commit", path.read_bytes(), fix))
        ) from error


def write_upstream(folder: Path, upstream: Upstream) -> None:
    """Keep the note.

    Raises:
        StorageError: the disk does not take it.
    """
    write_file(folder / _FILE, orjson.dumps(upstream))
