"""A corpus folder that `trajset corpus` writes: Parquet shards, and a manifest that is written last.

Whoever reads the folder takes the shards that the manifest lists, in its order. A folder in which the work is
not done has no manifest and is refused, so that nobody takes a part of a corpus for all of it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import TypeAdapter, ValidationError

from .errors import DataError, Problem
from .identity import canonical_json
from .manifest import MANIFEST, Shard
from .schema import JsonObject
from .shards import write_file
from .upstream import OWN_FOLDER

CORPUS_FORMAT = 1
"""Raised when the same source and settings give other passages than before."""

STATE = f"{OWN_FOLDER}/corpus.json"
"""Lies in a folder from the moment that a corpus is begun in it."""


@dataclass(frozen=True, slots=True)
class CorpusManifest:
    """What a corpus was made of, and what became of it."""

    corpus_format: int
    source: str
    """File or folder name, or the Hub reference; no path of the machine it was made on."""
    source_kind: str
    fingerprint: str
    """Of the source's content, 64 hex digits."""
    key: str
    """Hash over all that decides what the passages are; by it a second run knows that all is done."""
    settings: JsonObject
    libraries: dict[str, str]
    articles: int
    passages: int
    dropped: dict[str, int]
    """Pages left out by reason."""
    content_hash: str
    """Over ids, titles and texts of all passages in order, 64 hex digits."""
    shards: tuple[Shard, ...]

    def write(self, folder: Path) -> None:
        """Write it; to be done last.

        Raises:
            StorageError: the disk is full or not writable.
        """
        options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        write_file(folder / MANIFEST, orjson.dumps(dataclasses.asdict(self), option=options))


_MANIFEST: TypeAdapter[CorpusManifest] = TypeAdapter(CorpusManifest)


def read_corpus_manifest(folder: Path) -> CorpusManifest | None:
    """The manifest of a finished corpus; None where the folder holds none (another manifest counts as none).

    Raises:
        DataError: a damaged one, or one of another format.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        values: object = orjson.loads(path.read_bytes())
        if not isinstance(values, dict) or "corpus_format" not in values:
            return None
        if values["corpus_format"] != CORPUS_FORMAT:
            raise _bad(path, f"must be of format {CORPUS_FORMAT}", values["corpus_format"])
        return _MANIFEST.validate_json(canonical_json(values), strict=True)
    except (orjson.JSONDecodeError, ValidationError) as error:
        raise _bad(path, "must be the manifest of a corpus", str(error)) from error


def corpus_files(folder: Path) -> tuple[Path, ...] | None:
    """The shards of a corpus folder in order; None where it is a folder of another kind.

    Raises:
        DataError: the corpus is not finished, a shard is missing or has another size.
    """
    manifest = read_corpus_manifest(folder)
    if manifest is None:
        if (folder / STATE).is_file():
            raise _bad(folder, "must be a finished corpus", "one without manifest.json")
        return None
    for shard in manifest.shards:
        file = folder / shard.path
        if not file.is_file() or file.stat().st_size != shard.bytes:
            raise _bad(file, f"must be there with {shard.bytes:,} bytes, as the manifest says", file.name)
    return tuple(folder / shard.path for shard in manifest.shards)


def _bad(path: Path, rule: str, value: object) -> DataError:
    fix = "Run the same `trajset corpus` command again, or begin in another folder."
    return DataError(str(Problem(str(path), rule, value, fix)))
