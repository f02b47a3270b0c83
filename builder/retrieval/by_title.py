"""Passages of a corpus by their title, whatever engine searches it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from ..schema import Passage
from .cache import CachedRetriever
from .fusion import FusedRetriever
from .retriever import Retriever

_DEPTH = 200
"""Passages of a ranking that are looked through where an engine does not know titles."""
_TOGETHER = 64

Titled = Mapping[str, Sequence[Passage]]
"""Passages by title; a title without any may be missing."""


@runtime_checkable
class TitleIndex(Protocol):
    """A search engine that can look titles up."""

    def by_titles(self, titles: Sequence[str], most: int) -> Titled:
        """At most `most` passages of exactly each title, in the order of the corpus."""
        ...


def passages_titled(retriever: Retriever, titles: Iterable[str], most: int) -> Titled:
    """At most `most` passages of exactly each title.

    An engine that knows no titles (Elasticsearch) is searched with each title, and the first passages that
    have it are taken, in the order of the ranking: of a page with very many passages it may miss some.

    Raises:
        RetrieverError: the engine failed.
    """
    wanted = list(dict.fromkeys(titles))
    engines = _engines(retriever)
    if (known := next((one for one in engines if isinstance(one, TitleIndex)), None)) is not None:
        return known.by_titles(wanted, most)
    found: dict[str, list[Passage]] = {}
    for start in range(0, len(wanted), _TOGETHER):
        some = wanted[start : start + _TOGETHER]
        for title, hits in zip(some, engines[0].search(some, _DEPTH), strict=True):
            found[title] = [hit.passage for hit in hits if hit.passage.title == title][:most]
    return found


def _engines(retriever: Retriever) -> Sequence[Retriever]:
    """The search engines over the corpus, without what is laid around them."""
    if isinstance(retriever, CachedRetriever):
        return _engines(retriever.inner)
    return retriever.retrievers if isinstance(retriever, FusedRetriever) else (retriever,)
