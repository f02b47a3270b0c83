"""On-policy distillation: the student searches and answers, and learns what the teacher would have written.

TRL's `DistillationTrainer` with other completions. The student writes them itself with the search engine at
hand (live), or they are a dataset's rows (replay). The loss is TRL's: the generalised Jensen-Shannon
divergence of student and teacher over the whole vocabulary, at the tokens that were written by a model. A
teacher behind vLLM tells its K likeliest tokens; the divergence is then taken over those and the rest as one.

What it leaves out: rewards, teachers with other tokens than the student's, and a teacher that searches: it
only judges what is written.

    args = DistillationConfig("run", max_completion_length=2048, learning_rate=2e-6)
    parts = OpdParts(model, target, LocalTeacher(teacher, tokenizer), Live(questions, writer), settings)
    opd_trainer(args, parts).train()
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import torch
from transformers import AutoConfig, StoppingCriteriaList, TrainerCallback
from trl.trainer.distillation_config import DistillationConfig
from trl.trainer.distillation_trainer import DistillationTrainer

from ..builder.errors import ConfigError, DataError, Problem
from .completions import Completions, Live, LiveSource, Replay, ReplaySource, Source, question_set
from .epoch_order import Batches, EpochOrder
from .live import LiveRollouts, LiveSettings, open_rollouts
from .live_chat import Room
from .lockstep import Said
from .server_loss import server_loss, teacher_tensors
from .target import Target
from .teacher_server import TeacherServer
from .vocabulary import check_vocabularies


@dataclass(frozen=True, slots=True)
class LocalTeacher:
    """A teacher in this process: a causal language model of transformers and its tokenizer."""

    model: Any
    tokenizer: Any


@dataclass(frozen=True, slots=True)
class OpdParts:
    """What a distillation is made of. `settings` are those of live searches, None in a replay."""

    model: Any
    target: Target
    teacher: LocalTeacher | TeacherServer
    source: Live | Replay
    settings: LiveSettings | None = None
    peft_config: Any = None
    callbacks: tuple[TrainerCallback, ...] = ()


class OpdTrainer(DistillationTrainer):
    """TRL's trainer with completions from a `Source`, and with teachers behind a server."""

    def __init__(self, args: DistillationConfig, parts: OpdParts) -> None:
        """See `opd_trainer`, which checks the parts first."""
        source, teacher = parts.source, parts.teacher
        super().__init__(
            model=parts.model,
            teacher_model=teacher.model if isinstance(teacher, LocalTeacher) else None,
            args=args,
            train_dataset=(
                question_set(source.questions, source.samples) if isinstance(source, Live) else source.rows
            ),
            processing_class=parts.target.tokenizer.inner,
            callbacks=list(parts.callbacks),
            peft_config=parts.peft_config,
        )
        self._server = teacher if isinstance(teacher, TeacherServer) else None
        self._taken: Completions | None = None
        self._stopping: StoppingCriteriaList | None = None
        self._source: Source = ReplaySource()
        if isinstance(source, Live):
            live = LiveSource(self, self.single_turn, source, self._rollouts(parts))
            self._source, self._stopping = live, live.generate.stopping

    def _get_train_sampler(self, dataset: Any = None) -> EpochOrder:
        """TRL's order of a generation's lines, by epoch."""
        lines: Any = self.train_dataset if dataset is None else dataset
        seed = self.args.seed if self.shuffle_dataset else None
        batches = Batches(self.generation_size, self.args.gradient_accumulation_steps)
        return EpochOrder(lines, batches, seed, lambda: self.state.global_step)

    @property
    def generation_size(self) -> int:
        """Completions of a step, over all processes."""
        args = self.args
        processes: int = self.accelerator.num_processes
        return args.per_device_train_batch_size * args.gradient_accumulation_steps * processes

    def single_turn(self, prompts: list[list[int]]) -> list[Said]:
        """One turn of the student after each prompt, as TRL generates it."""
        return [Said(ids) for ids in self._generate_single_turn(prompts, None, {})]

    def _rollouts(self, parts: OpdParts) -> LiveRollouts:
        """Live rollouts within the limits of the trainer and the model."""
        args, settings = cast("DistillationConfig", self.args), cast("LiveSettings", parts.settings)
        room = Room(
            settings.room.turn,
            min(settings.room.completion, args.max_completion_length or settings.room.completion),
            min(settings.room.context, _context(self.model, args)),
        )
        drawn = replace(settings, room=room, temperature=args.temperature, top_p=args.top_p, top_k=args.top_k)
        return open_rollouts(parts.target, drawn, cast("list[int]", self.eos_token_ids))

    def _prepare_input(self, data: Any) -> Any:
        """What TRL hands to `generate`, with the grammar's stop strings, for which it has no argument."""
        prepared: Any = super()._prepare_input(data)
        if self._stopping is not None and isinstance(data, dict) and "input_ids" in data:
            return prepared | {"stopping_criteria": self._stopping}
        return prepared

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self._taken = self._source.take(inputs)
        prompts = [
            {"prompt": line.get("prompt", "")} for line in inputs
        ]  # TRL only hands them to `_generate`
        output = super()._generate_and_score_completions(prompts)
        if self._server is not None:
            output |= teacher_tensors(self._server, self._taken, output["completion_ids"])
        return output

    def _generate(self, prompts: list[Any]) -> tuple[Any, ...]:
        """The completions that were taken for these prompts, in TRL's form: without images."""
        taken = cast("Completions", self._taken)
        self._measure(taken)
        return taken.prompt_ids, taken.completion_ids, taken.mask, None, []

    def _measure(self, taken: Completions) -> None:
        """TRL's numbers of a generation that mean something here, under its names, and ours."""
        model: Any = self.model
        mode = "train" if model.training else "eval"
        read = [len(ids) for ids in taken.prompt_ids]
        written = [sum(mask) for mask in taken.mask]
        counts = torch.tensor([read, written], device=self.accelerator.device).T.contiguous()
        lengths = cast("torch.Tensor", self.accelerator.gather(counts)).float()
        if mode == "train":
            self.state.num_input_tokens_seen += int(lengths.sum())
        metrics = self._metrics[mode]
        metrics["num_tokens"] = [self.state.num_input_tokens_seen]
        metrics["completions/mean_length"].append(lengths[:, 1].mean().item())
        metrics["completions/min_length"].append(lengths[:, 1].min().item())
        metrics["completions/max_length"].append(lengths[:, 1].max().item())
        for name, value in taken.told.items():
            metrics[f"rollouts/{name}"].append(value)

    def _compute_loss(self, unwrapped_student: Any, inputs: dict[str, Any], num_items_in_batch: Any) -> Any:
        """Loss, sum of the student's entropies, tokens with loss: TRL's own with a local teacher."""
        if self._server is None:
            return super()._compute_loss(unwrapped_student, inputs, num_items_in_batch)
        hidden = self._get_last_hidden_state(
            unwrapped_student,
            torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1),
            torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1),
            inputs["completion_ids"].size(1),
        )
        loss, entropy, tokens = server_loss(hidden, unwrapped_student, inputs, self.beta)
        return (
            loss / (tokens.clamp(min=1) if num_items_in_batch is None else num_items_in_batch),
            entropy,
            tokens,
        )


def _context(model: Any, args: DistillationConfig) -> int:
    """Most tokens of a conversation."""
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None) or _NO_LIMIT
    return min(most, args.vllm_max_model_length or _NO_LIMIT) if args.use_vllm else most


_NO_LIMIT = 1 << 30

Kind = TypeVar("Kind", bound=OpdTrainer)


def opd_trainer(args: DistillationConfig, parts: OpdParts, kind: type[Kind] = OpdTrainer) -> Kind:
    """The trainer, or a kind of it, with parts that go together.

    Raises:
        ConfigError: student and teacher have other tokens, a temperature that a server cannot give, or a chat
            template that does not go with live rollouts.
        ChatServerError: the teacher's server does not answer.
        DataError: there is not enough to train on for one step.
    """
    if isinstance(parts.source, Live) and parts.settings is None:
        rule = "must be given for live rollouts"
        raise ConfigError(str(Problem("settings", rule, None, "Give an index to search.")))
    tokenizer: Any = parts.target.tokenizer.inner
    if isinstance(parts.teacher, TeacherServer):
        if args.temperature != 1.0:
            rule = "must be 1 with a teacher behind a server, which tells probabilities at 1 only"
            raise ConfigError(str(Problem("temperature", rule, args.temperature, "Leave it out.")))
        parts.teacher.check(tokenizer)
    else:
        theirs = _vocabulary_size(parts.teacher.model, args.teacher_model_init_kwargs)
        ours = _vocabulary_size(parts.model, args.model_init_kwargs)
        check_vocabularies(tokenizer, parts.teacher.tokenizer, ours, theirs)
    trainer = kind(args, parts)
    lines: Any = trainer.train_dataset
    if len(lines) < trainer.generation_size:
        fix = "Lower --per-device-train-batch-size or --gradient-accumulation-steps, or raise --samples."
        rule = f"must be enough for one step, which takes {trainer.generation_size:,}"
        raise DataError(str(Problem("rollouts or rows", rule, len(lines), fix)))
    return trainer


def _vocabulary_size(model: Any, loading: Any) -> int:
    """`vocab_size` of a model, or of one that is still to be loaded."""
    config: Any = (
        AutoConfig.from_pretrained(model, revision=(loading or {}).get("revision"))
        if isinstance(model, str)
        else model.config
    )
    return int(config.get_text_config().vocab_size)
