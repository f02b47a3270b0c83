"""From the options of a run to the search engine that it asks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..config import CollectConfig
from ..source_config import ElasticConfig
from .elastic_client import is_elastic
from .elastic_search import open_elastic
from .retriever import Retriever
from .tantivy_index import TantivyRetriever

NO_SERVER = ElasticConfig()


def open_retriever(config: CollectConfig) -> Retriever:
    """The search engine that a config names.

    Raises: what `open_index` raises.
    """
    return open_index([config.index], config.elastic)


def open_index(specs: Sequence[str | Path], elastic: ElasticConfig = NO_SERVER) -> Retriever:
    """The search engine that a spec names: the folder of an index, or `es:URL/ALIAS[#MODE]`.

    Raises:
        ConfigError: an option about a server is wrong.
        DataError: the index is none, unfinished, damaged or of another version.
        MissingExtraError: an index needs a library that is not installed.
        RetrieverError: the server of an index refuses or cannot be reached.
    """
    (spec,) = specs
    if is_elastic(spec):
        return open_elastic(str(spec), elastic)
    return TantivyRetriever.open(Path(spec))
