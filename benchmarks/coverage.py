"""How often the 95 % intervals of an audit hold the true value: simulated draws from populations fully known.

    trajset quickstart
    python benchmarks/coverage.py trajset-demo/dataset [--draws 500] [--size 300]

Every row of the demo world is labelled exactly, so that FDR, FPR and recall of each recipe are known. The
audit sample that `trajset label sample` would draw is drawn again and again with other seeds, only its labels
are shown to `trajset.filters.estimates`, and the intervals that hold the exact value are counted. Beside it
stand three ways that are often met:

    Wald        estimate +- 1.96 standard errors, stratified, linearised (Cochran 1977, chapters 5 and 6)
    Wilson      Wilson's interval on the bare counts, as if the rows had been drawn at random
    bootstrap   percentiles of 1,000 resamples within the strata

The second table is about other designs and about made-up populations: rare errors, tiny strata, small
samples. The last is about the rows of each source alone, here of each number of hops. A coverage from 500
draws has a standard error of about 1 % where it is 95 %. All of it is simulated.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from machine import describe
from numpy.typing import NDArray
from trajset.builder.dataset import LocalDataset
from trajset.filters.ablation_types import Design, Estimate
from trajset.filters.audit_sample import Allocation, SamplePlan, Stratum, draw_sample, strata_of
from trajset.filters.engines import verdicts
from trajset.filters.estimates import Estimates, Sides, estimates
from trajset.filters.recipes import load_recipe
from trajset.filters.samples import Sample

RECIPES = ("llm_judge", "llm_judge_reflect", "f1_only", "f1_search")
SHARES = ("FDR", "FPR", "recall")
METHODS = ("ours", "Wald", "Wilson", "bootstrap")
RESAMPLES = 1000
Z = 1.959964

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """Rows that are wrong or not, which of them each recipe accepts, and the strata that are drawn from."""

    name: str
    wrong: Bools
    accepts: dict[str, Bools]
    strata: tuple[Stratum, ...]

    def parts(self, recipe: str, share: str) -> tuple[Bools, Bools]:
        """The rows that a share counts, and the others of its denominator."""
        kept, wrong = self.accepts[recipe], self.wrong
        return {
            "FDR": (kept & wrong, kept & ~wrong),
            "FPR": (kept & wrong, ~kept & wrong),
            "recall": (kept & ~wrong, ~kept & ~wrong),
        }[share]

    def exact(self, recipe: str, share: str) -> float:
        part, rest = (int(rows.sum()) for rows in self.parts(recipe, share))
        return part / (part + rest)


@dataclass(frozen=True)
class Draw:
    """A sample: places of its rows, their strata, and the size of each stratum."""

    rows: NDArray[np.intp]
    stratum: NDArray[np.intp]
    sizes: Floats

    @property
    def drawn(self) -> Floats:
        return np.bincount(self.stratum, minlength=len(self.sizes)).astype(float)


def draws(population: Population, plan: SamplePlan, count: int) -> Iterator[Draw]:
    names = {stratum.name: place for place, stratum in enumerate(population.strata)}
    sizes = np.array([len(stratum.ids) for stratum in population.strata], float)
    for seed in range(count):
        seeded = SamplePlan(plan.size, plan.allocation, plan.min_per_stratum, seed)
        drawn = draw_sample(population.strata, seeded)
        rows = np.array([int(row.row_id) for row in drawn], np.intp)
        yield Draw(rows, np.array([names[row.stratum] for row in drawn], np.intp), sizes)


def ours(population: Population, taken: Sequence[Draw]) -> dict[tuple[str, str], Floats]:
    """Low and high ends by recipe and share, of shape (draws, 2)."""
    audits = [
        (sample(population, draw), sides(population, recipe, draw))
        for recipe in population.accepts
        for draw in taken
    ]
    found = iter(estimates(audits))
    by_recipe = {recipe: [next(found)[0] for _ in taken] for recipe in population.accepts}
    return {
        (recipe, share): np.array([ends(estimate_of(one, share)) for one in estimated])
        for recipe, estimated in by_recipe.items()
        for share in SHARES
    }


def sample(population: Population, draw: Draw) -> Sample:
    ids = tuple(str(row) for row in draw.rows)
    wrong = population.wrong[draw.rows].astype(float)
    known = np.zeros(len(ids), bool)
    return Sample(Design.STRATIFIED, len(population.wrong), ids, wrong, known, draw.stratum, draw.sizes)


def sides(population: Population, recipe: str, draw: Draw) -> Sides:
    kept = population.accepts[recipe]
    counts = np.array([[(~kept).sum(), kept.sum()]], float)
    return Sides(kept[draw.rows], np.zeros_like(draw.stratum), counts)


def estimate_of(found: Estimates, share: str) -> Estimate:
    return {"FDR": found.fdr, "FPR": found.fpr, "recall": found.recall}[share]


def ends(found: Estimate) -> tuple[float, float]:
    """Where nothing can be said, anything is possible."""
    return (0.0, 1.0) if found.low is None or found.high is None else (found.low, found.high)


def alternative(
    population: Population, taken: Sequence[Draw], interval: Callable[[Floats, Draw], tuple[float, float]]
) -> dict[tuple[str, str], Floats]:
    """An interval from the labelled rows that count for the share, against it, or not at all."""
    found: dict[tuple[str, str], Floats] = {}
    for recipe in population.accepts:
        for share in SHARES:
            part, rest = population.parts(recipe, share)
            kinds = np.stack([part, rest, ~(part | rest)], axis=1).astype(float)
            found[recipe, share] = np.array([interval(kinds[draw.rows], draw) for draw in taken])
    return found


def wald(kinds: Floats, draw: Draw) -> tuple[float, float]:
    weight = (draw.sizes / np.maximum(draw.drawn, 1))[draw.stratum]
    part, whole = (weight @ kinds[:, 0]), weight @ kinds[:, :2].sum(axis=1)
    if not whole:
        return 0.0, 1.0
    value = part / whole
    left = (kinds[:, 0] - value * kinds[:, :2].sum(axis=1)) / whole
    size = len(draw.sizes)
    sums = np.bincount(draw.stratum, left, size)
    squares = np.bincount(draw.stratum, left**2, size)
    spread = (squares - sums**2 / np.maximum(draw.drawn, 1)) / np.maximum(draw.drawn - 1, 1)
    variance = (draw.sizes**2 * (1 - draw.drawn / draw.sizes) * spread / np.maximum(draw.drawn, 1)).sum()
    error = Z * np.sqrt(max(variance, 0))
    return max(value - error, 0), min(value + error, 1)


def wilson(kinds: Floats, draw: Draw) -> tuple[float, float]:
    part, rest, _ = kinds.sum(axis=0)
    count = part + rest
    if not count:
        return 0.0, 1.0
    value = part / count
    middle = (value + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * np.sqrt(value * (1 - value) / count + Z**2 / (4 * count**2))
    return middle - half, middle + half


def bootstrap(kinds: Floats, draw: Draw) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    part, whole = np.zeros(RESAMPLES), np.zeros(RESAMPLES)
    for place, (size, count) in enumerate(zip(draw.sizes, draw.drawn.astype(int), strict=True)):
        if count:
            shares = kinds[draw.stratum == place].mean(axis=0)
            again = rng.multinomial(count, shares, RESAMPLES) * (size / count)
            part += again[:, 0]
            whole += again[:, 0] + again[:, 1]
    if not whole.any():
        return 0.0, 1.0
    low, high = np.quantile(part[whole > 0] / whole[whole > 0], (0.025, 0.975))
    return float(low), float(high)


ALTERNATIVES = {"Wald": wald, "Wilson": wilson, "bootstrap": bootstrap}


@dataclass(frozen=True)
class Result:
    """One share of one recipe: the exact value, and coverage and mean width of each method."""

    recipe: str
    share: str
    exact: float
    coverage: dict[str, float]
    width: dict[str, float]


def simulate(population: Population, plan: SamplePlan, count: int) -> list[Result]:
    taken = list(draws(population, plan, count))
    found = {"ours": ours(population, taken)}
    found |= {name: alternative(population, taken, way) for name, way in ALTERNATIVES.items()}
    return [result(population, recipe, share, found) for recipe in population.accepts for share in SHARES]


def result(
    population: Population, recipe: str, share: str, found: dict[str, dict[tuple[str, str], Floats]]
) -> Result:
    value = population.exact(recipe, share)
    ends = {method: intervals[recipe, share] for method, intervals in found.items()}
    held = {name: (both[:, 0] <= value + 1e-9) & (value - 1e-9 <= both[:, 1]) for name, both in ends.items()}
    return Result(
        recipe,
        share,
        value,
        coverage={name: float(hits.mean()) for name, hits in held.items()},
        width={name: float((both[:, 1] - both[:, 0]).mean()) for name, both in ends.items()},
    )


def demo(path: Path) -> tuple[Population, Population]:
    """The demo world by patterns of verdicts, and by hops, whose strata every recipe cuts across."""
    dataset = LocalDataset.open(path)
    table = verdicts(dataset, [load_recipe(name) for name in RECIPES], "duckdb")
    good = {label.row_id: label.good for label in dataset.labels()}
    wrong = np.array([not good[row] for row in table.column("id").to_pylist()])
    kept = {name: table.column(name).fill_null(False).to_numpy() for name in RECIPES}
    named = table.set_column(0, "id", [[str(row) for row in range(len(wrong))]])
    hops = dataset.table(columns=["hops"]).column("hops").to_pylist()
    patterns = strata_of(named)
    by_hops = strata_of(named.select(["id"]), {"hops": hops})
    return Population("demo", wrong, kept, patterns), Population("demo by hops", wrong, kept, by_hops)


def made_up(name: str, cells: Sequence[tuple[int, int, bool]]) -> Population:
    """A population from its strata: rows, wrong rows among them, and whether the one recipe accepts them."""
    wrong, kept, strata = [], [], []
    for place, (rows, bad, accepted) in enumerate(cells):
        ids = tuple(str(len(wrong) + row) for row in range(rows))
        strata.append(Stratum(f"{place:02d}", ids))
        wrong += [row < bad for row in range(rows)]
        kept += [accepted] * rows
    return Population(name, np.array(wrong), {"recipe": np.array(kept)}, tuple(strata))


RARE = [(1000, 10, True), (1000, 300, False)]
TINY = [
    *((20, 1, True), (15, 0, True), (800, 2, True), (30, 1, True)),
    *((40, 5, False), (10, 8, False), (900, 2, False), (12, 9, False)),
]
SPREAD = [*((100, bad, True) for bad in (3, 2, 1, 2, 4, 1)), (200, 50, False), (200, 60, False)]
HIDDEN = [(1500, 30, True), (50, 0, True), (500, 450, False)]
LARGE = [(10_000, 100, True), (10_000, 3000, False)]


def others(path: Path) -> Iterator[tuple[Population, SamplePlan]]:
    """Designs and populations beside the one that the first table is about."""
    demo_world, by_hops = demo(path)
    allocations: tuple[Allocation, ...] = ("neyman", "equal")
    yield from ((demo_world, SamplePlan(300, allocation)) for allocation in allocations)
    yield from ((demo_world, SamplePlan(size)) for size in (120, 500))
    yield from ((by_hops, SamplePlan(size)) for size in (60, 300))
    yield from ((made_up("rare errors", RARE), SamplePlan(size)) for size in (60, 200, 500))
    yield made_up("rare, 20,000 rows", LARGE), SamplePlan(300)
    yield made_up("tiny strata, some whole", TINY), SamplePlan(200)
    yield made_up("few errors in many strata", SPREAD), SamplePlan(120)
    yield made_up("large stratum, few drawn", HIDDEN), SamplePlan(60, "equal")


def print_table(results: Sequence[Result], count: int) -> None:
    heads = ["exact", *(f"{method}: coverage" for method in METHODS), *(f"{name}: width" for name in METHODS)]
    print("| recipe | share | " + " | ".join(heads) + " |")
    print("|---|---" + "|---:" * len(heads) + "|")
    for one in results:
        covered = [f"{one.coverage[name]:.1%}{error(one.coverage[name], count)}" for name in METHODS]
        widths = [f"{100 * one.width[name]:.1f}" for name in METHODS]
        print(f"| {one.recipe} | {one.share} | {one.exact:.1%} | {' | '.join([*covered, *widths])} |")


def error(coverage: float, count: int) -> str:
    return f" ± {100 * np.sqrt(coverage * (1 - coverage) / count):.1f}"


def print_summary(population: Population, plan: SamplePlan, results: Sequence[Result]) -> None:
    lowest = [f"{min(one.coverage[name] for one in results):.1%}" for name in METHODS]
    widths = [f"{100 * np.mean([one.width[name] for one in results]):.1f}" for name in METHODS]
    design = f"{population.name}, {plan.size} {plan.allocation}"
    print(f"| {design} | {len(population.strata)} | {' | '.join([*lowest, *widths])} |", flush=True)


def print_by_source(path: Path, plan: SamplePlan, count: int) -> None:
    """Ours on each source alone, with strata that do not know the sources."""
    population, by_hops = demo(path)
    taken = list(draws(population, plan, count))
    print("| recipe | share | lowest coverage | highest | mean width |\n|---|---|---:|---:|---:|")
    for recipe in population.accepts:
        estimated = estimates(
            [(sample(population, draw), split(population, by_hops, recipe, draw)) for draw in taken]
        )
        for share in SHARES:
            held, width = zip(
                *(
                    of_source(population, stratum, (recipe, share), [found[place] for found in estimated])
                    for place, stratum in enumerate(by_hops.strata)
                ),
                strict=True,
            )
            print(f"| {recipe} | {share} | {min(held):.1%} | {max(held):.1%} | {100 * np.mean(width):.1f} |")


def split(population: Population, by_hops: Population, recipe: str, draw: Draw) -> Sides:
    kept, source = population.accepts[recipe], np.zeros(len(population.wrong), np.intp)
    for place, stratum in enumerate(by_hops.strata):
        source[[int(row) for row in stratum.ids]] = place
    counts = np.stack(
        [np.bincount(source[side], minlength=len(by_hops.strata)) for side in (~kept, kept)], axis=1
    )
    return Sides(kept[draw.rows], source[draw.rows], counts.astype(float))


def of_source(
    population: Population, stratum: Stratum, what: tuple[str, str], found: Sequence[Estimates]
) -> tuple[float, float]:
    """Coverage and mean width of a recipe's share among the rows of one source."""
    rows = [int(row) for row in stratum.ids]
    part, rest = (int(kind[rows].sum()) for kind in population.parts(*what))
    value = part / (part + rest)
    both = np.array([ends(estimate_of(one, what[1])) for one in found])
    held = (both[:, 0] <= value + 1e-9) & (value - 1e-9 <= both[:, 1])
    return float(held.mean()), float((both[:, 1] - both[:, 0]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--short", action="store_true", help="only the first table")
    args = parser.parse_args()
    started = time.perf_counter()
    print(f"{describe('numpy', 'scipy', 'polars')}\n")
    print(f"{args.draws} simulated draws of {args.size} rows; widths in percentage points\n")
    print_table(simulate(demo(args.dataset)[0], SamplePlan(args.size), args.draws), args.draws)
    if not args.short:
        heads = [*(f"{name}: lowest coverage" for name in METHODS), *(f"{name}: width" for name in METHODS)]
        print("\nLowest coverage over recipes and shares, and mean width:\n")
        print(f"| population, rows drawn | strata | {' | '.join(heads)} |\n|---{'|---:' * (len(heads) + 1)}|")
        for population, plan in others(args.dataset):
            print_summary(population, plan, simulate(population, plan, args.draws))
        print(f"\nBy hops, each a source of its own, {args.size} rows drawn by the recipes' verdicts:\n")
        print_by_source(args.dataset, SamplePlan(args.size), args.draws)
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
