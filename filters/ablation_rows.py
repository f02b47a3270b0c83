"""The rows of an ablation: every recipe's verdict beside the numbers that are averaged over what it keeps.

Scalar columns alone are scanned; text is read later, for the few rows that are shown. The verdicts of judges
without a column of their own stand in the judgements table; each takes part like a recipe, as `judge:NAME`.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

import polars as pl

from ..builder.errors import DataError, Problem, RecipeError, unknown
from ..builder.readable import Readable
from ..builder.schema import COLUMNS, Judgement
from ..builder.verdicts import JUDGES
from ..builder.world.questions import DATASET as DEMO_WORLD
from .ablation_types import Judge
from .engines import Engine, verdicts
from .recipes import Recipe
from .sweeps import Sweep

SOURCE = "source"
NO_SOURCE = "?"
"""The source of rows in which the column that they are grouped by is null."""

MOST_SOURCES = 100
_FACTS = ("f1", "n_searches", "prompt_tokens", "completion_tokens", "dataset")
_SCALARS = (pl.String, pl.Boolean, pl.Int64)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is compared: a recipe, one parameter swept or not, or a judge. `column` holds its verdicts."""

    column: str
    name: str
    title: str
    sql: str
    hash: str | None
    swept: tuple[str, float] | None = None

    @classmethod
    def of(cls, recipe: Recipe, column: str, swept: tuple[str, float] | None = None) -> Candidate:
        """A recipe."""
        return cls(column, recipe.name, recipe.title, recipe.readable_sql, recipe.hash, swept)


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows, by id in the order of the ids: `id`, `source`, `f1`, `n_searches`, `tokens`, and a verdict
    per candidate. `candidates` are the recipes, then the judges; `swept` the recipes with other values."""

    frame: pl.DataFrame
    candidates: tuple[Candidate, ...]
    swept: tuple[Candidate, ...]
    judges: tuple[Judge, ...]
    sources: tuple[str, ...]
    simulated: bool


@dataclass(slots=True)
class _Judged:
    """Verdicts of the judges without a column, and counts of all."""

    counts: Counter[tuple[str, str, str | None, bool | None]] = field(default_factory=Counter)
    ids: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    verdicts: dict[str, list[bool | None]] = field(default_factory=dict[str, list[bool | None]])

    @classmethod
    def of(cls, judgements: Iterable[Judgement]) -> _Judged:
        judged = cls()
        for entry in judgements:
            judged.counts[entry.judge, entry.model, entry.prompt_hash, entry.verdict] += 1
            if entry.judge not in JUDGES:
                judged.ids.setdefault(entry.judge, []).append(entry.row_id)
                judged.verdicts.setdefault(entry.judge, []).append(entry.verdict)
        return judged

    def judges(self) -> tuple[Judge, ...]:
        keys = sorted({key[:3] for key in self.counts}, key=lambda key: (key[0], key[1], key[2] or ""))
        return tuple(
            Judge(*key, *(self.counts[*key, verdict] for verdict in (True, False, None))) for key in keys
        )

    def candidate(self, judge: str, column: str) -> Candidate:
        models = sorted({model for name, model, *_ in self.counts if name == judge})
        title = f"Verdict of the judge {judge} ({', '.join(models)})"
        return Candidate(column, f"judge:{judge}", title, f"the judgement of {judge}", None)

    def frame(self, judge: str, column: str) -> pl.DataFrame:
        kinds = {"id": pl.String, column: pl.Boolean}
        return pl.DataFrame({"id": self.ids[judge], column: self.verdicts[judge]}, schema=kinds)


def read_rows(
    dataset: Readable, recipes: Sequence[Recipe], sweeps: Sequence[Sweep], by: str | None, engine: Engine
) -> Rows:
    """Verdicts and numbers of all raw rows.

    Raises:
        DataError: no such column to group by, or one with too many values; or a file cannot be read.
        RecipeError: a recipe cannot run, two have one name, or no recipe has a parameter that is swept.
        HubError: the Hub refuses or cannot be reached.
    """
    given = tuple(Candidate.of(recipe, f"recipe {place}") for place, recipe in enumerate(recipes))
    variants = _variants(recipes, sweeps)
    swept = tuple(candidate for candidate, _ in variants)
    bound = [*recipes, *(recipe for _, recipe in variants)]
    frame = _facts(dataset, by)
    frame = frame.hstack(_verdicts(dataset, bound, [one.column for one in (*given, *swept)], engine))
    judged = _Judged.of(dataset.judgements())
    others = tuple(judged.candidate(judge, f"judge {place}") for place, judge in enumerate(judged.ids))
    for judge, candidate in zip(judged.ids, others, strict=True):
        frame = frame.join(judged.frame(judge, candidate.column), on="id", how="left", maintain_order="left")
    simulated = bool((frame["dataset"] == DEMO_WORLD).any())
    sources = tuple(frame[SOURCE].unique().sort()) if by else ()
    return Rows(
        frame.drop("dataset").sort("id"), (*given, *others), swept, judged.judges(), sources, simulated
    )


def _variants(recipes: Sequence[Recipe], sweeps: Sequence[Sweep]) -> list[tuple[Candidate, Recipe]]:
    """Every recipe that has a swept parameter, once for each value, under a name of its own."""
    found: list[tuple[Candidate, Recipe]] = []
    for sweep in sweeps:
        fitting = [recipe for recipe in recipes if sweep.fits(recipe)]
        if not fitting:
            names = sorted({name for recipe in recipes for name in recipe.values})
            raise RecipeError(str(unknown("parameter to sweep", sweep.parameter, names)))
        for recipe in fitting:
            for text, bound in zip(sweep.values, sweep.over(recipe), strict=True):
                column = f"sweep {len(found)}"
                swept = sweep.parameter, _number(sweep.parameter, text)
                found.append((Candidate.of(bound, column, swept), dataclasses.replace(bound, name=column)))
    return found


def _number(parameter: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise RecipeError(
            str(Problem("--sweep", "must have numbers as values", f"{parameter}={text}", "Use --set."))
        ) from error


def _facts(dataset: Readable, by: str | None) -> pl.DataFrame:
    if by is not None and by not in COLUMNS:
        raise DataError(str(unknown("column", by, COLUMNS)))
    table = dataset.table(columns=list(dict.fromkeys(["id", *_FACTS, *([by] if by else [])])))
    frame = cast("pl.DataFrame", pl.from_arrow(table))
    tokens = pl.sum_horizontal("prompt_tokens", "completion_tokens", ignore_nulls=True)
    known = pl.any_horizontal(pl.col("prompt_tokens", "completion_tokens").is_not_null())
    source = _source(frame[by]) if by else pl.lit(NO_SOURCE)
    return frame.select(
        "id",
        "n_searches",
        "dataset",
        pl.col("f1").fill_nan(None),
        pl.when(known).then(tokens).alias("tokens"),
        source.alias(SOURCE),
    )


def _source(values: pl.Series) -> pl.Series:
    fix = "Group by a column such as teacher, dataset or hops."
    if not isinstance(values.dtype, _SCALARS):
        raise DataError(
            str(Problem("--by", "must be a column of text, whole numbers or true/false", values.name, fix))
        )
    if (count := values.n_unique()) > MOST_SOURCES:
        rule = f"must be a column with at most {MOST_SOURCES} different values, not {count:,}"
        raise DataError(str(Problem("--by", rule, values.name, fix)))
    return values.cast(pl.String).fill_null(NO_SOURCE)


def _verdicts(
    dataset: Readable, recipes: Sequence[Recipe], columns: Sequence[str], engine: Engine
) -> pl.DataFrame:
    table = verdicts(dataset, recipes, engine)
    return cast("pl.DataFrame", pl.from_arrow(table.drop_columns(["id"]).rename_columns(list(columns))))
