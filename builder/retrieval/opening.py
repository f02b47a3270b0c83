"""From the options of a run to the search engine that it asks."""

from __future__ import annotations

from pathlib import Path

from ..config import CollectConfig
from .elastic_client import is_elastic
from .elastic_search import open_elastic
from .retriever import Retriever
from .tantivy_index import TantivyRetriever


def open_retriever(config: CollectConfig) -> Retriever:
    """The search engine that a config names.

    Raises:
        ConfigError: an option about a server is wrong.
        DataError: the index is none, unfinished, damaged or of another version.
        RetrieverError: the server of an index refuses or cannot be reached.
    """
    if is_elastic(config.index):
        return open_elastic(config.index, config.elastic)
    return TantivyRetriever.open(Path(config.index))
