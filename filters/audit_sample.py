"""Which rows an annotator should look at: a stratified random sample over the recipes' verdicts.

A stratum is the set of rows on which every recipe says the same (null is not accepted), optionally within one
value of a column. Rows are drawn from each at random, so that every accepted and every rejected part of every
recipe is looked at, and each row's chance to be drawn is known (Cochran, Sampling Techniques, 3rd ed. 1977,
chapter 5). How many rows a stratum of N_h rows gives:

    proportional   n_h ~ N_h: good for every share of the whole (Cochran 5.5)
    neyman         n_h ~ N_h S_h: best for one mean, if the spread S_h is known (Neyman 1934). Nobody knows it
                   before the audit: we take S_h^2 = p (1 - p), p = (recipes that accept + 1) / (recipes + 2).
                   A bad guess costs precision; it biases nothing.
    equal          n_h the same for all: best for comparing strata

At least `min_per_stratum` rows of each are drawn, and a stratum with no more rows than that is taken whole:
the rates are shares of the accepted or of the wrong rows, which may all lie in small strata. But the minimum
takes at most half of the sample, or the large strata, of which most of the whole is made, would be starved.

Rows are ranked within a stratum by a hash of seed and id, and the first n_h are taken: a simple random sample
by permanent random numbers (Ohlsson 1995), the same whatever the order of the rows, on every machine.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import pyarrow as pa

from ..builder.errors import ConfigError, DataError, Problem, unknown

Allocation = Literal["proportional", "neyman", "equal"]
ALLOCATIONS: tuple[Allocation, ...] = get_args(Allocation)

_FEWEST = 2
"""Rows of a stratum below which nobody can say how much they vary."""


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """How many rows, how shared out between the strata, and the seed of the draw."""

    size: int
    allocation: Allocation = "proportional"
    min_per_stratum: int = 10
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Stratum:
    """Rows that are alike to the recipes. `spread` is the guess of S_h, the standard deviation of "good"."""

    name: str
    ids: tuple[str, ...]
    spread: float = 0.5


@dataclass(frozen=True, slots=True)
class SampledRow:
    """A row to label, with what an estimate needs: its stratum, N_h, and n_h / N_h."""

    row_id: str
    stratum: str
    stratum_size: int
    inclusion_probability: float


def strata_of(verdicts: pa.Table, by: Mapping[str, Sequence[object]] | None = None) -> tuple[Stratum, ...]:
    """The strata of a table of verdicts (`id` and a bool column per recipe), by name.

    A stratum is called after its verdicts and values, as in `f1_only+ f1_search- teacher=qwen`. A recipe that
    has no verdict on any row divides nothing and is left out. `by` maps a column to its values, in the order
    of the table.
    """
    recipes = [name for name in verdicts.column_names if name != "id" and _has_verdicts(verdicts, name)]
    accepted = [[value is True for value in verdicts.column(name).to_pylist()] for name in recipes]
    values = [["?" if value is None else str(value) for value in column] for column in (by or {}).values()]
    grouped: defaultdict[tuple[bool | str, ...], list[str]] = defaultdict(list)
    for row, *alike in zip(verdicts.column("id").to_pylist(), *accepted, *values, strict=True):
        grouped[tuple(alike)].append(row)
    names = [*recipes, *(by or {})]
    strata = [Stratum(_name(names, alike), tuple(rows), _spread(alike)) for alike, rows in grouped.items()]
    return tuple(sorted(strata, key=lambda stratum: stratum.name))


def draw_sample(strata: Sequence[Stratum], plan: SamplePlan) -> tuple[SampledRow, ...]:
    """The rows to label, in the order to label them; all of them where `size` reaches the number of rows.

    The order gives two rows of every stratum first, then all strata at an equal pace, so that an audit that
    stops early has still drawn from each at random.

    Raises:
        ConfigError: no such allocation, or `size` is too small for two rows of every stratum.
        DataError: there are no rows.
    """
    counts = allocate(strata, plan)
    keyed: list[tuple[tuple[bool, float, str], SampledRow]] = []
    for stratum, count in zip(strata, counts, strict=True):
        size = len(stratum.ids)
        for place, (shift, row) in enumerate(_ranked(stratum.ids, plan.seed)[:count]):
            pace = (place + shift) / count
            keyed.append(((place >= _FEWEST, pace, row), SampledRow(row, stratum.name, size, count / size)))
    return tuple(row for _, row in sorted(keyed, key=lambda pair: pair[0]))


def allocate(strata: Sequence[Stratum], plan: SamplePlan) -> list[int]:
    """How many rows of each stratum are drawn; they add up to `size`, or to all rows if that is less.

    The minimum is lowered where it would take more than half of the sample, down to two rows a stratum.

    Raises:
        ConfigError, DataError: as for `draw_sample`.
    """
    sizes = [len(stratum.ids) for stratum in strata]
    if plan.allocation not in ALLOCATIONS:
        raise ConfigError(str(unknown("--allocation", plan.allocation, ALLOCATIONS)))
    if not sum(sizes):
        raise DataError(
            str(Problem("sample", "must be drawn from at least one row", 0, "Check the dataset."))
        )
    if plan.size >= sum(sizes):
        return sizes
    floors = _floors(sizes, plan)
    return _rounded(_filled(_weights(strata, plan.allocation), floors, sizes, plan.size), plan.size)


def _has_verdicts(verdicts: pa.Table, name: str) -> bool:
    column = verdicts.column(name)
    return column.null_count < len(column)


def _name(names: Sequence[str], alike: Sequence[bool | str]) -> str:
    marks = {True: "+", False: "-"}
    parts = [
        f"{name}={value}" if isinstance(value, str) else f"{name}{marks[value]}"
        for name, value in zip(names, alike, strict=True)
    ]
    return " ".join(parts) or "all"


def _spread(alike: Sequence[bool | str]) -> float:
    verdicts = [value for value in alike if isinstance(value, bool)]
    share = (sum(verdicts) + 1) / (len(verdicts) + 2)
    return math.sqrt(share * (1 - share))


def _ranked(ids: Sequence[str], seed: int) -> list[tuple[float, str]]:
    """The ids in random order, each with its random number in [0, 1)."""
    key = seed.to_bytes(8, "big", signed=True)
    return sorted((_uniform(row, key), row) for row in ids)


def _uniform(row: str, key: bytes) -> float:
    digest = hashlib.blake2b(row.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest()
    return int.from_bytes(digest, "big") / 2**64


def _weights(strata: Sequence[Stratum], allocation: Allocation) -> list[float]:
    if allocation == "equal":
        return [1.0] * len(strata)
    if allocation == "neyman":
        return [len(stratum.ids) * stratum.spread for stratum in strata]
    return [float(len(stratum.ids)) for stratum in strata]


def _floors(sizes: Sequence[int], plan: SamplePlan) -> list[int]:
    """The largest common minimum, up to the plan's, that takes no more than half of the sample."""
    wanted = max(1, plan.min_per_stratum)
    for least in range(wanted, _FEWEST, -1):
        floors = [min(size, least) for size in sizes]
        if sum(floors) <= plan.size / 2:
            return floors
    least = min(wanted, _FEWEST)
    floors = [min(size, least) for size in sizes]
    if sum(floors) > plan.size:
        rule = f"must be at least {sum(floors)}, for {least} rows of each of the {len(sizes)} strata"
        fix = "Draw more rows, name fewer recipes with --recipes, or leave out --by."
        raise ConfigError(str(Problem("--size", rule, plan.size, fix)))
    return floors


def _filled(weights: Sequence[float], floors: Sequence[int], caps: Sequence[int], total: int) -> list[float]:
    """`scale * weight`, held between floor and cap, with the scale at which they add up to the total."""

    def at(scale: float) -> list[float]:
        bounds = zip(weights, floors, caps, strict=True)
        return [min(max(scale * weight, floor), cap) for weight, floor, cap in bounds]

    low, high = 0.0, max(cap / weight for cap, weight in zip(caps, weights, strict=True))
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(at(middle)) < total else (low, middle)
    return at(high)


def _rounded(shares: Sequence[float], total: int) -> list[int]:
    """Whole numbers that add up to the total: the largest remainders are rounded up."""
    counts = [math.floor(share + 1e-9) for share in shares]
    order = sorted(range(len(shares)), key=lambda index: (counts[index] - shares[index], index))
    for index in order[: total - sum(counts)]:
        counts[index] += 1
    return counts
