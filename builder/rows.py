"""From a trajectory to a row: identity, scores and provenance put beside it."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.metadata import version

from .identity import content_hash
from .schema import SCHEMA_VERSION, Identity, Outcome, Provenance, Row, Trajectory, Verdicts
from .scoring import score
from .storable import storable

_ADDRESS = re.compile(r"\b(?:es:)?[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Origin:
    """Who answers and how: everything about a run that is the same for all of its rows.

    `settings` holds whatever else changes an answer (limits, k, top_k, max_tokens, ...); it enters the id.
    """

    run_id: str
    teacher: str | None = None
    teacher_revision: str | None = None
    prompt_id: str | None = None
    policy: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    retriever: str | None = None
    corpus: str | None = None
    settings: tuple[tuple[str, str | int | float | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """Which of the repeated samples of a question this is, and the seed it was drawn with."""

    index: int = 0
    seed: int | None = None


def row_id(question_id: str, origin: Origin, sample: Sample) -> str:
    """The content hash that names a row, known before the rollout starts."""
    parts = [
        question_id,
        [origin.teacher, origin.teacher_revision],
        origin.prompt_id,
        [origin.temperature, origin.top_p, sample.seed, sorted(origin.settings)],
        [origin.retriever, origin.corpus],
        sample.index,
    ]
    return content_hash(parts)


def build_row(trajectory: Trajectory, origin: Origin, sample: Sample, created_at: datetime) -> Row:
    """The scored row of a trajectory, made fit for a table (`storable`). `created_at` needs a time zone.

    Rows are published: what broke a rollout is told without the addresses of servers.
    Of the passages found the row keeps no more than the record of the searches and what the model read.
    """
    question, conversation = storable(trajectory.question), storable(trajectory.conversation)
    outcome = _without_addresses(storable(trajectory.outcome))
    scores, use = score(Trajectory(question, conversation, outcome, trajectory.searches, trajectory.cost))
    return Row(
        Identity(
            row_id(question.question_id, origin, sample),
            origin.run_id,
            sample.index,
            SCHEMA_VERSION,
        ),
        question,
        conversation,
        outcome,
        scores,
        storable(use),
        Verdicts(),
        storable(trajectory.cost),
        _provenance(origin, sample, created_at),
    )


def _without_addresses(outcome: Outcome) -> Outcome:
    if outcome.error is None or "://" not in outcome.error:
        return outcome
    return dataclasses.replace(outcome, error=_ADDRESS.sub("[server]", outcome.error))


def _provenance(origin: Origin, sample: Sample, created_at: datetime) -> Provenance:
    return Provenance(
        teacher=origin.teacher,
        teacher_revision=origin.teacher_revision,
        prompt_id=origin.prompt_id,
        policy=origin.policy,
        temperature=origin.temperature,
        top_p=origin.top_p,
        seed=sample.seed,
        retriever=origin.retriever,
        corpus=origin.corpus,
        builder_version=_builder_version(),
        created_at=created_at,
    )


@cache
def _builder_version() -> str:
    """Looked up once: importlib reads the package's metadata from disk every time."""
    return version("trajset")
