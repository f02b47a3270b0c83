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

        Raises:
            RetrieverError: the engine failed as a whole.
        """
        ...


@dataclass(frozen=True, slots=True)
class DictRetriever:
    """A fake for tests: hits by exact query, nothing for any other."""

    hits: Mapping[str, Sequence[Hit]]
    name: str = "dict"
    corpus: str = "dict"

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """The prepared hits, cut to `k`."""
        return [list(self.hits.get(query, ()))[:k] for query in queries]
