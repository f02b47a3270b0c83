"""The seam to search: many queries in, ranked passages out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..schema import Hit


class Retriever(Protocol):
    """Ranks passages of one corpus. Thread-safe: `search` may run in several threads at once."""

    @property
    def name(self) -> str:
        """Kind and settings that change the ranking, e.g. `bm25-tantivy@ab12cd34`; goes into the row."""
        ...

    @property
    def corpus(self) -> str:
        """Name and content hash of the corpus, e.g. `demo-world@9f8e7d6c`; goes into the row."""
        ...

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """At most `k` hits a query, best first; the outer list has the order of `queries`. Any text is valid.
        A search that failed in a way that the model is told of is a `FailedSearch` in its place.

        Raises:
            RetrieverError: the engine failed as a whole.
        """
        ...


class FailedSearch(list[Hit]):
    """What a search gives that failed and that the model is told of: no hits, and why.

    A list, so that nothing that only reads hits needs to know of it.
    """

    def __init__(self, error: str) -> None:
        super().__init__()
        self.error = error


def failure_of(hits: Sequence[Hit]) -> str | None:
    """Why a search failed, None if it did not."""
    return hits.error if isinstance(hits, FailedSearch) else None


@dataclass(frozen=True, slots=True)
class DictRetriever:
    """A fake for tests: hits by exact query, nothing for any other."""

    hits: Mapping[str, Sequence[Hit]]
    name: str = "dict"
    corpus: str = "dict"

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """The prepared hits, cut to `k`."""
        return [list(self.hits.get(query, ()))[:k] for query in queries]
