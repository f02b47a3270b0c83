"""The seam to a model that turns text into vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..schema import JsonObject

Vectors = npt.NDArray[np.float32]
"""Of shape [number of texts, dims]."""


class Embedder(Protocol):
    """Turns texts into vectors of one space, in which near means alike in meaning. Thread-safe."""

    @property
    def name(self) -> str:
        """The model and what else changes its vectors; an index remembers it."""
        ...

    @property
    def settings(self) -> JsonObject:
        """What opens the same model again, to be kept in the index: JSON, without secrets."""
        ...

    @property
    def dims(self) -> int:
        """Length of a vector."""
        ...

    def encode_queries(self, queries: list[str]) -> Vectors:
        """A vector a query, in order; any text is valid."""
        ...

    def encode_passages(self, passages: list[str]) -> Vectors:
        """A vector a passage, in order; any text is valid."""
        ...


OpenEmbedder = Callable[[JsonObject], Embedder]
"""Opens the embedder with those settings."""
