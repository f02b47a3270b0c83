"""Search an index of embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import faiss
import pyarrow as pa

from ..errors import DataError, Problem, RetrieverError
from ..schema import Hit, Passage
from .combining import Combined
from .dense_ann import FILE as APPROXIMATE
from .dense_ann import candidates, open_approximate
from .dense_model import Encoder, Encoding, Vectors, reopen_encoder
from .dense_vectors import Positions, StoredVectors
from .index_manifest import ENGINE_FOLDER, REBUILD, IndexManifest, read_manifest
from .passage_store import FILE as PASSAGES
from .passage_store import PassageStore

_MORE = 4
_AT_LEAST = 32
"""`_MORE * k + _AT_LEAST` candidates of an approximate index are scored again with the exact embeddings."""


@dataclass(frozen=True, slots=True)
class DenseRetriever:
    """A Retriever over an index of embeddings; safe to share between threads. Make it with `open`.

    Scores are inner products, cosines where the embeddings are normalised, rounded to six decimals.
    """

    name: str
    corpus: str
    ask: Combined[tuple[str, int], list[Hit]]
    passages: PassageStore

    @classmethod
    def open(cls, path: Path, model: str | None = None) -> DenseRetriever:
        """Open a complete index; `model` is the folder of its model if that lies elsewhere by now.

        Raises:
            DataError: not an index, an unfinished or damaged one, or the model is another than it was.
            ConfigError: the model cannot be loaded.
            HubError: the model is on the Hub, which cannot be reached.
        """
        manifest = read_manifest(path)
        encoder = reopen_encoder(Encoding.read(manifest.settings), model)
        engine = _opened(path, manifest, encoder)
        return cls(manifest.retriever, manifest.corpus, Combined(engine.search), engine.passages)

    def by_titles(self, titles: Sequence[str], most: int) -> dict[str, list[Passage]]:
        """At most `most` passages of exactly each title, in the order of the corpus."""
        return self.passages.titled(titles, most)

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """At most `k` hits a query, best first. Any text is valid; a blank one finds nothing.

        Raises:
            RetrieverError: the model or the index failed.
        """
        return self.ask([(query, k) for query in queries])


@dataclass(frozen=True, slots=True)
class _Engine:
    encoder: Encoder
    vectors: StoredVectors
    passages: PassageStore
    approximate: faiss.Index | None

    def search(self, asked: list[tuple[str, int]]) -> list[list[Hit]]:
        """Hits for each query and its k; what stands beside a query does not change them."""
        found: dict[tuple[str, int], list[Hit]] = {}
        for k in {k for query, k in asked if k > 0 and query.strip()}:
            texts = list(dict.fromkeys(query for query, of in asked if of == k and query.strip()))
            found |= {(text, k): hits for text, hits in zip(texts, self._ranked(texts, k), strict=True)}
        return [list(found.get(item, ())) for item in asked]

    def _ranked(self, texts: list[str], k: int) -> list[list[Hit]]:
        try:
            scores, positions = self._nearest(self.encoder.queries(texts), k)
        except (RuntimeError, OSError, ValueError) as error:
            fix = "Open the index again; if that fails, rebuild it."
            raise RetrieverError(str(Problem("search", "must succeed", str(error), fix))) from error
        return [self._hits(*row) for row in zip(scores, positions, strict=True)]

    def _nearest(self, queries: Vectors, k: int) -> tuple[Vectors, Positions]:
        k = min(k, len(self.vectors))
        if self.approximate is None:
            return self.vectors.nearest(queries, k)
        count = min(_MORE * k + _AT_LEAST, len(self.vectors))
        return self.vectors.rescored(queries, candidates(self.approximate, queries, count), k)

    def _hits(self, scores: Vectors, positions: Positions) -> list[Hit]:
        found = zip(scores.tolist(), positions.tolist(), strict=True)
        return [Hit(self.passages[place], score) for score, place in found if place >= 0]


def _opened(path: Path, manifest: IndexManifest, encoder: Encoder) -> _Engine:
    folder, settings = path / ENGINE_FOLDER, manifest.settings
    try:
        vectors = StoredVectors.open(folder, settings["storage"], manifest.passages)
        passages = PassageStore.open(folder / PASSAGES)
        approximate = None
        if settings["faiss"]:
            approximate = open_approximate(folder / APPROXIMATE, settings["faiss_search"])
    except (OSError, ValueError, RuntimeError, pa.ArrowInvalid) as error:
        rule = f"must be readable by {manifest.engine} (built by {manifest.engine_version})"
        raise DataError(str(Problem(str(path), rule, str(error), REBUILD))) from error
    return _Engine(encoder, vectors, passages, approximate)
