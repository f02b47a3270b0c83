"""Search an index in Elasticsearch: BM25, dense, or both fused; many queries go in one request.

The ranks are fused here and not by the server, whose own fusion (the retriever `rrf`) needs a paid licence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, DataError, Problem
from ..schema import Hit, JsonObject
from ..source_config import ElasticConfig
from . import elastic_index as layout
from .elastic_client import Connection, ElasticSpec, connect
from .elastic_index import ElasticMeta
from .embedder import Embedder, OpenEmbedder
from .fusion import DEPTH, fuse

if TYPE_CHECKING:
    from elastic_transport import BaseNode

_SEARCHES = 128
"""Searches in one request."""


@dataclass(frozen=True, slots=True)
class ElasticRetriever:
    """A Retriever over one index; safe to share between threads. Make it with `open_elastic`.

    It keeps to the index that the alias stood for when it was opened: a rebuild in the middle of a run does
    not mix two corpora.
    """

    connection: Connection
    index: str
    meta: ElasticMeta
    embedder: Embedder | None = None

    @property
    def name(self) -> str:
        """Such as `bm25-elasticsearch@ab12cd34`; the hash is over all that changes the ranking."""
        return self.meta.retriever(self.connection.spec.mode)

    @property
    def corpus(self) -> str:
        """Name and content hash of the corpus, the same as the embedded index gives it."""
        return self.meta.corpus

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """At most `k` hits a query, best first; any text is a valid query.

        Scores are BM25, Elasticsearch's cosine score in [0, 1], or the sum of reciprocal ranks.

        Raises:
            RetrieverError: the server refuses, is overloaded or cannot be reached after all retries.
        """
        if not queries or k < 1:
            return [[] for _ in queries]
        match self.connection.spec.mode:
            case "bm25":
                return self._bm25(queries, k)
            case "dense":
                return self._dense(queries, k)
            case "hybrid":
                depth = max(k, DEPTH)
                pairs = zip(self._bm25(queries, depth), self._dense(queries, depth), strict=True)
                return [fuse(pair)[:k] for pair in pairs]

    def _bm25(self, queries: Sequence[str], size: int) -> list[list[Hit]]:
        texts = [layout.query_words(query) for query in queries]
        found = self._all([self._lexical(text, size) for text in texts])
        # A query of stop words alone ("The Who") finds nothing that way: it is asked with them.
        empty = [at for at, text in enumerate(texts) if text and not found[at]]
        again = [at for at in empty if self._only_stop_words(texts[at])]
        wide = self._all([self._lexical(texts[at], size, layout.ALL_WORDS) for at in again])
        for at, ranking in zip(again, wide, strict=True):
            found[at] = ranking
        return found

    def _lexical(self, words: str, size: int, analyser: str = layout.NO_STOP_WORDS) -> JsonObject:
        return layout.bm25_search(words, size, self.meta.settings["title_boost"], analyser)

    def _only_stop_words(self, words: str) -> bool:
        with self.connection.errors():
            reply = self.connection.client.indices.analyze(
                index=self.index, analyzer=layout.NO_STOP_WORDS, text=words
            )
        return not reply["tokens"]

    def _dense(self, queries: Sequence[str], size: int) -> list[list[Hit]]:
        if self.embedder is None:
            raise _no_embedder(self.connection.spec)
        vectors = self.embedder.encode_queries([layout.sendable(query) for query in queries])
        return self._all([layout.knn_search(vector.tolist(), size) for vector in vectors])

    def _all(self, searches: Sequence[JsonObject]) -> list[list[Hit]]:
        """The hits of each search; as many as fit go in one request."""
        found: list[list[Hit]] = []
        for start in range(0, len(searches), _SEARCHES):
            found += self._ask(searches[start : start + _SEARCHES])
        return found

    def _ask(self, searches: Sequence[JsonObject]) -> list[list[Hit]]:
        # Term statistics of all shards together, so that their number does not change a ranking.
        head = {"index": self.index, "search_type": "dfs_query_then_fetch"}
        lines = [line for search in searches for line in (head, search)]
        with self.connection.errors():
            reply = self.connection.client.msearch(searches=lines)
        return [self._hits(response) for response in reply["responses"]]

    def _hits(self, response: JsonObject) -> list[Hit]:
        error = response.get("error")
        shards = response.get("_shards") or {}
        if error is not None:
            raise self.connection.refusal(response.get("status", 500), _reason(error))
        if response.get("timed_out") or shards.get("failed"):
            raise self.connection.refusal(503, f"shards that did not answer: {shards.get('failed', 'some')}")
        return [_hit(hit) for hit in response["hits"]["hits"]]


def _hit(found: dict[str, Any]) -> Hit:
    score = found["sort"][0] if "sort" in found else found["_score"]
    return Hit(layout.passage_of(found["_source"]), float(score))


def _reason(error: JsonObject) -> str:
    return f"{error.get('type')}: {error.get('reason')}"


def open_elastic(
    text: str,
    options: ElasticConfig,
    embedders: OpenEmbedder | None = None,
    node_class: type[BaseNode] | None = None,
) -> ElasticRetriever:
    """Open the index behind an alias, `es:URL/ALIAS[#MODE]`; what it is comes from the server.

    `embedders` opens the model whose name the index remembers, for `#dense` and `#hybrid`.

    Raises:
        ConfigError: a bad spec or option, or an index without (or a program without) the embeddings it needs.
        DataError: the index is not one of ours, or its build is not finished.
        MissingExtraError: elasticsearch is not installed.
        RetrieverError: the server refuses, has no such alias or cannot be reached.
    """
    spec = ElasticSpec.parse(text)
    connection = connect(spec, options, node_class)
    index, meta = lookup(connection)
    return ElasticRetriever(connection, index, meta, _embedder(spec, meta, embedders))


def lookup(connection: Connection) -> tuple[str, ElasticMeta]:
    """Name and description of the one index behind the alias.

    Raises:
        DataError: several indices, or one that is not complete or not ours.
        RetrieverError: no such alias, or the server refuses or cannot be reached.
    """
    spec = connection.spec
    with connection.errors():
        found = connection.client.indices.get(index=spec.alias).body
    if len(found) != 1:
        fix = "Take the alias off all but one."
        raise DataError(str(Problem(str(spec), "must be one index", sorted(found), fix)))
    ((name, values),) = found.items()
    meta = layout.read_meta(str(spec), values["mappings"])
    if not meta.complete:
        fix = "Run the build again; it goes on where it stopped: trajset index CORPUS es:URL/ALIAS"
        raise DataError(str(Problem(str(spec), "must be completely built", name, fix)))
    return name, meta


def _embedder(spec: ElasticSpec, meta: ElasticMeta, embedders: OpenEmbedder | None) -> Embedder | None:
    if spec.mode == "bm25":
        return None
    if meta.vector is None:
        fix = "Build it with embeddings, or leave the # and what follows out."
        raise ConfigError(str(Problem(str(spec), "must hold embeddings", meta.corpus, fix)))
    if embedders is None:
        raise _no_embedder(spec)
    embedder = embedders(meta.vector.settings)
    made = (embedder.name, embedder.dims)
    if made != (meta.vector.model, meta.vector.dims):
        rule = f"must be searched with {meta.vector.model} of {meta.vector.dims} dims"
        raise ConfigError(str(Problem(str(spec), rule, made, "Use that model, or build the index anew.")))
    return embedder


def _no_embedder(spec: ElasticSpec) -> ConfigError:
    fix = "Give a model, or leave the # and what follows out."
    return ConfigError(str(Problem(str(spec), "needs a model that embeds queries", None, fix)))
