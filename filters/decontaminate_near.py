"""Near duplicates among questions: groups that are connected by pairs of high Jaccard similarity.

A question is the multiset of its word trigrams, padded at both ends so that every word counts the same.
Trigrams rather than words: `Where was the director of X born?` and the same question about Y share most
words, but are two questions. Candidates come from MinHash signatures (Broder 1997; datasketch) cut into bands
(Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, 3.4); every candidate is checked by its exact
similarity, so chance can only miss a pair, and at the threshold it misses fewer than one in a thousand.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from datasketch import MinHash
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

PERMUTATIONS = 128
RECALL = 0.999
"""Least chance that a pair exactly at the threshold becomes a candidate."""

Shingles = frozenset[tuple[str, str, str, int]]
Signatures = NDArray[np.uint64]


def shingles(words: Sequence[str]) -> Shingles:
    """The trigrams of the words, with two empty words before and after; the k-th time counts as its own."""
    padded = ("", "", *words, "", "")
    times = Counter[tuple[str, str, str]]()
    found: set[tuple[str, str, str, int]] = set()
    for trigram in zip(padded, padded[1:], padded[2:], strict=False):
        times[trigram] += 1
        found.add((*trigram, times[trigram]))
    return frozenset(found)


def jaccard(first: Shingles, second: Shingles) -> float:
    """Shared trigrams over all trigrams of the two, in [0, 1]."""
    shared = len(first & second)
    return shared / (len(first) + len(second) - shared)


def near_groups(
    questions: Sequence[Sequence[str]], near: float, seed: int, progress: Callable[[int], None]
) -> list[int]:
    """For every question (its words, one at least) the index of the first question of its group.

    A group is connected by pairs whose similarity is at least `near`; its ends may be less alike.
    """
    if not questions:
        return []

    @lru_cache(maxsize=1 << 16)
    def shingled(index: int) -> Shingles:
        return shingles(questions[index])

    candidates = set(_candidates(_signatures(questions, seed, progress), near))
    pairs = [pair for pair in sorted(candidates) if jaccard(shingled(pair[0]), shingled(pair[1])) >= near]
    return _first_of_component(len(questions), pairs)


def _signatures(questions: Iterable[Sequence[str]], seed: int, progress: Callable[[int], None]) -> Signatures:
    """One row of `PERMUTATIONS` minima a question."""
    texts = ([" ".join(map(str, shingle)).encode() for shingle in shingles(words)] for words in questions)
    rows: list[NDArray[np.uint64]] = []
    for sketch in MinHash.generator(texts, num_perm=PERMUTATIONS, seed=seed):
        rows.append(sketch.hashvalues)
        progress(1)
    return np.vstack(rows)


def bands(near: float) -> tuple[int, int]:
    """Number of bands and rows in each: the longest bands that still give `RECALL` at similarity `near`.

    A pair of similarity s agrees in at least one of b bands of r rows with the chance 1 - (1 - s^r)^b.
    """
    for rows in range(PERMUTATIONS, 1, -1):
        count = PERMUTATIONS // rows
        if 1 - (1 - near**rows) ** count >= RECALL:
            return count, rows
    return PERMUTATIONS, 1


def _candidates(signatures: Signatures, near: float) -> Iterator[tuple[int, int]]:
    """Pairs that agree in a whole band, and in about as many places as pairs of that similarity do.

    The share of equal places is an estimate of the similarity; four standard deviations below `near` are let
    through. Only one band is held at a time: datasketch's own index holds them all, some 8 kB a question.
    """
    least = near - 4 * math.sqrt(near * (1 - near) / PERMUTATIONS)
    count, rows = bands(near)
    for start in range(0, count * rows, rows):
        for bucket in _buckets(signatures[:, start : start + rows]):
            members = signatures[bucket]
            for place in range(len(bucket) - 1):
                alike = (members[place + 1 :] == members[place]).mean(axis=1) >= least
                yield from ((int(bucket[place]), int(other)) for other in bucket[place + 1 :][alike])


def _buckets(band: Signatures) -> list[NDArray[np.intp]]:
    """Indices, in rising order, of the questions that agree in the band, where there are several."""
    _, bucket, counts = np.unique(band, axis=0, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(counts[bucket] > 1)
    order = shared[np.argsort(bucket[shared], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(bucket[order])) + 1) if len(order) else []


def _first_of_component(size: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(size, size))
    labels = connected_components(graph, directed=False)[1]
    first = np.unique(labels, return_index=True)[1]
    return first[labels].tolist()
