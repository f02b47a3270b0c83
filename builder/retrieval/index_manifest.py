"""What an index folder says of itself: `manifest.json`, written last, so that it stands for completeness."""

from __future__ import annotations

import dataclasses
import shlex
from dataclasses import dataclass
from pathlib import Path

import orjson

from ..errors import DataError, Problem
from ..schema import JsonObject

MANIFEST = "manifest.json"
ENGINE_FOLDER = "engine"
BM25 = "tantivy"
DENSE = "faiss"
"""Values of `IndexManifest.engine`: which engine reads the folder."""
INDEX_FORMAT = 1
"""Raised when the layout of the folder or of the engine's fields changes: older indexes must be rebuilt."""

REBUILD = "Build it anew: trajset index CORPUS FOLDER."


@dataclass(frozen=True, slots=True)
class IndexManifest:
    """Which corpus was indexed, with which settings and which engine.

    `retriever` and `corpus` are the names that go into rows; `corpus_hash` is `corpus.corpus_hash`;
    `build_key` is the hash over all that decides what lies in the index, by which a rebuild is spared.
    """

    format: int
    retriever: str
    corpus: str
    corpus_hash: str
    passages: int
    source: str
    settings: JsonObject
    engine: str
    engine_version: str
    build_key: str
    files: dict[str, int]
    """Engine files and their sizes in bytes."""

    def write(self, folder: Path) -> None:
        """Write it into the folder; to be done last."""
        data = orjson.dumps(dataclasses.asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        (folder / MANIFEST).write_bytes(data)


def read_manifest(folder: Path) -> IndexManifest:
    """The manifest of a complete index.

    Raises:
        DataError: no index, an unfinished or damaged one, or one of another format.
    """
    path = folder / MANIFEST
    if not path.is_file():
        fix = f"Check the path, or build one: trajset index CORPUS {shlex.quote(str(folder))}"
        raise DataError(str(Problem("index", f"must be a folder with {MANIFEST}", str(folder), fix)))
    values = _values(path)
    if values.get("format") != INDEX_FORMAT:
        rule = f"must be of format {INDEX_FORMAT}, which this version reads"
        raise DataError(str(Problem(str(path), rule, values.get("format"), REBUILD)))
    names = [field.name for field in dataclasses.fields(IndexManifest)]
    if missing := [name for name in names if name not in values]:
        raise DataError(str(Problem(str(path), f"must have the key {missing[0]!r}", sorted(values), REBUILD)))
    return _checked(folder, IndexManifest(**{name: values[name] for name in names}))


def _values(path: Path) -> JsonObject:
    try:
        values = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise DataError(str(Problem(str(path), "must be JSON", str(error), REBUILD))) from error
    if not isinstance(values, dict):
        raise DataError(str(Problem(str(path), "must be a JSON object", values, REBUILD)))
    return values


def _checked(folder: Path, manifest: IndexManifest) -> IndexManifest:
    found = file_sizes(folder / ENGINE_FOLDER)
    for name, size in manifest.files.items():
        if found.get(name) != size:
            rule = f"must hold {ENGINE_FOLDER}/{name} of {size} bytes"
            raise DataError(str(Problem(str(folder), rule, found.get(name), REBUILD)))
    return manifest


def file_sizes(folder: Path) -> dict[str, int]:
    """Sizes in bytes of the engine's files by name, locks left out."""
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return {file.name: file.stat().st_size for file in files if file.suffix != ".lock"}
