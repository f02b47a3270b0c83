"""The ablation: recipes and judges side by side on one dataset, each held against one annotator's labels."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import cycle

from ..builder.errors import ConfigError, Problem
from ..builder.readable import Readable
from ..builder.schema import JsonObject, Label
from .ablation_results import histograms, results
from .ablation_rows import read_rows
from .ablation_types import Ablation, SweepPoint, Target
from .disagreements import examples, pairs
from .engines import Engine
from .recipes import Recipe
from .samples import choose_annotator, sample_of
from .sweeps import Sweep

_LIBRARIES = ("trajset", "duckdb", "polars", "pyarrow", "numpy", "scipy")
_THRESHOLD = "min_f1"


@dataclass(frozen=True, slots=True)
class AblationPlan:
    """What to compare, and how.

    `annotator` is whose labels count, `by` a column to group rows by, such as `teacher`. Every recipe that
    has the parameter of a sweep is run with each of its values. `examples` are shown per ordered pair of
    recipes. Nothing is drawn at random: `seed` is kept for the record.
    """

    recipes: tuple[Recipe, ...]
    annotator: str | None = None
    target: Target = Target.GOOD
    by: str | None = None
    sweeps: tuple[Sweep, ...] = ()
    examples: int = 5
    engine: Engine = "duckdb"
    seed: int = 0


def ablate(dataset: Readable, plan: AblationPlan, data: str) -> Ablation:
    """Compare recipes on a dataset; `data` is what it is called in the report.

    Raises:
        ConfigError: no recipes, or a number of examples below 0.
        DataError: no such annotator, or several and none chosen; no such column; a file cannot be read.
        RecipeError: a recipe cannot run, two have one name, or no recipe has a parameter that is swept.
        HubError: the Hub refuses or cannot be reached.
    """
    _check(plan)
    labels = list(dataset.labels())
    annotators = tuple(sorted({label.annotator for label in labels}))
    annotator = choose_annotator(plan.annotator, annotators)
    theirs = [label for label in labels if label.annotator == annotator]
    rows = read_rows(dataset, plan.recipes, plan.sweeps, plan.by, plan.engine)
    sample = sample_of(theirs, plan.target, rows.frame.height)
    compared = (*rows.candidates, *rows.swept)
    found = list(zip(cycle(compared), results(rows, sample, compared), strict=False))
    return Ablation(
        data=data,
        revision=dataset.revision,
        rows=rows.frame.height,
        labelled=sample.labelled,
        annotator=annotator,
        annotators=annotators,
        design=sample.design,
        target=plan.target,
        method=sample.method,
        simulated=rows.simulated,
        grouped_by=plan.by,
        judges=rows.judges,
        results=tuple(result for candidate, result in found if candidate.swept is None),
        pairs=pairs(rows),
        examples=examples(dataset, rows, _by_row(theirs), plan.examples),
        sweeps=tuple(SweepPoint(*one.swept, result) for one, result in found if one.swept is not None),
        histograms=histograms(rows),
        thresholds=_thresholds(plan.recipes),
        config=_config(plan, data),
        versions={"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
    )


def _check(plan: AblationPlan) -> None:
    if not plan.recipes:
        fix = "Name some, for example f1_only f1_search."
        raise ConfigError(str(Problem("--recipes", "must name at least one recipe", [], fix)))
    if plan.examples < 0:
        fix = "Give 0 to show none."
        raise ConfigError(str(Problem("--examples", "must not be below 0", plan.examples, fix)))


def _by_row(labels: Sequence[Label]) -> dict[str, Label]:
    return {label.row_id: label for label in labels}


def _thresholds(recipes: Sequence[Recipe]) -> dict[str, float]:
    values = {recipe.name: recipe.values.get(_THRESHOLD) for recipe in recipes}
    return {name: float(value) for name, value in values.items() if isinstance(value, int | float)}


def _config(plan: AblationPlan, data: str) -> JsonObject:
    return {
        "data": data,
        "recipes": [recipe.to_json() for recipe in plan.recipes],
        "annotator": plan.annotator,
        "target": plan.target.value,
        "by": plan.by,
        "sweeps": {sweep.parameter: list(sweep.values) for sweep in plan.sweeps},
        "examples": plan.examples,
        "engine": plan.engine,
        "seed": plan.seed,
    }
