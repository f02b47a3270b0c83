"""Ablations made by hand for the tests of the report; their numbers are invented."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise, permutations

from trajset.filters.ablation_types import (
    Ablation,
    Bin,
    Design,
    Estimate,
    Example,
    Histogram,
    Judge,
    Pair,
    RecipeResult,
    SweepPoint,
    Target,
)
from trajset.filters.report.plot import Plot
from trajset.filters.report.plots import drawn

NOTHING = Estimate(None, None, None, 0)

HOSTILE = (
    "<script>alert(1)</script> a|b `code` ``two`` [bold]x[/bold] [link](http://e.x) "
    "$\\alpha$ $ & \x1b[31mred\x1b[0m \x00\x07 \u202ereversed\u202c {{ 7 * 7 }} </svg></style> "
    "\u200b\ud7ff\ufffe # head\r\n\n| new | row |\n![i](//e.x/i)"
)


@dataclass(frozen=True, slots=True)
class Made:
    """A row of the population that samples are counted over."""

    source: str
    f1: float | None
    searches: int
    good: bool


Accepts = Callable[[Made], bool | None]


@dataclass(frozen=True, slots=True)
class Sample:
    """A population, the recipes over it, and how it is labelled."""

    rows: Sequence[Made]
    recipes: dict[str, Accepts]
    design: Design
    share: float
    """Share of the rows that is labelled."""


def population(count: int, sources: Sequence[str], seed: int = 0) -> list[Made]:
    """Rows with an F1 (null for every fiftieth), searches, and whether they are good."""
    draw = random.Random(seed)
    rows: list[Made] = []
    for number in range(count):
        f1 = None if number % 50 == 49 else round(draw.choice((0.0, draw.random(), 1.0, 1.0)), 3)
        searches = draw.choice((0, 1, 1, 2, 2, 3, 4, 6))
        chance = 0.9 if (f1 or 0) > 0.65 and searches else 0.25
        rows.append(Made(sources[number % len(sources)], f1, searches, draw.random() < chance))
    return rows


def above(least: float, searches: int = 0) -> Accepts:
    """F1 above a value, and at least so many searches."""
    return lambda row: None if row.f1 is None else row.f1 > least and row.searches >= searches


RECIPES: dict[str, Accepts] = {
    "llm_judge": above(0.4),
    "llm_judge_reflect": above(0.55),
    "f1_only": above(0.65),
    "f1_search": above(0.65, 1),
}
TITLES = {
    "llm_judge": "An LLM judge calls the answer right",
    "llm_judge_reflect": "An LLM judge, after reflecting on its verdict",
    "f1_only": "F1 above a threshold (standard distillation)",
    "f1_search": "F1 above a threshold, searched first, no memory cues (ASP)",
}
SQL = {
    "llm_judge": "llm_judge",
    "llm_judge_reflect": "llm_judge_reflect",
    "f1_only": "f1 > 0.65",
    "f1_search": "f1 > 0.65 AND n_searches >= 1 AND first_action = 'search' AND n_memory_cues = 0 AND "
    "(answer_in_evidence IS NULL OR answer_in_evidence) AND (hops IS NULL OR evidence_recall >= 0.5)",
}


def estimate(wrong: int, all_of_them: int, design: Design) -> Estimate:
    """A share with a made-up interval."""
    if not all_of_them or design is Design.NONE:
        return NOTHING
    value = wrong / all_of_them
    width = 0.0 if design is Design.CENSUS else 0.9 / all_of_them**0.5
    return Estimate(value, max(0.0, value - width), min(1.0, value + width), all_of_them)


def result(sample: Sample, name: str, accepts: Accepts, source: str | None) -> RecipeResult:
    """A recipe over the rows of a source."""
    rows = [row for row in sample.rows if source in (None, row.source)]
    kept = [row for row in rows if accepts(row)]
    labelled = rows[: round(len(rows) * sample.share)]
    taken = [row for row in labelled if accepts(row)]
    wrong = sum(not row.good for row in taken)
    bad = sum(not row.good for row in labelled)
    scored = [row.f1 for row in kept if row.f1 is not None]
    return RecipeResult(
        recipe=name,
        title=TITLES.get(name, f"Verdict of {name}"),
        sql=SQL.get(name, name),
        hash=f"{len(name):016x}" if name in SQL else None,
        source=source,
        rows=len(rows),
        scored=sum(accepts(row) is not None for row in rows),
        accepted=len(kept),
        labelled=len(labelled),
        labelled_accepted=len(taken),
        fdr=estimate(wrong, len(taken), sample.design),
        fpr=estimate(wrong, bad, sample.design),
        recall=estimate(len(taken) - wrong, len(labelled) - bad, sample.design),
        mean_f1=sum(scored) / len(scored) if scored else None,
        mean_searches=sum(row.searches for row in kept) / len(kept) if kept else None,
        tokens=613 * len(kept) if kept else None,
    )


def pair(
    rows: Sequence[Made], first: tuple[str, Accepts], second: tuple[str, Accepts], source: str | None
) -> Pair:
    """Two recipes over the rows of a source."""
    chosen = [row for row in rows if source in (None, row.source)]
    verdicts = [(first[1](row), second[1](row)) for row in chosen]
    known = [both for both in verdicts if None not in both]
    counts = [known.count(both) for both in ((True, True), (True, False), (False, True), (False, False))]
    return Pair(first[0], second[0], source, *counts)


def histogram(sample: Sample, column: str, recipe: str | None) -> Histogram:
    """F1 in twentieths, searches one by one."""
    rows = [row for row in sample.rows if recipe is None or sample.recipes[recipe](row)]
    edges = [step / 20 for step in range(21)] if column == "f1" else [float(step) for step in range(8)]
    values = [row.f1 if column == "f1" else float(row.searches) for row in rows]
    known = [value for value in values if value is not None]
    last = edges[-1]
    bins = tuple(
        Bin(low, high, sum(low <= value < high or value == high == last for value in known))
        for low, high in pairwise(edges)
    )
    return Histogram(column, recipe, bins, len(values) - len(known))


def example(accepts: str, rejects: str, number: int, source: str | None = None) -> Example:
    """A disagreement over one row; every third has no label."""
    label = (None, True, False)[number % 3]
    return Example(
        accepts=accepts,
        rejects=rejects,
        row_id=f"{number:02d}{'ab' * 7}",
        source=source,
        question=f"Which town is the birthplace of the director of film {number}, and when was it founded?",
        gold_answers=("Bremfeld", "the town of Bremfeld"),
        answer=None if number == 4 else "Bremfeld, founded in 1732",
        f1=None if number == 4 else 0.4,
        n_searches=number % 4,
        correct=label,
        grounded=None if label is False else label,
        note="the founding year was never retrieved" if number == 2 else None,
    )


def only(sample: Sample, accepts: str, rejects: str) -> int:
    """Rows that one recipe accepts and the other rejects."""
    first, second = sample.recipes[accepts], sample.recipes[rejects]
    return sum(first(row) is True and second(row) is False for row in sample.rows)


def sweep(sample: Sample, sources: Sequence[str | None] = (None,)) -> tuple[SweepPoint, ...]:
    """`min_f1` from 0 to 0.9 for the two recipes that have it."""
    least = {"f1_only": 0, "f1_search": 1}
    return tuple(
        SweepPoint("min_f1", step / 10, result(sample, name, above(step / 10, searches), source))
        for name, searches in least.items()
        if name in sample.recipes
        for source in sources
        for step in range(10)
    )


def ablation(sample: Sample, grouped_by: str | None = None) -> Ablation:
    """Everything counted over a sample."""
    sources = sorted({row.source for row in sample.rows}) if grouped_by else []
    groups = [None, *sources]
    names = list(sample.recipes)
    labelled = round(len(sample.rows) * sample.share)
    return Ablation(
        data="runs/demo",
        revision=None,
        rows=len(sample.rows),
        labelled=labelled,
        annotator="oracle" if labelled else None,
        annotators=("oracle",) if labelled else (),
        design=sample.design,
        target=Target.GOOD,
        method="No row is labelled." if not labelled else "Every row is labelled: shares are exact.",
        simulated=False,
        grouped_by=grouped_by,
        judges=(),
        results=tuple(
            result(sample, name, accepts, source)
            for source in groups
            for name, accepts in sample.recipes.items()
        ),
        pairs=tuple(
            pair(sample.rows, first, second, source)
            for source in groups
            for first, second in combinations(sample.recipes.items(), 2)
        ),
        examples=tuple(
            example(*both, number)
            for both in permutations(names[:3], 2)
            for number in range(min(3, only(sample, *both)))
        ),
        sweeps=(),
        histograms=tuple(
            histogram(sample, column, name) for column in ("f1", "n_searches") for name in (None, *names)
        ),
        thresholds={name: 0.65 for name in ("f1_only", "f1_search") if name in sample.recipes},
        config={"recipes": names, "annotator": None, "target": "good", "seed": 0},
        versions={"python": "3.11.7", "trajset": "0.1.0", "duckdb": "2.0.0"},
    )


def demo() -> Ablation:
    """The demo world: exact labels on every row, simulated judges."""
    sample = Sample(population(400, ["demo"]), RECIPES, Design.CENSUS, 1.0)
    knobs = "simulated (wrong answers passed: 0.1, right answers refused: 0.05)"
    return dataclasses.replace(
        ablation(sample),
        simulated=True,
        judges=(
            Judge("llm_judge", knobs, "8d0c1a44f00d5e11", 301, 91, 8),
            Judge("llm_judge_reflect", knobs, None, 255, 145, 0),
        ),
        sweeps=sweep(sample),
        config={"command": "trajset ablate runs/demo --sweep min_f1=0:0.9:0.1 --out report", "seed": 0},
    )


def real_like() -> Ablation:
    """Two sources, a stratified audit by two annotators, a judge's verdicts under its own name."""
    recipes = {name: RECIPES[name] for name in ("f1_only", "f1_search")} | {"judge:gpt-4o": above(0.3)}
    sample = Sample(
        population(965, ["fireact-gpt-3.5-turbo-ft", "r1searcher-qwen2.5-7b"]),
        recipes,
        Design.STRATIFIED,
        0.24,
    )
    made = ablation(sample, "teacher")
    return dataclasses.replace(
        made,
        data="user/hotpot-trajectories",
        revision="4be1c7d2f00d4be1c7d2f00d4be1c7d2f00d4be1",
        annotator="language-model A",
        annotators=("language-model A", "language-model B"),
        method="Weighted shares of a stratified sample; 95 % intervals by the method of a cited paper.",
        judges=(Judge("gpt-4o", "gpt-4o", None, 700, 265, 0),),
        sweeps=sweep(sample, (None, "fireact-gpt-3.5-turbo-ft", "r1searcher-qwen2.5-7b")),
    )


def no_labels() -> Ablation:
    """Nothing is labelled, one recipe accepts nothing and one has no verdict anywhere."""
    recipes: dict[str, Accepts] = {
        "f1_only": above(0.65),
        "f1_search": above(0.65, 1),
        "none_at_all": above(2.0),
        "llm_judge": lambda _: None,
    }
    return ablation(Sample(population(120, ["imported"]), recipes, Design.NONE, 0.0))


def one_recipe() -> Ablation:
    """One recipe, labels that nobody says how they were drawn, no pairs and no examples."""
    recipes = {"f1_only": RECIPES["f1_only"]}
    made = ablation(Sample(population(60, ["imported"]), recipes, Design.UNKNOWN, 0.5))
    return dataclasses.replace(made, examples=())


def small() -> Ablation:
    """What is quick to draw: the rates of one recipe."""
    return dataclasses.replace(one_recipe(), histograms=())


def many_sources() -> Ablation:
    """Fourteen sources, of which the report cannot draw all."""
    sources = [f"system-{number:02d}" for number in range(14)]
    recipes = {name: RECIPES[name] for name in ("f1_only", "f1_search", "llm_judge")}
    sample = Sample(population(2800, sources), recipes, Design.STRATIFIED, 0.3)
    return dataclasses.replace(ablation(sample, "teacher"), sweeps=sweep(sample, (None, *sources)))


def many_recipes() -> Ablation:
    """Eight recipes, most of them close to one another."""
    recipes = {f"f1_above_{step:02d}": above(step / 100, step % 3) for step in range(30, 70, 5)}
    return ablation(Sample(population(500, ["imported"]), recipes, Design.STRATIFIED, 0.4))


def hostile() -> Ablation:
    """Everything that comes from data or its makers is an attack on the report."""
    recipes: dict[str, Accepts] = {"f1_only": above(0.65), f"judge:{HOSTILE}": above(0.4)}
    made = ablation(
        Sample(population(200, [HOSTILE, "日本語 <b>"]), recipes, Design.STRATIFIED, 0.5), HOSTILE
    )
    attack = dataclasses.replace(
        example("f1_only", f"judge:{HOSTILE}", 1, HOSTILE),
        row_id=HOSTILE,
        question=HOSTILE,
        gold_answers=(HOSTILE, ""),
        answer=HOSTILE * 20,
        note=HOSTILE,
    )
    return dataclasses.replace(
        made,
        data=HOSTILE,
        revision=HOSTILE,
        annotator=HOSTILE,
        annotators=(HOSTILE,),
        method=HOSTILE,
        judges=(Judge(HOSTILE, HOSTILE, HOSTILE, 1, 2, 3),),
        examples=(attack,),
        config={"command": HOSTILE, HOSTILE: [HOSTILE, {HOSTILE: None}]},
        versions={HOSTILE: HOSTILE},
    )


ALL: dict[str, Callable[[], Ablation]] = {
    "demo": demo,
    "real_like": real_like,
    "no_labels": no_labels,
    "one_recipe": one_recipe,
    "many_sources": many_sources,
    "many_recipes": many_recipes,
    "hostile": hostile,
}


@cache
def made(name: str) -> tuple[Ablation, tuple[Plot, ...]]:
    """An ablation with its plots, drawn once for all tests."""
    ablation = ALL[name]()
    return ablation, drawn(ablation)
