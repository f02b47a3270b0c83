"""Search results kept on disk from run to run, so that an engine is asked once for a query."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import diskcache
import orjson

from ..errors import Problem, StorageError
from ..identity import content_hash
from ..schema import Hit, Passage
from .retriever import Retriever, failure_of

_FORMAT = 1
_WAIT_S = 60
_UNLIMITED = 1 << 60


@dataclass(frozen=True, slots=True)
class CachedRetriever:
    """The same results as the retriever inside, hence its name; safe under threads and processes.

    What is kept is keyed by the retriever's name, its corpus, the query and k. Failed searches are not kept.
    """

    inner: Retriever
    store: diskcache.Cache

    @classmethod
    def open(cls, inner: Retriever, folder: Path) -> CachedRetriever:
        """Use the cache in a folder, or begin one.

        Raises:
            StorageError: the folder is not writable, or holds something else.
        """
        with _storage_errors(folder):
            store = diskcache.Cache(
                str(folder), timeout=_WAIT_S, eviction_policy="none", size_limit=_UNLIMITED, cull_limit=0
            )
            return cls(inner, store)

    @property
    def name(self) -> str:
        """The inner retriever's name: a row is the same whether its hits came from the cache or not."""
        return self.inner.name

    @property
    def corpus(self) -> str:
        """The inner retriever's corpus."""
        return self.inner.corpus

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """What the inner retriever gives, which is asked for what is not there yet.

        Raises:
            RetrieverError: the inner retriever failed.
            StorageError: the disk is full or not writable.
        """
        found = {query: self._get(query, k) for query in dict.fromkeys(queries)}
        missing = [query for query, hits in found.items() if hits is None]
        if missing:
            fresh = dict(zip(missing, self.inner.search(missing, k), strict=True))
            for query, hits in fresh.items():
                self._put(query, k, hits)
            found |= fresh
        return [hits if (hits := found[query]) is not None else [] for query in queries]

    def _key(self, query: str, k: int) -> str:
        text = query.encode("utf-8", "surrogatepass").hex()
        return content_hash([_FORMAT, self.inner.name, self.inner.corpus, text, k], 64)

    def _get(self, query: str, k: int) -> list[Hit] | None:
        with _storage_errors(Path(self.store.directory)):
            kept = self.store.get(self._key(query, k), retry=True)
        if not isinstance(kept, bytes):
            return None
        return [Hit(Passage(*texts), score) for *texts, score in orjson.loads(kept)]

    def _put(self, query: str, k: int, hits: list[Hit]) -> None:
        if failure_of(hits) is not None:
            return
        kept = [[hit.passage.id, hit.passage.title, hit.passage.text, hit.score] for hit in hits]
        with _storage_errors(Path(self.store.directory)):
            self.store.set(self._key(query, k), orjson.dumps(kept), retry=True)


@contextmanager
def _storage_errors(folder: Path) -> Generator[None]:
    try:
        yield
    except (OSError, sqlite3.Error, diskcache.Timeout) as error:
        fix = "Free some space, or name another folder with --search-cache."
        raise StorageError(str(Problem(str(folder), "must be a writable cache", str(error), fix))) from error
