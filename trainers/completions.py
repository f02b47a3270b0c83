"""Where the completions of a distillation step come from: live rollouts of the student, or rows replayed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from accelerate.utils import gather_object
from datasets import Dataset

from ..builder.errors import DataError, Problem
from ..builder.identity import derived_seed
from ..builder.prompts import stop_strings
from ..builder.schema import Question, Row
from .live import LiveRollouts, Writer
from .live_steps import Place, asks_of, live_origin, rows_of, told, writer_at
from .segments import MASKED
from .step_store import StepStore
from .trl_generation import SingleTurn, TrlGenerate, seeded


@dataclass(frozen=True, slots=True)
class Completions:
    """B prompts and completions as ids; `mask` is 1 where the loss is taken; `told` is what to log."""

    prompt_ids: list[list[int]]
    completion_ids: list[list[int]]
    mask: list[list[int]]
    told: dict[str, float]


class Source(Protocol):
    """Gives the completions of a batch of the training set."""

    def take(self, inputs: Sequence[dict[str, Any]]) -> Completions:
        """The completions of this process's lines of a batch, in order."""
        ...


def question_set(questions: Sequence[Question], samples: int) -> Dataset:
    """The training set of live rollouts: each question `samples` times.

    Raises:
        DataError: there are no questions.
    """
    if not questions:
        raise DataError(str(Problem("questions", "must not be empty", 0, "Name questions to train on.")))
    lines = [(place, sample) for place in range(len(questions)) for sample in range(samples)]
    return Dataset.from_dict(
        {
            "prompt": [questions[place].question for place, _ in lines],
            "place": [place for place, _ in lines],
            "sample": [sample for _, sample in lines],
        }
    )


@dataclass(frozen=True, slots=True)
class Live:
    """On-policy: the student answers these questions, `samples` times each. `store` keeps what it writes."""

    questions: tuple[Question, ...]
    student: Writer
    samples: int = 8
    store: StepStore | None = None


class LiveSource:
    """Live rollouts by a trainer's model, seeded by training seed and step: a resumed run makes the same."""

    def __init__(self, trainer: Any, single_turn: SingleTurn, live: Live, rollouts: LiveRollouts) -> None:
        self._trainer, self._live, self._rollouts = trainer, live, rollouts
        stop = stop_strings(rollouts.prompt.grammar)
        self.generate = TrlGenerate(trainer, single_turn, rollouts.reader, stop)
        self._origin = live_origin(rollouts, live.questions, live.student, trainer.args.seed)
        self._begun = False

    def take(self, inputs: Sequence[dict[str, Any]]) -> Completions:
        """Rollouts of this process's lines.

        Raises:
            ChatServerError: the summariser's server refuses for good.
            StorageError: the disk is full or not writable.
        """
        step: int = self._trainer.state.global_step
        process: int = self._trainer.accelerator.process_index
        seed: int = self._trainer.args.seed
        places = [
            Place(self._live.questions[line["place"]], line["sample"], process * len(inputs) + at)
            for at, line in enumerate(inputs)
        ]
        asks, student = asks_of(places, seed, step), writer_at(self._live.student, step)
        with seeded(derived_seed(seed, "generation", step, process)):
            made = self._rollouts.run(asks, student, self.generate)
            self.generate.finish()
        origin = replace(self._origin, teacher_revision=student.revision)
        rows = self._gathered(rows_of(made, asks, origin, datetime.now(UTC)))
        self._keep(step, rows)
        end = self._trainer.eos_token_ids[0]
        return Completions(
            [rollout.prompt_ids or [end] for rollout in made],
            [rollout.completion_ids or [end] for rollout in made],
            [rollout.mask or [0] for rollout in made],
            told(rows),
        )

    def _gathered(self, rows: list[Row]) -> list[Row]:
        if self._trainer.accelerator.num_processes == 1:
            return rows
        return gather_object(rows)

    def _keep(self, step: int, rows: Sequence[Row]) -> None:
        store = self._live.store
        if store is None or not self._trainer.accelerator.is_main_process:
            return
        if not self._begun:
            store.forget_from(step)
            self._begun = True
        store.put(step, rows)


@dataclass(frozen=True, slots=True)
class Replay:
    """Off-policy: rows rendered for the student, as columns `input_ids` and `labels` (-100 without loss)."""

    rows: Dataset


class ReplaySource:
    """Gives the rows of a batch: the prompt is what stands before the first token with loss."""

    def take(self, inputs: Sequence[dict[str, Any]]) -> Completions:
        """Prompt, completion and mask of each line."""
        split = [_split(line["input_ids"], line["labels"]) for line in inputs]
        return Completions(*[[part[place] for part in split] for place in range(3)], told={})


def _split(ids: list[int], labels: list[int]) -> tuple[list[int], list[int], list[int]]:
    """Prompt, completion and mask of a row; what follows its last token with loss is left out."""
    learnt = [place for place, label in enumerate(labels) if label != MASKED]
    first, stop = max(learnt[0], 1), learnt[-1] + 1  # nothing predicts the first token of a text
    return ids[:first], ids[first:stop], [int(label != MASKED) for label in labels[first:stop]]
