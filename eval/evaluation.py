"""Rows of any number of datasets -> an `Evaluation`: everything that a report shows.

datasets ──> numbers of all rows ──> measurements, one a cell (`cells`)
wrong rows ──> whole, one pass ──> why each is wrong (`failures`)
both ──> summaries, pairs, failures, noise curves, splits of the loss; probes are read from their files
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import combinations
from pathlib import Path

import polars as pl

from ..builder.errors import DataError, Problem
from ..builder.hub_client import THE_HUB, HubSite
from ..builder.schema import Row
from ..builder.world.questions import DATASET as DEMO_WORLD
from .bootstrap import DEFAULT, Draws
from .cells import Mode
from .comparison import loss_splits, noise_curves, paired_each
from .failure_judge import FailureJudge
from .failures import WRONG, WrongRows, failures_of, with_failures
from .frame import Measurement
from .gathering import Gathered, gather, measurements
from .metrics import summarise
from .question_facts import read_facts
from .results import Evaluation, Failure, Probe
from .results_json import read_probe
from .sources import RowsInMemory, RowSource, find_datasets, find_probes

_SIMULATED = "simulated"
_COMPARED = ("f1", "em", WRONG, *map(str, Failure))


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """How rows are evaluated. `questions` are files with types, hops, supporting titles (`question_facts`).

    `examples` of wrong rows are kept for each class; `most_pairs` of measurements are compared in each group
    of measurements that could be. A `judge` says why rows are wrong, in place of the rule.
    """

    questions: tuple[Path, ...] = ()
    wrong: WrongRows = field(default_factory=WrongRows)
    examples: int = 3
    most_pairs: int = 30
    draws: Draws = DEFAULT
    judge: FailureJudge | None = None


OPTIONS = EvaluationOptions()


def evaluate_datasets(
    places: Sequence[str], options: EvaluationOptions = OPTIONS, site: HubSite = THE_HUB
) -> Evaluation:
    """Evaluate datasets, each named by itself or by a folder above it, and the probes in or below folders.

    Raises:
        DataError: nothing to evaluate is there, or a file cannot be read.
        ConfigError: an option is wrong.
        HubError: the Hub refuses or cannot be reached.
    """
    sources = find_datasets(places, site)
    folders = [Path(place).expanduser() for place in places]
    probes = [read_probe(file).probe for file in find_probes(folders)]
    names = ", ".join(sorted(Path(place).name for place in places))
    return evaluate(sources, probes, options, {"datasets": names})


def evaluate_rows(rows: Iterable[Row], options: EvaluationOptions = OPTIONS) -> Evaluation:
    """Evaluate rows in memory.

    Raises:
        DataError: no rows, or a file with questions cannot be read.
        ConfigError: an option is wrong.
    """
    return evaluate([RowsInMemory(list(rows))], [], options)


def evaluate(
    sources: Sequence[RowSource],
    probes: Sequence[Probe],
    options: EvaluationOptions = OPTIONS,
    facts: Mapping[str, str] | None = None,
) -> Evaluation:
    """Evaluate what several sources hold; a row that stands in several counts once. `facts` are kept.

    Raises:
        DataError: no rows and no probes, or a file cannot be read.
        ConfigError: no such measure to tell wrong rows by.
        ChatServerError: the judge's server refuses for good.
    """
    found = gather(sources, read_facts(options.questions), options.wrong, options.judge)
    if found is None:
        return _of_probes(probes, facts or {})
    plain = measurements(found.frame)
    flagged = [with_failures(one, found.causes, options.wrong) for one in plain]
    chosen, left_out = _pairs(flagged, options.most_pairs)
    draws = options.draws
    return Evaluation(
        summaries=tuple(summarise(one, draws) for one in plain),
        paired=tuple(pair for two in chosen for pair in paired_each(*two, _COMPARED, draws)),
        failures=tuple(failures_of(one, found.causes, options.examples, draws) for one in flagged),
        noise=noise_curves(plain, draws),
        losses=loss_splits(plain, draws),
        probes=tuple(probes),
        facts={**(facts or {}), **_facts(found, options, left_out)},
        simulated=_is_simulated(found.frame) or any(probe.simulated for probe in probes),
    )


def _of_probes(probes: Sequence[Probe], facts: Mapping[str, str]) -> Evaluation:
    if not probes:
        fix = "Name a dataset, or a folder with datasets below it."
        raise DataError(str(Problem("rows", "must be there to be evaluated", 0, fix)))
    simulated = any(probe.simulated for probe in probes)
    return Evaluation((), (), (), (), (), tuple(probes), facts, simulated)


def _is_simulated(frame: pl.DataFrame) -> bool:
    rows = (pl.col("dataset") == DEMO_WORLD) | (pl.col("teacher") == _SIMULATED)
    return bool(frame.select(rows.any()).item())


def _facts(found: Gathered, options: EvaluationOptions, left_out: int) -> dict[str, str]:
    draws, wrong = options.draws, options.wrong
    judge = options.judge and f"{options.judge.model.name}; {found.unread:,} replies unreadable: by the rule"
    facts = {
        "draws": f"{draws.resamples:,} bootstrap draws of questions, seed {draws.seed}",
        "wrong rows": f"{wrong.measure} at most {wrong.bar:g}",
        "failures by": judge or "the written rule",
        "trajset": version("trajset"),
    }
    return facts | ({"pairs left out": f"{left_out:,}"} if left_out else {})


Two = tuple[Measurement, Measurement]


def _pairs(among: Iterable[Measurement], most: int) -> tuple[list[Two], int]:
    """Which measurements are compared, the one with the higher F1 first; and how many pairs are left out.

    Two models with the same benchmark, mode, noise and retriever; or two retrievers with the same model. In a
    group with more pairs than `most`, those with the best model and those of neighbours in rank go first.
    """
    groups: defaultdict[tuple[str, Mode, str], list[Measurement]] = defaultdict(list)
    for one in among:
        groups[one.cell.benchmark, one.cell.mode, one.cell.noise].append(one)
    chosen: list[Two] = []
    possible = 0
    for group in groups.values():
        ranked = sorted(group, key=_f1, reverse=True)
        places = [
            two for two in combinations(range(len(ranked)), 2) if _comparable(*(ranked[i] for i in two))
        ]
        places.sort(key=lambda two: (min(two[0], two[1] - two[0] - 1), two))
        chosen += [(ranked[one], ranked[other]) for one, other in sorted(places[:most])]
        possible += len(places)
    return chosen, possible - len(chosen)


def _f1(measurement: Measurement) -> float:
    by_question = measurement.frame.group_by("question_id").agg(pl.col("f1").mean())
    value = by_question["f1"].mean()
    return value if isinstance(value, float) else -1.0


def _comparable(one: Measurement, other: Measurement) -> bool:
    """Measurements of a group that differ in one thing: they are of different cells, so in one at least."""
    return (one.cell.model == other.cell.model) != (one.cell.retriever == other.cell.retriever)
