"""The confidence probe: can a model tell before it searches whether it knows the answer, and would it pay?

    rows closed book -> which answers are right      questions -> features (`features`)
    both -> confidence, out of fold (`confidence`)   confidence -> how well it is calibrated (`calibration`)
    confidence, rows live -> adaptive search, simulated (`adaptive`)

After the paper's probe: a middle layer's hidden state at the last token of the query, standardised, PCA (64),
a small MLP, expected calibration error over 15 bins. docs/probe.md says what it means and what it does not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..builder.chat.choice import SIMULATED
from ..builder.errors import DataError, Problem
from ..builder.schema import Question, Row
from ..builder.world.questions import DATASET as DEMO_WORLD
from .adaptive import Answered, Drawing, Floats, curve, random_curve
from .calibration import calibration
from .confidence import Confidence, Examples, confidence
from .features import Features, FeatureSource, features_of, unheard
from .probe_options import ProbeOptions
from .results import AdaptivePoint, Probe

_LISTED = 3


@dataclass(frozen=True, slots=True)
class ProbeRows:
    """Rows of one model on one benchmark, joined by `question_id`: without a tool, and with search.

    Several samples of a question count as their mean. Without `live` rows there is no curve.
    """

    closed_book: Sequence[Row]
    live: Sequence[Row] = ()


def probe_model(
    source: FeatureSource,
    rows: ProbeRows,
    options: ProbeOptions | None = None,
    report: Callable[[int], object] = unheard,
) -> Probe:
    """Read the model's hidden states on the questions that closed book has a verdict on, and probe them.

    `report` is told how many questions were read.

    Raises:
        ConfigError, MissingExtraError, StorageError: see `features_of`.
        DataError: see `probe_features`.
    """
    options = options or ProbeOptions()
    found = features_of(source, asked(rows.closed_book, options), report)
    return probe_features(found, rows, options)


def probe_features(features: Features, rows: ProbeRows, options: ProbeOptions) -> Probe:
    """Probe features that are there already.

    Raises:
        DataError: no closed-book row has a verdict, a question has no features or all have the same, or there
            are live rows and no question has a score both closed book and live.
    """
    known = _known(rows.closed_book, options)
    sure = confidence(_values(features, known.ids), known.examples, options)
    said = calibration(sure.values, known.right)
    curves = _curves(rows, known, sure, options) if rows.live else _Curves()
    return Probe(
        benchmark=known.questions[0].dataset,
        model=features.model,
        revision=features.revision,
        layer=features.layer,
        layers=features.layers,
        at=features.at,
        components=sure.components,
        questions=len(known.questions),
        right=int((known.right >= 0.5).sum()),
        right_by=options.right_by,
        constant=sure.constant,
        ece=None if sure.constant else said.ece,
        auroc=None if sure.constant else said.auroc,
        brier=None if sure.constant else said.brier,
        bins=said.bins,
        histogram=said.histogram,
        curve=curves.probe,
        oracle_curve=curves.oracle,
        random_curve=curves.random,
        simulated=any(map(_simulated, (*rows.closed_book, *rows.live))),
    )


def asked(rows: Iterable[Row], options: ProbeOptions) -> tuple[Question, ...]:
    """The questions of the rows that have a verdict, in the order of their first row.

    Raises:
        DataError: no row has one.
    """
    return _known(rows, options).questions


def verdict(row: Row, options: ProbeOptions) -> bool | None:
    """Whether the answer is right by what the options ask for; None where that is not known."""
    scores, judged = row.scores, row.verdicts
    match options.right_by:
        case "em":
            return scores.em
        case "f1":
            return None if scores.f1 is None else scores.f1 > options.min_f1
        case "cover_match":
            return scores.cover_match
        case "llm_judge":
            return judged.llm_judge
        case "llm_judge_reflect":
            return judged.llm_judge_reflect


@dataclass(frozen=True, slots=True)
class _Known:
    """What closed book says: the questions, the share of right rows of each, and the single rows."""

    questions: tuple[Question, ...]
    right: Floats
    examples: Examples

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(question.question_id for question in self.questions)


def _known(rows: Iterable[Row], options: ProbeOptions) -> _Known:
    judged = [(row, found) for row in rows if (found := verdict(row, options)) is not None]
    if not judged:
        fix = "Rows without gold answers or of broken rollouts have none; for a judge's run trajset judge."
        raise DataError(str(Problem("closed-book rows", f"must have {options.right_by}", "none", fix)))
    questions = {row.question.question_id: row.question for row, _ in reversed(judged)}
    questions = dict(reversed(questions.items()))
    place = {name: number for number, name in enumerate(questions)}
    examples = Examples(
        np.array([place[row.question.question_id] for row, _ in judged], np.intp),
        np.array([right for _, right in judged], np.bool_),
        [row.overlap.duplicate_group or row.question.question_id for row, _ in judged],
    )
    right = np.bincount(examples.question, examples.right) / np.bincount(examples.question)
    return _Known(tuple(questions.values()), right, examples)


def _values(features: Features, ids: Sequence[str]) -> NDArray[np.float32]:
    if missing := sorted(set(ids) - set(features.question_ids)):
        rule = f"must be there for every question ({len(missing)} have none)"
        raise DataError(str(Problem("features", rule, missing[:_LISTED], "Compute them for these rows.")))
    return features.of(ids)


@dataclass(frozen=True, slots=True)
class _Curves:
    probe: tuple[AdaptivePoint, ...] = ()
    oracle: tuple[AdaptivePoint, ...] = ()
    random: tuple[AdaptivePoint, ...] = ()


def _curves(rows: ProbeRows, known: _Known, sure: Confidence, options: ProbeOptions) -> _Curves:
    answered = _answered(rows, known)
    place = {name: number for number, name in enumerate(known.ids)}
    places = [place[name] for name in answered.question_ids]
    drawing = Drawing(options.draws, options.seed)
    return _Curves(
        curve(answered, sure.values[places], drawing),
        curve(answered, known.right[places], drawing),
        random_curve(answered, drawing),
    )


def _answered(rows: ProbeRows, known: _Known) -> Answered:
    """The questions that both modes scored, of those that have a confidence.

    Raises:
        DataError: there are none.
    """
    closed, live = _scored(rows.closed_book), _scored(rows.live)
    ids = tuple(name for name in known.ids if name in closed and name in live)
    if not ids:
        fix = "Evaluate the same questions in both modes; they are joined by question_id."
        raise DataError(str(Problem("live rows", "must share scored questions with closed book", 0, fix)))
    return Answered(
        ids,
        np.array([_mean(closed[name], _f1) for name in ids]),
        np.array([_mean(live[name], _f1) for name in ids]),
        np.array([_mean(live[name], _searches) for name in ids]),
        rows=sum(len(closed[name]) + len(live[name]) for name in ids),
        unscored=len(known.ids) - len(ids),
    )


def _scored(rows: Iterable[Row]) -> Mapping[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.scores.f1 is not None:
            found[row.question.question_id].append(row)
    return found


def _mean(rows: Sequence[Row], value: Callable[[Row], float]) -> float:
    return float(np.mean([value(row) for row in rows]))


def _f1(row: Row) -> float:
    return row.scores.f1 or 0.0  # scored rows alone come here


def _searches(row: Row) -> float:
    return float(row.search_use.n_searches)


def _simulated(row: Row) -> bool:
    return row.question.dataset == DEMO_WORLD or row.provenance.teacher == SIMULATED
