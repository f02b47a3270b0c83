"""From the options of a run to the search engine that it asks."""

from __future__ import annotations

from ..config import CollectConfig
from .retriever import Retriever
from .tantivy_index import TantivyRetriever


def open_retriever(config: CollectConfig) -> Retriever:
    """The search engine that a config names.

    Raises:
        DataError: the index is none, unfinished, damaged or of another version.
    """
    return TantivyRetriever.open(config.index)
