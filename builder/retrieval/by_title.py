"""Passages of a corpus by their title, whatever engine searches it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ..schema import Passage
from .retriever import Retriever

_DEPTH = 200
"""Passages of a ranking that are looked through where an engine does not know titles."""


@runtime_checkable
class TitleIndex(Protocol):
    """A search engine that can look a title up."""

    def by_title(self, title: str, most: int) -> list[Passage]:
        """At most `most` passages of exactly that title, in the order of the corpus."""
        ...


def passages_titled(retriever: Retriever, title: str, most: int) -> list[Passage]:
    """At most `most` passages of exactly that title.

    An engine that knows no titles is searched with the title, and the first passages that have it are taken
    in the order of the ranking: of a page with very many passages it may miss some.

    Raises:
        RetrieverError: the engine failed.
    """
    if isinstance(retriever, TitleIndex):
        return retriever.by_title(title, most)
    hits = retriever.search([title], _DEPTH)[0]
    return [hit.passage for hit in hits if hit.passage.title == title][:most]
