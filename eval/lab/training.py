"""The laboratory's training runs: the trainers of `trajset train`, with settings for a micro student.

A run that was stopped goes on where it stood.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ...builder.agent_config import LocalConfig
from ...trainers.grpo import train_grpo
from ...trainers.grpo_options import GrpoConfig, TurnOptions
from ...trainers.lineage import LINEAGE
from ...trainers.mixed import train_mixed
from ...trainers.mixed_options import MixedConfig
from ...trainers.opd_options import OpdConfig, RolloutOptions, TeacherOptions
from ...trainers.opd_run import train_opd
from ...trainers.options import GrpoFitting, OpdFitting, RftFitting, SftConfig, SftFitting
from ...trainers.rft import train_rft
from ...trainers.rft_options import RftConfig, SamplingOptions
from ...trainers.search_options import OpdSearch, SearchOptions
from ...trainers.sft import train_sft
from ...trainers.training_run import Audience, Ended
from .inputs import Card
from .places import Places
from .plan import BASE, SPLITS, Task
from .sizes import GRPO_RATE, MEMORY_RATE, OPD_RATE, RFT_RATE, TOOL_RATE, TUNING_RATE, Sizes

_ASP = SPLITS["asp"]
_TURNS = 5
_COMPLETION = 256
_WARMUP, _SAVED = 20, 100
_FORWARD_KL = 0.0


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where and how a task trains, and who hears of it."""

    places: Places
    sizes: Sizes
    audience: Audience
    card: Card

    def train(self, task: Task) -> bool:
        """Make a task's model; whether it is finished, or a signal stopped it.

        Raises: what the trainers raise.
        """
        if task.kind == "base":
            return self._base()
        if task.kind == "teacher":
            data = f"{self.places.rows('raw-0')}:{_ASP}"
            steps = self.sizes.teacher_steps
            return self._sft(data, self.places.model(BASE, None), self._out(task), self._fitting(steps, 0))
        seed = task.seed or 0
        if task.kind == "sft":
            data = f"{self.places.rows(f'raw-{seed}')}:{SPLITS[task.model]}"
            fitting = self._fitting(self.sizes.sft_steps, seed)
            return self._sft(data, self.places.model(BASE, None), self._out(task), fitting)
        ended = {"opd": self._opd, "mixed": self._mixed, "rft": self._rft, "grpo": self._grpo}[task.kind](
            task
        )
        return not ended.interrupted

    def _base(self) -> bool:
        """First the use of the tool, then the memory, with rows of the tool among it so that this stays."""
        places, sizes = self.places, self.sizes
        able = places.out / "models" / "tool"
        first = replace(
            self._fitting(sizes.tool_steps, 0, TOOL_RATE), lr_scheduler_type="constant_with_warmup"
        )
        if not self._sft(f"{places.rows('tool')}:raw", places.blank, able, first):
            return False
        second = self._fitting(sizes.memory_steps, 0, MEMORY_RATE)
        return self._sft(f"{places.rows('memory')}:raw", able, places.model(BASE, None), second)

    def _sft(self, data: str, model: Path, out: Path, fitting: SftFitting) -> bool:
        config = SftConfig(data=data, model=str(model), out=out, resume=_begun(out), fitting=fitting)
        return not train_sft(config, self.audience).interrupted

    def _fitting(self, steps: int, seed: int, rate: float = TUNING_RATE) -> SftFitting:
        return SftFitting(
            learning_rate=rate,
            max_steps=steps,
            per_device_train_batch_size=self.sizes.batch,
            lr_scheduler_type="cosine",
            warmup_steps=_WARMUP,
            adam_beta2=0.98,
            seed=seed,
            use_cpu=True,
            save_steps=_SAVED,
        )

    def _distilling(self, seed: int) -> OpdFitting:
        return OpdFitting(
            learning_rate=OPD_RATE,
            max_steps=self.sizes.opd_steps,
            per_device_train_batch_size=self.sizes.rollouts,
            gradient_accumulation_steps=1,
            lr_scheduler_type="cosine",
            warmup_steps=_WARMUP,
            adam_beta2=0.98,
            seed=seed,
            use_cpu=True,
            save_steps=_SAVED,
        )

    def _opd(self, task: Task) -> Ended:
        out = self._out(task)
        config = OpdConfig(
            model=str(self.places.model(BASE, None)),
            out=out,
            teaching=self._teaching,
            data=self._rows(task),
            resume=_begun(out),
            search=self._search,
            rollouts=self._rollouts,
            fitting=self._distilling(task.seed or 0),
        )
        return train_opd(config, self.audience, self.card)

    def _mixed(self, task: Task) -> Ended:
        out, seed = self._out(task), task.seed or 0
        config = MixedConfig(
            data=self._rows(task),
            model=str(self.places.model(BASE, None)),
            out=out,
            teaching=self._teaching,
            resume=_begun(out),
            search=self._search,
            rollouts=self._rollouts,
            sft=self._fitting(self.sizes.sft_steps, seed),
            opd=self._distilling(seed),
        )
        return train_mixed(config, self.audience, self.card)

    def _rft(self, task: Task) -> Ended:
        """The ASP student's own trajectories on new questions, filtered as its teacher's were."""
        out, seed = self._out(task), task.seed or 0
        fitting = RftFitting(
            learning_rate=RFT_RATE,
            per_device_train_batch_size=self.sizes.batch,
            lr_scheduler_type="cosine",
            adam_beta2=0.98,
            seed=seed,
            use_cpu=True,
            save_steps=_SAVED,
        )
        config = RftConfig(
            data=self._rows(task),
            model=str(self.places.model("asp", seed)),
            questions=str(self.places.questions("new")),
            out=out,
            search=SearchOptions(index=(str(self.places.index),), k=1, max_turns=_TURNS),
            min_kept=self.sizes.rft_rows,
            resume=_begun(out),
            sampling=SamplingOptions(
                max_tokens=self.sizes.max_tokens,
                local=LocalConfig(device="cpu", batch_size=64),
            ),
            fitting=fitting,
        )
        return train_rft(config, self.audience, self.card)

    def _grpo(self, task: Task) -> Ended:
        """From the base: no row of the teacher has shown it that searching pays."""
        out = self._out(task)
        config = GrpoConfig(
            data=self._rows(task),
            model=str(self.places.model(BASE, None)),
            out=out,
            search=SearchOptions(index=(str(self.places.index),), k=1, max_turns=_TURNS),
            resume=_begun(out),
            turns=TurnOptions(max_tokens=self.sizes.max_tokens, max_completion_length=_COMPLETION),
            fitting=GrpoFitting(
                learning_rate=GRPO_RATE,
                max_steps=self.sizes.grpo_steps,
                per_device_train_batch_size=self.sizes.rollouts,
                gradient_accumulation_steps=1,
                num_generations=8,
                seed=task.seed or 0,
                use_cpu=True,
                save_steps=_SAVED,
            ),
        )
        return train_grpo(config, self.audience, self.card)

    def _rows(self, task: Task) -> str:
        return f"{self.places.rows(f'raw-{task.seed}')}:{_ASP}"

    def _out(self, task: Task) -> Path:
        return self.places.model(task.model, task.seed)

    @property
    def _teaching(self) -> TeacherOptions:
        return TeacherOptions(teacher=str(self.places.model("teacher", None)), beta=_FORWARD_KL)

    @property
    def _search(self) -> OpdSearch:
        return OpdSearch(index=(str(self.places.index),), k=1, max_turns=_TURNS)

    @property
    def _rollouts(self) -> RolloutOptions:
        return RolloutOptions(samples=1, max_tokens=self.sizes.max_tokens, max_completion_length=_COMPLETION)


def _begun(out: Path) -> bool:
    """Whether a run left something to go on with."""
    return (out / LINEAGE).is_file()
