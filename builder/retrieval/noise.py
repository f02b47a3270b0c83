"""Spoilt searches on purpose: the retrieval noise that a robust agent has to bear.

Five kinds, each for a share of the queries:

    drop        the search fails, and the model is told so (not the infrastructure, which would try again)
    empty       nothing is found
    swap        the results of another query: the title ranked last of `_FAR` for this one
    distract    look-alikes: in place of the best passages those ranked below them, of other titles
    contradict  names and numbers replaced by others of their kind (`contradiction`)

What befalls a query depends on seed, query and kind alone: whoever asks again, in whatever order and on
whatever machine, gets the same. The shares are exact: a query meets one kind at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import ConfigError, Problem, unknown
from ..schema import Hit
from .chance import chance
from .contradiction import contradict
from .retriever import FailedSearch, Retriever

KINDS = ("drop", "empty", "swap", "distract", "contradict")
FAILURE = "the search engine did not answer"
"""What the model is told of a dropped search."""

_FAR = 50
_LOOK_ALIKES = 4


@dataclass(frozen=True, slots=True)
class NoisyRetriever:
    """A retriever some of whose results are spoilt. `shares` has kinds of `KINDS` and sums to 1 at most."""

    inner: Retriever
    shares: Mapping[str, float]
    seed: int = 0

    @property
    def name(self) -> str:
        """E.g. `noise(drop=0.1,swap=0.05,seed=0)/bm25-tantivy@ab12cd34`."""
        shares = ",".join(f"{kind}={self.shares[kind]:g}" for kind in KINDS if self.shares.get(kind))
        return f"noise({shares},seed={self.seed})/{self.inner.name}"

    @property
    def corpus(self) -> str:
        """The inner retriever's corpus."""
        return self.inner.corpus

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """The inner retriever's hits, spoilt where chance says so.

        Raises:
            RetrieverError: the inner retriever failed.
        """
        kinds = [self.kind_of(query) for query in queries]
        clean = [query for query, kind in zip(queries, kinds, strict=True) if kind is None]
        results = iter(self.inner.search(clean, k)) if clean else iter(())
        return [
            next(results) if kind is None else self._spoilt(kind, query, k)
            for query, kind in zip(queries, kinds, strict=True)
        ]

    def kind_of(self, query: str) -> str | None:
        """What befalls a query; None: nothing."""
        left = 1.0
        for kind in KINDS:
            share = self.shares.get(kind, 0.0)
            # Of the queries that no earlier kind took, as many as make up the share of all.
            if share and chance(self.seed, kind, query) * left < share:
                return kind
            left -= share
        return None

    def _spoilt(self, kind: str, query: str, k: int) -> list[Hit]:
        spoil: dict[str, Callable[[str, int], list[Hit]]] = {
            "drop": lambda query, k: FailedSearch(FAILURE),
            "empty": lambda query, k: [],
            "swap": self._swapped,
            "distract": self._distracted,
            "contradict": self._contradicted,
        }
        return spoil[kind](query, k)

    def _swapped(self, query: str, k: int) -> list[Hit]:
        right = self._inner(query, max(k, _FAR))
        if not right:
            return []
        avoided = {hit.passage.id for hit in right[:k]}
        others = self._inner(right[-1].passage.title or right[-1].passage.text, 2 * k)
        return [hit for hit in others if hit.passage.id not in avoided][:k]

    def _distracted(self, query: str, k: int) -> list[Hit]:
        ranked = self._inner(query, _LOOK_ALIKES * k)
        titles = {hit.passage.title for hit in ranked[:k]}
        return [hit for hit in ranked[k:] if hit.passage.title not in titles][:k]

    def _contradicted(self, query: str, k: int) -> list[Hit]:
        ranked = self._inner(query, _LOOK_ALIKES * k)
        return contradict(ranked[:k], [hit.passage for hit in ranked], query, self.seed)

    def _inner(self, query: str, k: int) -> list[Hit]:
        return self.inner.search([query], k)[0]


def parse_noise(texts: Sequence[str]) -> dict[str, float]:
    """The shares that options such as `drop=0.1` name, by kind in the order of `KINDS`.

    Raises:
        ConfigError: not of that form, an unknown kind, one named twice, or shares beyond 1 in total.
    """
    shares: dict[str, float] = {}
    for text in texts:
        kind, _, share = text.partition("=")
        if kind not in KINDS:
            raise ConfigError(str(unknown("--noise", kind, KINDS)))
        if kind in shares:
            raise ConfigError(str(Problem("--noise", "must name a kind once", list(texts), "Name it once.")))
        shares[kind] = _share(text, share)
    if sum(shares.values()) > 1:
        fix = "A search is spoilt in one way at most."
        raise ConfigError(str(Problem("--noise", "must sum to 1 at most", list(texts), fix)))
    return {kind: shares[kind] for kind in KINDS if shares.get(kind)}


def _share(text: str, share: str) -> float:
    try:
        value = float(share)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        fix = "Write it as KIND=SHARE, for example drop=0.1."
        raise ConfigError(str(Problem("--noise", "must have a share between 0 and 1", text, fix)))
    return value
