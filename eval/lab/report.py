"""The laboratory's report: the claims with their verdicts above the sections of any evaluation's report."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from ...builder.dataset import LocalDataset
from ...filters.report.facts import COMMAND
from ...filters.report.table import Cell as Shown
from ...filters.report.table import Column, Group, Row, Table
from ..bootstrap import Draws
from ..cells import Mode
from ..evaluation import EvaluationOptions, evaluate
from ..report.beside import Beside
from ..report.document import Document, document
from ..report.section import Section
from ..results import Evaluation
from ..results_json import PROBE, read_probe
from .claims import CONFIDENCE, Claim, Contrast, claims
from .findings import MADE_UP, SeedFindings, exam_rows, findings
from .places import Places
from .plan import BASE, SPLITS, STUDENTS, Task
from .sizes import KNOBS, Sizes

_PROBED = (BASE, "standard", "asp")
_PERCENTS = (1.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_LIBRARIES = ("torch", "transformers", "trl")


@dataclass(frozen=True, slots=True)
class LabReport:
    """What came out: the claims, and the report around them."""

    claims: tuple[Claim, ...]
    evaluation: Evaluation
    document: Document


def lab_report(places: Places, sizes: Sizes, tasks: Sequence[Task], command: str) -> LabReport:
    """Evaluate all exams of all seeds.

    Raises:
        DataError: what a task made is damaged.
    """
    seeds = sorted({task.seed for task in tasks if task.seed is not None})
    options = EvaluationOptions(draws=Draws(sizes.draws), most_pairs=12, examples=1)
    found = [findings(places, seed, options) for seed in seeds]
    held = claims(found)
    sources = [source for seed in seeds for source in exam_rows(places, seed)]
    probes = [read_probe(places.probe(model, seeds[0]) / PROBE).probe for model in _PROBED]
    evaluation = evaluate(sources, probes, options, _facts(places, tasks, command))
    without = tuple(
        f"{task.name}: {end.reason}" for task in tasks if (end := places.end(task.name)) and end.reason
    )
    students = [model for model in STUDENTS if all(seed.has(model) for seed in found)]
    lead = (
        _verdicts(held, len(seeds)),
        _published(held),
        _students(found, students, without),
        _adaptive(found, students),
        _rows_kept(places, seeds),
    )
    return LabReport(held, evaluation, document(evaluation, lead, Beside.NEVER))


def _facts(places: Places, tasks: Sequence[Task], command: str) -> Mapping[str, str]:
    seconds = [end.seconds for task in tasks if (end := places.end(task.name))]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    knobs = (
        f"knows {KNOBS.known:.0%} of the facts, {KNOBS.known_wrongly:.0%} of these wrongly; searches for "
        f"{KNOBS.diligence:.0%} of the facts that it knows"
    )
    work = f"{sum(seconds) / 60:.0f} minutes of work in {len(tasks)} tasks"
    return {
        COMMAND: command,
        "machine": f"{platform.machine()}, {cores} cores; {work}",
        "simulated teacher": knobs,
        "versions": f"Python {platform.python_version()}, {versions}",
    }


def _verdicts(held: Sequence[Claim], seeds: int) -> Section:
    rows = [
        (
            Shown(f"({claim.letter}) {claim.text}" if place == 0 else ""),
            Shown(str(claim.verdict) if place == 0 else ""),
            Shown(contrast.text),
            _points(contrast),
            Shown(", ".join(_signed(value) for value in contrast.by_seed)),
        )
        for claim in held
        for place, contrast in enumerate(claim.contrasts)
    ]
    verdicts = Table(
        name="claims",
        title="The paper's claims, here",
        columns=(
            Column("claim", numeric=False),
            Column("verdict", numeric=False),
            Column("difference", numeric=False),
            Column("points"),
            Column("by seed"),
        ),
        groups=(Group(None, tuple(rows)),),
        notes=(
            f"Points of 100 with {CONFIDENCE:.0%} intervals by Student's t over {seeds} seeds, on the same "
            "questions. A claim shows where the interval of every difference lies above 0, leans that way "
            "where every seed's difference does, and does not show otherwise; where an interval lies below 0 "
            "the opposite shows.",
        ),
    )
    return Section("claims", "Claims", (_SETTING,), tables=(verdicts,))


def _published(held: Sequence[Claim]) -> Section:
    table = Table(
        name="published-claims",
        title="What the paper reports",
        columns=(Column("claim", numeric=False), Column("published", numeric=False)),
        groups=(Group(None, tuple((Shown(f"({one.letter})"), Shown(one.published)) for one in held)),),
        notes=("Published (arXiv 2604.04651), not measured here: other models, data and retrieval.",),
    )
    return Section("published-claims", "Claims, as published", tables=(table,), measured=False)


_SETTING = (
    "Micro students, trained from scratch on a generated world. All share one base: it was given a memory "
    "(part of the exam world's facts, some wrong) and the use of the search tool, by rows of a simulated "
    "teacher that looks everything up. The raw rows that the filters choose from are those of another, which "
    "knows half of the facts, a part of them wrongly, and does not look all of them up. The seeds have rows, "
    "an order of training and sampled exams of their own; the base, and what hangs on it, is the same for "
    "all, which the intervals do not cover. The exam asks one-hop questions about a world that no trainer "
    "has seen. Everything here is simulated: it shows how the mechanisms work, not how large they are in "
    "real models."
)


def _students(found: Sequence[SeedFindings], students: Sequence[str], without: Sequence[str]) -> Section:
    measures: tuple[tuple[str, Mode, str], ...] = (
        ("F1 live", Mode.LIVE, "f1"),
        ("F1 noisy", Mode.NOISY, "f1"),
        ("F1 closed book", Mode.CLOSED_BOOK, "f1"),
        ("searches", Mode.LIVE, "searches"),
        ("never searches", Mode.LIVE, "never_searches"),
        ("hallucination", Mode.LIVE, MADE_UP),
    )
    rows = tuple(
        (
            Shown(model),
            *(
                _mean(
                    [seed.mean(model, mode, measure) for seed in found],
                    _bare if measure == "searches" else _hundred,
                )
                for _, mode, measure in measures
            ),
        )
        for model in students
    )
    table = Table(
        name="students",
        title="The students",
        columns=(
            Column("student", numeric=False, code=True),
            *(Column(heading) for heading, _, _ in measures),
        ),
        groups=(Group(None, rows),),
        notes=(
            "Means over the seeds with 95% intervals (Student's t). F1 and shares in points of 100; searches "
            "are those of a question. Hallucination: wrong answers that rest on something that was not "
            "retrieved, alone or with bad retrieval.",
            *without,
        ),
    )
    return Section("students", "Students", tables=(table,))


def _adaptive(found: Sequence[SeedFindings], students: Sequence[str]) -> Section:
    rows = tuple(
        (
            Shown(model),
            *(_mean([seed.adaptive[model, percent] for seed in found], _signed) for percent in _PERCENTS),
        )
        for model in students
    )
    table = Table(
        name="adaptive",
        title="What adaptive search changes in F1",
        columns=(
            Column("student", numeric=False, code=True),
            *(Column(f"{percent:g}%") for percent in _PERCENTS),
        ),
        groups=(Group(None, rows),),
        notes=(
            "Points of F1 against searching always, where the most confident questions, that share of all, "
            "are answered closed book. Means over the seeds with 95% intervals by Student's t.",
        ),
    )
    return Section("adaptive", "Adaptive search, over the seeds", tables=(table,))


def _rows_kept(places: Places, seeds: Sequence[int]) -> Section:
    rows: list[Row] = []
    for model, split in SPLITS.items():
        counts = [LocalDataset.open(places.rows(f"raw-{seed}")).manifest.split(split).rows for seed in seeds]
        rows.append((Shown(model), Shown(split), Shown(", ".join(f"{count:,}" for count in counts))))
    table = Table(
        name="rows",
        title="Rows that the students learn from",
        columns=(
            Column("student", numeric=False, code=True),
            Column("split", numeric=False, code=True),
            Column("rows by seed"),
        ),
        groups=(Group(None, tuple(rows)),),
        notes=("Every student of SFT takes the same number of steps, whatever its filter keeps.",),
    )
    return Section("rows", "Rows kept", tables=(table,))


Form = Callable[[float], str]


def _hundred(value: float) -> str:
    return f"{100 * value:.1f}".replace("-", "\N{MINUS SIGN}")


def _signed(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "\N{MINUS SIGN}")


def _bare(value: float) -> str:
    return f"{value:.2f}"


def _points(contrast: Contrast) -> Shown:
    return _mean(contrast.by_seed, _signed)


def _mean(values: Sequence[float], form: Form) -> Shown:
    """The mean with its interval."""
    contrast = Contrast("", tuple(values))
    ends = contrast.interval
    detail = "" if ends is None else f"{form(ends[0])} to {form(ends[1])}"
    return Shown(form(contrast.value), detail)
