"""From the options of a run to the search engine that it asks."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from ..config import CollectConfig
from ..errors import DataError, MissingExtraError, unknown
from ..retrieval_config import PLAIN, RetrievalConfig
from ..schema import JsonObject
from .cache import CachedRetriever
from .elastic_client import is_elastic
from .elastic_search import open_elastic
from .embedder import Embedder, OpenEmbedder
from .faults import FaultyRetriever
from .fusion import FusedRetriever
from .index_manifest import BM25, DENSE, read_manifest
from .noise import NoisyRetriever, parse_noise
from .retriever import Retriever
from .tantivy_index import TantivyRetriever


def open_retriever(config: CollectConfig) -> Retriever:
    """The search engine that a config names.

    Raises: what `open_index` raises.
    """
    return open_index(config.index, config.retrieval)


def open_index(specs: Sequence[str | Path], options: RetrievalConfig = PLAIN) -> Retriever:
    """The search engine that one or more specs name, several of them fused, with what the options lay around.

    A spec is the folder of an index, or `es:URL/ALIAS[#MODE]` in Elasticsearch.

    Raises:
        DataError: an index is none, unfinished, damaged or of another version.
        ConfigError: the indexes are over different corpora, or an option is wrong.
        MissingExtraError: an index needs a library that is not installed.
        HubError: the model of a dense index lies on the Hub, which cannot be reached.
        RetrieverError: the server of an index refuses or cannot be reached.
        StorageError: the cache folder is not writable.
    """
    engines = [_open(str(spec), options) for spec in specs]
    if len(engines) == 1:
        return _wrapped(engines[0], options)
    return _wrapped(FusedRetriever.of(engines, options.fusion_constant, options.fusion_depth), options)


def _open(spec: str, options: RetrievalConfig) -> Retriever:
    """One search engine, by what its spec says."""
    if is_elastic(spec):
        return open_elastic(spec, options.elastic, embedders_from(options.embedding_model))
    path = Path(spec)
    engine = read_manifest(path).engine
    if engine == BM25:
        return TantivyRetriever.open(path)
    if engine == DENSE:
        require_dense()
        from .dense_retriever import DenseRetriever

        return DenseRetriever.open(path, options.embedding_model)
    raise DataError(f"{spec}: {unknown('engine', engine, [BM25, DENSE])}")


def _wrapped(retriever: Retriever, options: RetrievalConfig) -> Retriever:
    """Innermost the cache, which must see what the engine says; outermost what breaks on purpose."""
    if options.search_cache is not None:
        retriever = CachedRetriever.open(retriever, options.search_cache)
    if options.noise:
        retriever = NoisyRetriever(retriever, parse_noise(options.noise), options.noise_seed)
    if options.search_failures or options.search_latency:
        shares = (options.search_failures, options.search_latency)
        retriever = FaultyRetriever(retriever, *shares, options.noise_seed)
    return retriever


def embedders_from(folder: str | None) -> OpenEmbedder:
    """What opens the model that an index in Elasticsearch remembers; `folder` is where it lies by now."""

    def embedder(settings: JsonObject) -> Embedder:
        require_dense()
        from .dense_embedder import reopen_embedder

        return reopen_embedder(settings, folder)

    return embedder


def require_dense() -> None:
    """Stop before an import that fails.

    Raises:
        MissingExtraError: a library for indexes of embeddings is not installed.
    """
    if any(find_spec(name) is None for name in ("faiss", "sentence_transformers")):
        raise MissingExtraError("dense", "An index of embeddings")
