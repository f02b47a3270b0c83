"""What a student has learnt: demo-world questions about entities it never met, with live searches.

It goes through the one rollout loop and answers greedily, many questions at a time in this process. The share
answered right is an exact match after the usual normalisation. Needs the extra `[local]`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..builder.chat.families import call_format_of
from ..builder.chat.local import LocalChat
from ..builder.chat.model import Sampling
from ..builder.chat.model_files import find_files, require_local
from ..builder.errors import DataError, Problem
from ..builder.prompts import Policy, load_prompt
from ..builder.retrieval.retriever import Retriever
from ..builder.rollout import Agent, Limits, rollout
from ..builder.schema import Question, Trajectory
from ..builder.scoring import score


@dataclass(frozen=True, slots=True)
class Exam:
    """How a student is examined: passages a search, turns, tokens a turn, questions at a time."""

    k: int = 2
    turns: int = 6
    max_tokens: int = 192
    at_once: int = 64
    device: str = "cpu"
    policy: Policy = "always_search"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Outcome of an exam: how many questions, answered at all, answered right, and searches over all."""

    questions: int
    answered: int
    right: int
    searches: int

    @property
    def accuracy(self) -> float:
        """Share of the questions that were answered right, in [0, 1]."""
        return self.right / self.questions

    @property
    def searches_per_question(self) -> float:
        """Mean number of searches."""
        return self.searches / self.questions

    def __str__(self) -> str:
        return (
            f"{self.right} of {self.questions} right ({self.accuracy:.1%}), "
            f"{self.searches_per_question:.2f} searches a question"
        )


def unseen_questions(questions: Iterable[Question], trained: Iterable[Question]) -> Iterator[Question]:
    """The questions that rest on no page that a trained question rests on, in order.

    A question without supporting titles is left out: nobody knows what it rests on.
    """
    met = {title for question in trained for title in question.supporting_titles or ()}
    for question in questions:
        if question.supporting_titles and met.isdisjoint(question.supporting_titles):
            yield question


def examine(
    student: Path, questions: Sequence[Question], retriever: Retriever, exam: Exam | None = None
) -> HeldOut:
    """Let the student in a folder answer the questions.

    Raises:
        DataError: there are no questions.
        ConfigError: the folder holds no model.
        MissingExtraError: torch or transformers is not installed.
    """
    trajectories = answers(student, questions, retriever, exam or Exam())
    scored = [score(trajectory) for trajectory in trajectories]
    return HeldOut(
        questions=len(trajectories),
        answered=sum(trajectory.outcome.answer is not None for trajectory in trajectories),
        right=sum(scores.em is True for scores, _ in scored),
        searches=sum(use.n_searches for _, use in scored),
    )


def answers(
    student: Path, questions: Sequence[Question], retriever: Retriever, exam: Exam
) -> list[Trajectory]:
    """The student's trajectories, one a question, in order. Raises what `examine` raises."""
    if not questions:
        raise DataError(str(Problem("questions", "must not be empty", 0, "Name questions about others.")))
    return asyncio.run(_answers(_agent(student, retriever, exam), questions))


async def _answers(agent: Agent, questions: Sequence[Question]) -> list[Trajectory]:
    try:
        return list(await asyncio.gather(*(rollout(question, agent, 0) for question in questions)))
    finally:
        await agent.aclose()


def _agent(student: Path, retriever: Retriever, exam: Exam) -> Agent:
    require_local(str(student))
    from ..builder.chat.local_model import LocalModel, device_of

    files, device = find_files(str(student), None), device_of(exam.device)
    calls = call_format_of(files.template)
    model = LocalChat(files.name, files.revision, exam.at_once, lambda: LocalModel(files, device, calls))
    return Agent(
        model,
        retriever,
        load_prompt(exam.policy, "tools" if calls else "tags"),
        Sampling(temperature=0.0, top_p=1.0, top_k=None, max_tokens=exam.max_tokens),
        Limits(turns=exam.turns, time_s=float("inf")),
        exam.k,
    )
