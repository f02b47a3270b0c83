"""An embedding model of sentence-transformers behind the seam of a server's index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from threading import Lock

from ..retrieval_config import DenseConfig
from ..schema import JsonObject
from .dense_model import Encoder, Encoding, open_encoder, reopen_encoder
from .embedder import Vectors


@dataclass(frozen=True, slots=True)
class DenseEmbedder:
    """An Embedder over one model; threads take turns. Make it with `open_embedder` or `reopen_embedder`."""

    encoder: Encoder
    _lock: Lock = field(default_factory=Lock)

    @property
    def name(self) -> str:
        """The model's name, and a hash over all that changes its vectors but not over where it lies."""
        return f"{self.encoder.encoding.short_name}@{self.encoder.encoding.key[:8]}"

    @property
    def settings(self) -> JsonObject:
        """The encoding, by which `reopen_embedder` finds the same model."""
        return asdict(self.encoder.encoding)

    @property
    def dims(self) -> int:
        """Length of a vector."""
        return self.encoder.dims

    def encode_queries(self, queries: list[str]) -> Vectors:
        """A vector a query, with the query prompt."""
        return self._encode(queries, self.encoder.encoding.query_prompt)

    def encode_passages(self, passages: list[str]) -> Vectors:
        """A vector a passage, with the passage prompt."""
        return self._encode(passages, self.encoder.encoding.passage_prompt)

    def _encode(self, texts: Sequence[str], prompt: str) -> Vectors:
        with self._lock:
            return self.encoder.texts(texts, prompt)


def open_embedder(config: DenseConfig) -> DenseEmbedder:
    """The model that `--dense` names.

    Raises: what `open_encoder` raises.
    """
    return DenseEmbedder(open_encoder(config))


def reopen_embedder(settings: JsonObject, folder: str | None = None) -> DenseEmbedder:
    """The model that an index was built with; `folder` is where it lies by now, if elsewhere.

    Raises: what `reopen_encoder` raises.
    """
    return DenseEmbedder(reopen_encoder(Encoding.read(settings), folder))
