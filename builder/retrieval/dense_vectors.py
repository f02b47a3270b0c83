"""Embeddings on disk: shards that a crashed build goes on from, memory-mapped when they are searched.

A shard is `shard-00000.npy` with `SHARD` embeddings (the last one may have fewer) and, written after it,
`shard-00000.json` with the hash of the file, of the passages embedded, and of all that decided the embedding.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
import orjson
from numpy.typing import NDArray

from ..identity import file_hash
from .dense_model import Vectors

SHARD = 16_384
"""Embeddings in a shard: what a crash costs at most."""

_SCORE_DIGITS = 6
"""Scores are rounded, so that the last digits, which vary with the batch, do not order equal passages."""

_MARGIN = 8

Positions = NDArray[np.int64]
"""Positions of passages in the corpus; -1: none."""


@dataclass(frozen=True, slots=True)
class ShardFolder:
    """The shards of one build. `key` is the hash of all that decides an embedding but the passage."""

    folder: Path
    key: str

    def has(self, number: int, passages: str) -> bool:
        """Whether a shard is there, whole, and holds the embeddings of the passages with that hash."""
        side, file = self._side(number), self.file(number)
        if not (side.is_file() and file.is_file()):
            return False
        try:
            said = orjson.loads(side.read_bytes())
        except orjson.JSONDecodeError:
            return False
        return said == {"key": self.key, "passages": passages, "sha256": file_hash(file)}

    def write(self, number: int, passages: str, vectors: NDArray[np.floating]) -> None:
        """Write a shard; what is not finished is not taken for one."""
        file = self.file(number)
        rest = file.with_suffix(".partial")
        with rest.open("wb") as out:
            np.save(out, vectors)
            out.flush()
            os.fsync(out.fileno())
        rest.replace(file)
        said = {"key": self.key, "passages": passages, "sha256": file_hash(file)}
        rest.write_bytes(orjson.dumps(said))
        rest.replace(self._side(number))  # never written into: another index may share the file

    def adopt(self, other: Path, number: int) -> None:
        """Take a shard over from another index, without a copy where the disk allows that."""
        for ours in (self.file(number), self._side(number)):
            theirs = other / ours.name
            if theirs.is_file() and not ours.exists():
                try:
                    ours.hardlink_to(theirs)
                except OSError:
                    shutil.copyfile(theirs, ours)

    def keep_only(self, numbers: int) -> None:
        """Remove shards beyond the first `numbers`, left by an earlier build, and what was never finished."""
        for path in self.folder.glob("shard-*"):
            number = path.stem.removeprefix("shard-")
            if path.suffix == ".partial" or not number.isdecimal() or int(number) >= numbers:
                path.unlink()

    def file(self, number: int) -> Path:
        """Where a shard lies."""
        return self.folder / f"shard-{number:05}.npy"

    def _side(self, number: int) -> Path:
        return self.folder / f"shard-{number:05}.json"


def text_digest(texts: Sequence[bytes]) -> str:
    """A hash over texts in order."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(len(text).to_bytes(8, "big") + text)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """All embeddings of an index, memory-mapped; safe to share between threads."""

    shards: tuple[NDArray[np.floating], ...]
    size: int = SHARD

    @classmethod
    def open(cls, folder: Path, size: int = SHARD) -> StoredVectors:
        """The shards in a folder, in order.

        Raises:
            OSError, ValueError: one cannot be read.
        """
        files = sorted(folder.glob("shard-*.npy"))
        return cls(tuple(np.load(file, mmap_mode="r") for file in files), size)

    def __len__(self) -> int:
        return sum(map(len, self.shards))

    def rows(self, positions: Positions) -> Vectors:
        """The embeddings at the given positions, of shape (positions, dimension)."""
        rows = [self.shards[place // self.size][place % self.size] for place in positions.tolist()]
        return np.asarray(rows, dtype=np.float32)

    def nearest(self, queries: Vectors, k: int) -> tuple[Vectors, Positions]:
        """Scores and positions of the k passages with the largest inner products, by looking at all of them.

        Equal scores stand in the order of the corpus. Both of shape (queries, k).
        """
        k = min(k, len(self))
        scores: Vectors = np.empty((len(queries), 0), np.float32)
        positions: Positions = np.empty((len(queries), 0), np.int64)
        for number, shard in enumerate(self.shards):
            block = np.ascontiguousarray(shard, dtype=np.float32)
            # Some more than asked for: which of equals faiss leaves out is its own choice.
            near, places = faiss.knn(queries, block, min(k + _MARGIN, len(block)), faiss.METRIC_INNER_PRODUCT)
            scores = np.concatenate([scores, np.round(near, _SCORE_DIGITS)], axis=1)
            positions = np.concatenate([positions, places + number * self.size], axis=1)
            scores, positions = ranked(scores, positions, k + _MARGIN)
        return scores[:, :k], positions[:, :k]

    def rescored(self, queries: Vectors, candidates: Positions, k: int) -> tuple[Vectors, Positions]:
        """The best k of each query's candidates by exact inner products; -inf, -1 where there are fewer."""
        scores = np.full(candidates.shape, -np.inf, np.float32)
        for query, places, row in zip(queries, candidates, scores, strict=True):
            there = places >= 0
            if there.any():
                row[there] = np.round(self.rows(places[there]) @ query, _SCORE_DIGITS)
        return ranked(scores, candidates, k)


def ranked(scores: Vectors, positions: Positions, k: int) -> tuple[Vectors, Positions]:
    """The first k of each row, best score first, equal ones by position."""
    order = np.lexsort((positions, -scores), axis=1)[:, :k]
    return np.take_along_axis(scores, order, 1), np.take_along_axis(positions, order, 1)
