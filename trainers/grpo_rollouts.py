"""The rollouts of a GRPO step: groups of live rollouts and what they earn, as TRL's `rollout_func` tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from accelerate.utils import gather_object

from ..builder.identity import derived_seed
from ..builder.rows import Origin
from ..builder.schema import Question, Row
from .grpo_options import RewardOptions
from .live import LiveRollout, LiveRollouts, Writer
from .live_steps import Place, asks_of, rows_of, told, writer_at
from .rewards import answer_reward, format_reward
from .step_store import StepStore
from .trl_generation import TrlGenerate, seeded

FORMAT = "format"
"""The column of the format reward; that of the answer's has the name of the reward, `f1` or `em`."""


@dataclass(frozen=True, slots=True)
class Practice:
    """What is practised: questions by id, by which student, with which rewards; where rollouts are kept."""

    questions: Mapping[str, Question]
    student: Writer
    rewards: RewardOptions
    store: StepStore


@dataclass(slots=True)
class GroupRollouts:
    """Makes the rollouts of a trainer's steps, the same ones whenever a run comes to a step again."""

    trainer: Any
    practice: Practice
    rollouts: LiveRollouts
    generate: TrlGenerate
    origin: Origin
    _step: int = -1
    _kept: list[Row] = field(default_factory=list[Row])

    def make(self, prompts: Sequence[str]) -> dict[str, Any]:
        """Rollouts of this process's prompts (ids of questions, a group's side by side), in TRL's form.

        Lists of B: ids of the prompts, ids after them, `env_mask` (1: the model wrote it), log-probabilities
        (None but with vLLM), and what each earns, by the reward's name.

        Raises:
            StorageError: the disk is full or not writable.
        """
        args, step = self.trainer.args, int(self.trainer.state.global_step)
        made_before = len(self._kept) if step == self._step else 0
        process: int = self.trainer.accelerator.process_index
        lines = [made_before + process * len(prompts) + place for place in range(len(prompts))]
        places = [
            Place(self.practice.questions[name], line % args.num_generations, line)
            for name, line in zip(prompts, lines, strict=True)
        ]
        asks, student = asks_of(places, args.seed, step), writer_at(self.practice.student, step)
        with seeded(derived_seed(args.seed, "generation", step, made_before, process)):
            made = self.rollouts.run(asks, student, self.generate)
            self.generate.finish()
        origin = replace(self.origin, teacher_revision=student.revision)
        self._keep(step, self._all(rows_of(made, asks, origin, datetime.now(UTC))))
        return self._for_trl(made)

    def told(self) -> dict[str, float]:
        """What is logged of the step's rollouts over all processes: `live_steps.told`, and the share that
        searched; NaN where nothing can be said."""
        searched = [row.search_use.n_searches > 0 for row in self._kept]
        return told(self._kept) | {"searched": sum(searched) / len(searched)}

    def _all(self, rows: list[Row]) -> list[Row]:
        return rows if self.trainer.accelerator.num_processes == 1 else gather_object(rows)

    def _keep(self, step: int, rows: list[Row]) -> None:
        begins, main = self._step < 0, self.trainer.accelerator.is_main_process
        self._kept = [*self._kept, *rows] if step == self._step else rows
        self._step = step
        if main and begins:
            self.practice.store.forget_from(step)
        if main:
            self.practice.store.put(step, self._kept)

    def _for_trl(self, made: Sequence[LiveRollout]) -> dict[str, Any]:
        """A rollout that broke before its first token gets one that is masked: TRL wants one."""
        end = [min(self.rollouts.reader.ends)]
        kind = self.practice.rewards.reward
        logprobs = [one.logprobs or [0.0] * len(one.completion_ids or end) for one in made]
        return {
            "prompt_ids": [one.prompt_ids or end for one in made],
            "completion_ids": [one.completion_ids or end for one in made],
            "env_mask": [one.mask or [0] for one in made],
            "logprobs": logprobs if self.trainer.use_vllm else None,
            kind: [answer_reward(one.trajectory, kind) for one in made],
            FORMAT: [format_reward(one.trajectory) for one in made],
        }
