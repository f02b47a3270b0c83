"""Reciprocal rank fusion of several search engines over one corpus.

A passage's score is the sum over the engines of 1 / (c + its rank there), ranks from 1; engines that do not
find it add nothing. c = 60 after G. V. Cormack, C. L. A. Clarke and S. Buettcher, "Reciprocal rank fusion
outperforms Condorcet and individual rank learning methods", SIGIR 2009. Only ranks count, so engines whose
scores have no common scale can be fused.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import ConfigError, Problem
from ..schema import Hit, Passage
from .retriever import Retriever, failure_of

CONSTANT = 60.0
DEPTH = 100


@dataclass(frozen=True, slots=True)
class FusedRetriever:
    """The fusion of the first `depth` passages of each retriever (of the first `k`, where k is larger)."""

    retrievers: tuple[Retriever, ...]
    constant: float = CONSTANT
    depth: int = DEPTH

    @classmethod
    def of(
        cls, retrievers: Sequence[Retriever], constant: float = CONSTANT, depth: int = DEPTH
    ) -> FusedRetriever:
        """Fuse two or more, after a look at their corpora.

        Raises:
            ConfigError: they search different corpora, or one of them stands there twice.
        """
        hashes = {_corpus_hash(retriever) for retriever in retrievers}
        if len(hashes) > 1:
            fix = "Build all of them from the same corpus."
            corpora = [retriever.corpus for retriever in retrievers]
            raise ConfigError(str(Problem("index", "must be over one corpus to be fused", corpora, fix)))
        names = [retriever.name for retriever in retrievers]
        if len(set(names)) < len(names):
            raise ConfigError(str(Problem("index", "must not be fused with itself", names, "Name others.")))
        return cls(tuple(retrievers), constant, depth)

    @property
    def name(self) -> str:
        """E.g. `rrf-60-100(bm25-tantivy@ab12cd34+dense-e5-large-v2@9f8e7d6c)`."""
        inside = "+".join(retriever.name for retriever in self.retrievers)
        return f"rrf-{self.constant:g}-{self.depth}({inside})"

    @property
    def corpus(self) -> str:
        """The first one's name for the corpus that all search."""
        return self.retrievers[0].corpus

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """At most `k` hits a query; scores are sums of reciprocal ranks.

        Raises:
            RetrieverError: one of the engines failed.
        """
        if k < 1:
            return [[] for _ in queries]
        rankings = [retriever.search(queries, max(k, self.depth)) for retriever in self.retrievers]
        return [_fused(results, self.constant, k) for results in zip(*rankings, strict=True)]


def _fused(results: Sequence[list[Hit]], constant: float, k: int) -> list[Hit]:
    """The fusion; where one engine told of a failed search, that."""
    failed = next((hits for hits in results if failure_of(hits) is not None), None)
    return fuse(results, constant)[:k] if failed is None else failed


def fuse(rankings: Sequence[Sequence[Hit]], constant: float = CONSTANT) -> list[Hit]:
    """All passages of some rankings, best first. Equal sums: by the rank in the first ranking, then the next.

    A passage that one ranking holds more than once counts there with its best rank.
    """
    passages: dict[str, Passage] = {}
    ranks: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for number, hits in enumerate(rankings):
        for rank, hit in enumerate(hits, 1):
            passages.setdefault(hit.passage.id, hit.passage)
            ranks[hit.passage.id].setdefault(number, rank)
    none = max(map(len, rankings), default=0) + 1

    def order(hit: Hit) -> tuple[float, ...]:
        return (-hit.score, *(ranks[hit.passage.id].get(number, none) for number in range(len(rankings))))

    sums = {key: sum(1 / (constant + rank) for rank in places.values()) for key, places in ranks.items()}
    return sorted((Hit(passages[key], score) for key, score in sums.items()), key=order)


def _corpus_hash(retriever: Retriever) -> str:
    """The hash in `name@hash`; the name may be chosen freely."""
    return retriever.corpus.rpartition("@")[2]
