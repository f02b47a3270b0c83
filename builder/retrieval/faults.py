"""Slow and failing searches on purpose, to try out what stands around a search engine."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from ..errors import RetrieverError
from ..identity import content_hash
from ..schema import Hit
from .chance import chance
from .retriever import Retriever


@dataclass(frozen=True, slots=True)
class FaultyRetriever:
    """Delays every call and lets a share of them raise, by the queries and how often they were asked.

    So a call that is tried again may succeed, and the same calls meet the same faults in whatever order.
    """

    inner: Retriever
    failures: float
    latency_s: float
    """Mean of the exponentially distributed delay, in seconds."""
    seed: int = 0
    _attempts: Counter[str] = field(default_factory=Counter[str])
    _lock: Lock = field(default_factory=Lock)

    @property
    def name(self) -> str:
        """E.g. `faults(fail=0.05,latency=0.1,seed=0)/bm25-tantivy@ab12cd34`."""
        settings = f"fail={self.failures:g},latency={self.latency_s:g},seed={self.seed}"
        return f"faults({settings})/{self.inner.name}"

    @property
    def corpus(self) -> str:
        """The inner retriever's corpus."""
        return self.inner.corpus

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """The inner retriever's hits, late.

        Raises:
            RetrieverError: as often as `failures` says, or because the inner retriever failed.
        """
        call, attempt = self._attempt(queries, k)
        if self.latency_s:
            time.sleep(-self.latency_s * math.log(1 - chance(self.seed, "latency", call, attempt)))
        if chance(self.seed, "fail", call, attempt) < self.failures:
            raise RetrieverError("search: the engine is down on purpose (--search-failures)")
        return self.inner.search(queries, k)

    def _attempt(self, queries: Sequence[str], k: int) -> tuple[str, int]:
        texts = [query.encode("utf-8", "surrogatepass").hex() for query in queries]
        call = content_hash([texts, k])
        with self._lock:
            self._attempts[call] += 1
            return call, self._attempts[call]
