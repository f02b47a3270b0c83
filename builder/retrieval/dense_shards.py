"""Embeddings written shard by shard, so that a build that died goes on and nothing is embedded twice.

`embeddings.bin` holds the rows one after another. `embeddings.jsonl` says, after a line with the key, what
each shard is: the hash of its passages, the hash of its bytes, and where they lie. A line is written when its
bytes are on the disk. One file, not one a shard: a process may map only so many files at once.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import orjson
from numpy.typing import NDArray

DATA = "embeddings.bin"
LOG = "embeddings.jsonl"


@dataclass(frozen=True, slots=True)
class Shard:
    """Some rows: hash of the passages that they embed, hash of their bytes, place in the file in bytes."""

    passages: str
    sha256: str
    offset: int
    length: int


class ShardWriter:
    """Writes the embeddings of one index; a context manager.

    For each shard in order ask `reuse`, and `write` where it has nothing. `key` is the hash of all that
    decides an embedding but the passage; `previous` is the engine folder of an older index, which may have
    some of the shards.
    """

    def __init__(self, folder: Path, key: str, previous: Path) -> None:
        self._folder, self._previous = folder, previous
        self._begun = read_log(folder, key)
        self._older = {shard.passages: shard for shard in read_log(previous, key)}
        self._head = orjson.dumps({"key": key}) + b"\n"
        self._shards: list[Shard] = []

    def __enter__(self) -> ShardWriter:
        self._settle(self._begun)  # a crash may have left bytes without a line, or half a line
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if kind is None:
            self._settle(self._shards)

    def reuse(self, passages: str) -> bool:
        """Whether the next shard, whose passages have that hash, is there already, here or in `previous`."""
        shard = self._begun[len(self._shards)] if len(self._shards) < len(self._begun) else None
        if shard and shard.passages == passages and _bytes_of(self._folder, shard) is not None:
            self._shards.append(shard)
            return True
        older = self._older.get(passages)
        data = _bytes_of(self._previous, older) if older else None
        if data is not None:
            self._append(passages, data)
        return data is not None

    def write(self, passages: str, vectors: NDArray[np.floating]) -> None:
        """Add the next shard."""
        self._append(passages, np.ascontiguousarray(vectors).tobytes())

    def _append(self, passages: str, data: bytes) -> None:
        if len(self._begun) > len(self._shards):  # what an earlier build had from here on is not wanted
            self._begun = []
            self._settle(self._shards)
        shard = Shard(passages, hashlib.sha256(data).hexdigest(), _end(self._shards), len(data))
        _add(self._folder / DATA, data)
        _add(self._folder / LOG, orjson.dumps(asdict(shard)) + b"\n")
        self._shards.append(shard)

    def _settle(self, shards: Sequence[Shard]) -> None:
        """Make both files hold these shards, which are their beginning, and nothing else."""
        with (self._folder / DATA).open("ab") as data:
            data.truncate(_end(shards))
        lines = [orjson.dumps(asdict(shard)) + b"\n" for shard in shards]
        rest = self._folder / f"{LOG}.partial"
        rest.write_bytes(b"".join([self._head, *lines]))
        rest.replace(self._folder / LOG)


def _end(shards: Sequence[Shard]) -> int:
    """Where the bytes of the last of them end."""
    return shards[-1].offset + shards[-1].length if shards else 0


def read_log(folder: Path, key: str) -> list[Shard]:
    """The shards that a folder says it has; none if they were made with another key.

    Only the first lines count that are whole: a crash may have cut the last one.
    """
    try:
        head, *lines = (folder / LOG).read_bytes().splitlines()
        if orjson.loads(head) != {"key": key}:
            return []
    except (OSError, ValueError):
        return []
    shards: list[Shard] = []
    for line in lines:
        try:
            shards.append(Shard(**orjson.loads(line)))
        except (ValueError, TypeError):
            break
    return shards


def text_digest(texts: Sequence[bytes]) -> str:
    """A hash over texts in order."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(len(text).to_bytes(8, "big") + text)
    return digest.hexdigest()


def _bytes_of(folder: Path, shard: Shard) -> bytes | None:
    """The bytes of a shard, None if they are not what the log says."""
    try:
        with (folder / DATA).open("rb") as file:
            file.seek(shard.offset)
            data = file.read(shard.length)
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == shard.sha256 else None


def _add(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
