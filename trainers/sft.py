"""Supervised fine-tuning: the rows of a named split, rendered and audited here, fitted by TRL's `SFTTrainer`.

    split -> rows -> token ids and labels -> audit -> SFTTrainer -> model, training.json, card, curves

TRL gets token ids and labels, and takes them as they are: nothing of its own template handling, masking or
truncation is left to go wrong. Needs the extra `[train]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoConfig
from trl.trainer.sft_config import SFTConfig as TrlSftConfig
from trl.trainer.sft_trainer import SFTTrainer

from ..builder.errors import ConfigError, Problem
from ..builder.schema import JsonObject, Row
from .arguments import common_arguments, lora_config, with_others
from .audit_lines import audit_lines
from .chat_tokenizer import open_tokenizer
from .named_split import open_split
from .options import RenderingOptions, SftConfig, outcome_options
from .recorded import Recorded
from .render import Limits, Renderer
from .run_book import RunBook
from .student_model import StudentFiles, find_student, loading
from .target import Target, choose_target
from .training_data import Preparation, TrainingData, prepare
from .training_run import Audience, Ended, fit, new_lineage, run_folder, with_audit, with_target

_RECURRENT = ("linear_attention", "mamba", "recurrent", "conv")
"""Layer types that carry a state from token to token: laid side by side, rows would see each other."""


class RecordedSft(Recorded, SFTTrainer):
    """TRL's trainer, keeping account of what it sees."""

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        """One batch."""
        self.book.see(*counts(inputs))
        return super().training_step(model, inputs, num_items_in_batch)


@dataclass(frozen=True, slots=True)
class SftJob:
    """What is trained on: rows, and what lineage says of them. `method`: `sft`, or that whose stage it is."""

    config: SftConfig
    rows: Callable[[], Iterable[Row]]
    dataset: JsonObject
    method: str = "sft"


def train_sft(config: SftConfig, audience: Audience) -> Ended:
    """Train on a named split, or go on with a run.

    Raises:
        ConfigError: no such model, no usable template, bad options, a taken folder, too little memory.
        DataError: no such dataset, revision or split; the audit refuses the rows.
        HubError, StorageError: the Hub or the disk refuses.
    """
    split = open_split(config.data, config.preset)
    return run_sft(SftJob(config, split.rows, split.to_json()), audience)


def run_sft(job: SftJob, audience: Audience) -> Ended:
    """Train on a job's rows. Raises what `train_sft` raises."""
    config = job.config
    student = find_student(config.model, config.model_revision)
    target = target_of(student, config.rendering)
    lineage = new_lineage(job.method, job.dataset, student.to_json(), outcome_options(config))
    with run_folder(config, with_target(lineage, target)) as folder:
        if folder.earlier and folder.is_complete:
            return Ended(folder.earlier, nothing_to_do=True)
        how = preparation(config, student, target, folder.work)
        data = prepare(job.rows(), how)
        for line in audit_lines(data.audit, target):
            audience.say(line)
        counts = {"trained_on": data.rows, "held_out": len(data.held_out) if data.held_out else 0}
        book = RunBook(folder, with_audit(lineage, target, data.audit.to_json() | counts), audience.say)
        book.merge = config.lora.use_peft and config.lora.lora_merge
        trainer = sft_trainer(config, student, target, data, book)
        return fit(trainer, book, target, audience)


def preparation(config: SftConfig, student: StudentFiles, target: Target, work: Path) -> Preparation:
    """How the config wants rows prepared for a student."""
    return Preparation(
        Renderer(target, limits_of(student, config.rendering)),
        work,
        config.fitting.eval_fraction,
        config.fitting.seed,
        config.rendering.allow_truncation,
    )


def target_of(student: StudentFiles, rendering: RenderingOptions) -> Target:
    """How rows are rendered for the student. Raises what `open_tokenizer` and `choose_target` raise."""
    tokenizer = open_tokenizer(student.place, student.commit, rendering.family)
    return choose_target(tokenizer, rendering.grammar, rendering.reasoning)


def limits_of(student: StudentFiles, rendering: RenderingOptions) -> Limits:
    """`max_length`, or the model's context where that is shorter."""
    context = student.context()
    most = min(rendering.max_length, context) if context else rendering.max_length
    return Limits(most, rendering.observation_tokens)


def sft_trainer(
    config: SftConfig, student: StudentFiles, target: Target, data: TrainingData, book: RunBook
) -> RecordedSft:
    """TRL's trainer over prepared rows.

    Raises:
        ConfigError: TRL refuses an argument, or packing is not safe for this model.
    """
    arguments = sft_arguments(config, student, data, book.folder.path)
    if arguments.packing:
        _check_packing(student)
    with loading(student.files.name):
        trainer = RecordedSft(
            model=student.place,
            args=arguments,
            train_dataset=data.train,
            eval_dataset=data.held_out,
            processing_class=target.tokenizer.inner,
            peft_config=lora_config(config.lora),
        )
    trainer.book = book
    return trainer


def sft_arguments(config: SftConfig, student: StudentFiles, data: TrainingData, out: Path) -> Any:
    """TRL's config. Rows come cut already; `max_length` here is the length that packing fills."""
    fitting = config.fitting
    measured = data.held_out is not None
    arguments = common_arguments(fitting, out, student.commit) | {
        "max_length": data.audit.limits.max_length,
        "packing": fitting.packing,
        "dataset_kwargs": {"skip_prepare_dataset": not fitting.packing},
        "eval_packing": False,
        "eval_strategy": "steps" if measured else "no",
        "eval_steps": (fitting.eval_steps or fitting.save_steps) if measured else None,
        "per_device_eval_batch_size": fitting.per_device_train_batch_size,
    }
    return with_others(TrlSftConfig, arguments, fitting.trainer_arg)


def _check_packing(student: StudentFiles) -> None:
    """Packing is safe where only attention looks back, which keeps to the documents' position ids."""
    config: Any = AutoConfig.from_pretrained(student.place, revision=student.commit)
    layers = [str(layer) for layer in getattr(config.get_text_config(), "layer_types", None) or ()]
    found = sorted({layer for layer in layers if any(name in layer for name in _RECURRENT)})
    if found or "mamba" in str(config.model_type):
        rule = "must be off for models whose layers carry a state from row to row"
        problem = Problem("packing", rule, found or config.model_type, "Leave --packing out.")
        raise ConfigError(str(problem))


def counts(inputs: Any) -> tuple[int, int, int]:
    """Rows, tokens and tokens with loss of a batch, padded (attention mask) or packed (position ids)."""
    labels = inputs["labels"]
    loss = int((labels != -100).sum())
    if "position_ids" in inputs:
        return int((inputs["position_ids"] == 0).sum()), int(labels.numel()), loss
    return int(labels.shape[0]), int(inputs["attention_mask"].sum()), loss
