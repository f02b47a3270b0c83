"""A fake embedder for tests: texts that share words are near each other."""

from __future__ import annotations

import numpy as np
from trajset.builder.identity import text_hash
from trajset.builder.retrieval.embedder import Vectors
from trajset.builder.schema import JsonObject


class Hashed:
    """A text's vector is the sum of vectors drawn by the hashes of its words."""

    dims = 16

    def __init__(self, name: str = "hashed") -> None:
        self.name = name

    @property
    def settings(self) -> JsonObject:
        return {"name": self.name}

    def encode_queries(self, queries: list[str]) -> Vectors:
        return np.array([self._vector(text) for text in queries], dtype=np.float32)

    encode_passages = encode_queries

    def _vector(self, text: str) -> np.ndarray:
        words = text.lower().split() or ["nothing"]
        seeds = (int(text_hash(word.strip(".")), 16) % 2**32 for word in words)
        return np.sum([np.random.default_rng(seed).normal(size=self.dims) for seed in seeds], axis=0)


def opened(settings: JsonObject) -> Hashed:
    return Hashed(settings["name"])
