"""The seam to a model that turns text into vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
"""Of shape [number of texts, dims]."""


class Embedder(Protocol):
    """Turns texts into vectors of one space, in which near means alike in meaning. Thread-safe."""

    @property
    def name(self) -> str:
        """The model and what else changes its vectors; an index remembers it."""
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


OpenEmbedder = Callable[[str], Embedder]
"""Opens the embedder of that name."""
