"""What a collection run is: its questions, its agent, and what makes it the run it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .agent import Agent
from .errors import DataError, Problem
from .identity import content_hash, derived_seed
from .journal import Settings
from .rows import Origin, Sample
from .schema import Question
from .watching import Audience


@dataclass(frozen=True, slots=True)
class CollectJob:
    """What to collect: `samples` trajectories of every question, at most `concurrency` under way at once.

    `outage_s` is how long a run that has worked waits for a server that is away; `audience` hears of it.
    `fitted_to` names the model family into whose form messages are put, where they are. Rows about a question
    that has a canary, by the question's id, are sealed with it.
    """

    questions: tuple[Question, ...]
    agent: Agent
    out: Path
    samples: int = 1
    seed: int = 0
    concurrency: int = 32
    resume: bool = False
    outage_s: float = 0.0
    audience: Audience = field(default_factory=Audience)
    fitted_to: str | None = None
    canaries: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def total(self) -> int:
        """Number of rollouts of the whole run."""
        return len(self.questions) * self.samples


def settings_of(job: CollectJob) -> Settings:
    """All that decides what the rows will be. Addresses, patience and concurrency are not among it."""
    agent, limits, sampling = job.agent, job.agent.limits, job.agent.sampling
    settings: Settings = {
        "questions": content_hash(job.questions),
        "samples": job.samples,
        "seed": job.seed,
        "teacher": agent.model.name,
        "teacher_revision": agent.model.revision,
        "prompt": agent.prompt.id,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "max_tokens": sampling.max_tokens,
        "max_turns": limits.turns,
        "max_total_tokens": limits.total_tokens,
        "timeout": limits.time_s,
        "k": agent.k,
        "retriever": agent.retriever.name,
        "corpus": agent.retriever.corpus,
    }
    handed_over = {} if agent.evidence is None else {"evidence": content_hash(dict(agent.evidence))}
    return {**settings, **_set_settings(job), **handed_over}


def _set_settings(job: CollectJob) -> Settings:
    """Settings that are there only when set, so that runs without them keep their ids."""
    agent = job.agent
    optional = {
        "thinking": agent.sampling.thinking,
        "fitted_to": job.fitted_to,
        "summariser": agent.summariser.name if agent.summariser else None,
    }
    return {key: value for key, value in optional.items() if value is not None}


def origin_of(job: CollectJob) -> Origin:
    """What the job's rows have in common. The run's id is the hash of its settings."""
    settings, agent = settings_of(job), job.agent
    in_row_id = (*_IN_ROW_ID, *_set_settings(job))
    return Origin(
        run_id=content_hash(settings),
        teacher=agent.model.name,
        teacher_revision=agent.model.revision,
        prompt_id=agent.prompt.id,
        policy=agent.prompt.policy,
        temperature=agent.sampling.temperature,
        top_p=agent.sampling.top_p,
        retriever=agent.search_name,
        corpus=agent.retriever.corpus,
        settings=tuple((key, settings[key]) for key in in_row_id),
    )


_IN_ROW_ID = ("k", "max_tokens", "max_total_tokens", "max_turns", "timeout", "top_k")


@dataclass(frozen=True, slots=True)
class Task:
    """One rollout to make. `position` counts in question order, then by sample index."""

    position: int
    question: Question
    index: int
    seed: int

    @property
    def sample(self) -> Sample:
        """Which sample of its question this is."""
        return Sample(self.index, self.seed)


def tasks_of(job: CollectJob) -> Iterator[Task]:
    """All rollouts of a job in question order, then by sample index."""
    for place, question in enumerate(job.questions):
        for index in range(job.samples):
            seed = derived_seed(job.seed, question.question_id, index)
            yield Task(place * job.samples + index, question, index, seed)


def check_questions(questions: tuple[Question, ...]) -> None:
    """Whether every question can have rows of its own.

    Raises:
        DataError: there are none, or two share an id.
    """
    if not questions:
        raise DataError(str(Problem("questions", "must not be empty", 0, "Name a file that holds some.")))
    (name, count) = Counter(question.question_id for question in questions).most_common(1)[0]
    if count > 1:
        raise DataError(str(Problem("question_id", "must be unique", name, f"It occurs {count} times.")))
