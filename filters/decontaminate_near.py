"""Near duplicates among questions: groups that are connected by pairs of high Jaccard similarity.

A question is the multiset of its word trigrams, padded at both ends so that every word counts the same.
Trigrams rather than words: `Where was the director of X born?` and the same question about Y share most
words, but are two questions. Candidates come from MinHash signatures (Broder 1997; datasketch) cut into bands
(Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, 3.4); every candidate is checked by its exact
similarity, so chance can only miss a pair, and at the threshold it misses fewer than one in a thousand.
Questions that are in one group already are not compared any more: a thousand questions from one template have
half a million pairs, of which less than a thousand are needed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from datasketch import MinHash
from numpy.typing import NDArray

PERMUTATIONS = 128
RECALL = 0.999
"""Least chance that a pair exactly at the threshold becomes a candidate."""

Shingles = frozenset[tuple[str, str, str, int]]
Signatures = NDArray[np.uint32]
Places = NDArray[np.intp]


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

    def alike(one: int, other: int) -> bool:
        return jaccard(shingled(one), shingled(other)) >= near

    signatures, groups = _signatures(questions, seed, progress), _Groups(len(questions))
    count, rows = bands(near)
    for start in range(0, count * rows, rows):  # one band at a time: datasketch's index holds them all
        for bucket in _buckets(signatures[:, start : start + rows]):
            _join(bucket, signatures[bucket], _least(near), alike, groups)
    return [groups.first(index) for index in range(len(questions))]


class _Groups:
    """Questions that belong together, each group by its first question (union-find)."""

    def __init__(self, size: int) -> None:
        self._earlier = list(range(size))

    def first(self, index: int) -> int:
        """The first question of the group."""
        while (earlier := self._earlier[index]) != index:
            self._earlier[index] = index = self._earlier[earlier]
        return index

    def join(self, one: int, other: int) -> None:
        """Make two groups one."""
        one, other = self.first(one), self.first(other)
        self._earlier[max(one, other)] = min(one, other)


def _signatures(questions: Sequence[Sequence[str]], seed: int, progress: Callable[[int], None]) -> Signatures:
    """One row of `PERMUTATIONS` minima a question; hashes have 32 bits."""
    texts = ([" ".join(map(str, shingle)).encode() for shingle in shingles(words)] for words in questions)
    signatures = np.empty((len(questions), PERMUTATIONS), np.uint32)
    for index, sketch in enumerate(MinHash.generator(texts, num_perm=PERMUTATIONS, seed=seed)):
        signatures[index] = sketch.hashvalues
        progress(1)
    return signatures


def bands(near: float) -> tuple[int, int]:
    """Number of bands and rows in each: the longest bands that still give `RECALL` at similarity `near`.

    A pair of similarity s agrees in at least one of b bands of r rows with the chance 1 - (1 - s^r)^b.
    """
    for rows in range(PERMUTATIONS, 1, -1):
        count = PERMUTATIONS // rows
        if 1 - (1 - near**rows) ** count >= RECALL:
            return count, rows
    return PERMUTATIONS, 1


def _least(near: float) -> float:
    """The share of equal minima that a candidate must have, an estimate of its similarity: four standard
    deviations below `near` are let through."""
    return near - 4 * math.sqrt(near * (1 - near) / PERMUTATIONS)


def _join(
    bucket: Places, members: Signatures, least: float, alike: Callable[[int, int], bool], groups: _Groups
) -> None:
    """Join the groups of questions that agree in a band where two of them are alike."""
    group = np.array([groups.first(int(index)) for index in bucket])
    for place, index in enumerate(bucket.tolist()):
        others = place + 1 + np.flatnonzero(group[place + 1 :] != group[place])
        if not len(others):  # those that follow are of one group
            return
        candidates = others[(members[others] == members[place]).mean(axis=1) >= least]
        joined = [other for other in candidates.tolist() if alike(index, int(bucket[other]))]
        for other in joined:
            groups.join(index, int(bucket[other]))
        group[np.isin(group, group[joined])] = group[place]


def _buckets(band: Signatures) -> list[Places]:
    """Indices, in rising order, of the questions that agree in the band, where there are several."""
    _, bucket, counts = np.unique(band, axis=0, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(counts[bucket] > 1)
    order = shared[np.argsort(bucket[shared], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(bucket[order])) + 1) if len(order) else []
