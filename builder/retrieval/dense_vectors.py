"""The embeddings of an index, memory-mapped, and exact search among them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from .dense_model import Vectors
from .dense_shards import DATA

_BLOCK = 65_536
_MARGIN = 8
_SCORE_DIGITS = 6
"""Scores are rounded, so that the last digits, which vary with the batch, do not order equal passages."""

Positions = NDArray[np.int64]
"""Positions of passages in the corpus; -1: none."""


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """All embeddings of an index, of shape (passages, dimension); safe to share between threads."""

    stored: NDArray[np.floating]

    @classmethod
    def open(cls, folder: Path, storage: str, passages: int) -> StoredVectors:
        """Map those in a folder into memory; `storage` is their number format.

        Raises:
            OSError, ValueError: they cannot be read, or are not as many as there are passages.
        """
        numbers = np.memmap(folder / DATA, dtype=storage, mode="r")
        return cls(numbers.reshape(passages, -1))

    def __len__(self) -> int:
        return len(self.stored)

    def block(self, start: int, stop: int) -> Vectors:
        """The embeddings in a range of positions; no copy where they are stored as float32."""
        return np.ascontiguousarray(self.stored[start:stop], dtype=np.float32)

    def rows(self, positions: Positions) -> Vectors:
        """The embeddings at the given positions, of shape (positions, dimension)."""
        return np.asarray(self.stored[positions], dtype=np.float32)

    def nearest(self, queries: Vectors, k: int) -> tuple[Vectors, Positions]:
        """Scores and positions of the k passages with the largest inner products, by looking at all of them.

        Equal scores stand in the order of the corpus. Both of shape (queries, k).
        """
        k = min(k, len(self))
        scores: Vectors = np.empty((len(queries), 0), np.float32)
        positions: Positions = np.empty((len(queries), 0), np.int64)
        for start in range(0, len(self), _BLOCK):
            block = self.block(start, start + _BLOCK)
            # Some more than asked for: which of equals faiss leaves out is its own choice.
            near, places = faiss.knn(queries, block, min(k + _MARGIN, len(block)), faiss.METRIC_INNER_PRODUCT)
            scores = np.concatenate([scores, np.round(near, _SCORE_DIGITS)], axis=1)
            positions = np.concatenate([positions, places + start], axis=1)
            scores, positions = _ranked(scores, positions, k + _MARGIN)
        return scores[:, :k], positions[:, :k]

    def rescored(self, queries: Vectors, candidates: Positions, k: int) -> tuple[Vectors, Positions]:
        """The best k of each query's candidates by exact inner products; -inf, -1 where there are fewer."""
        scores = np.full(candidates.shape, -np.inf, np.float32)
        for query, places, row in zip(queries, candidates, scores, strict=True):
            there = places >= 0
            if there.any():
                row[there] = np.round(self.rows(places[there]) @ query, _SCORE_DIGITS)
        return _ranked(scores, candidates, k)


def _ranked(scores: Vectors, positions: Positions, k: int) -> tuple[Vectors, Positions]:
    """The first k of each row, best score first, equal ones by position."""
    order = np.lexsort((positions, -scores), axis=1)[:, :k]
    return np.take_along_axis(scores, order, 1), np.take_along_axis(positions, order, 1)
