"""Group relative policy optimization: the student searches, answers, and is rewarded for right answers.

    questions of a split -> groups of live rollouts -> rewards -> GRPOTrainer -> model, training.json, curves

The baseline that distillation is held against. For each question G rollouts are made with the search engine
at hand; the reward is the String-F1 (or exact match) of the final answer; the advantage of a rollout is its
reward less the mean of its group, over their standard deviation (DeepSeekMath, arXiv 2402.03300, section
4.1), for every token that the student wrote. What it read is masked. The update is TRL's.

What it leaves out: rewards for single searches, and other rewards than those for the answer and its form.

    trajset train grpo --data DATA:SPLIT --model MODEL --index INDEX --out OUT

Small students collapse under it; `collapse` says by which rules that is told. Needs the extra `[train]`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import StoppingCriteriaList
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from ..builder.errors import ConfigError, DataError, Problem
from ..builder.prompts import stop_strings
from ..builder.retrieval.opening import open_index
from ..builder.retrieval.retriever import Retriever
from ..builder.schema import JsonObject, Question
from .arguments import common_arguments, lora_config, with_others
from .chat_tokenizer import open_tokenizer
from .collapse_watch import CollapseWatch
from .epoch_order import Batches, EpochOrder
from .grpo_options import GrpoConfig
from .grpo_rollouts import FORMAT, GroupRollouts, Practice
from .kept_rollouts import WriteCard, close_rollouts, made_by, step_store
from .live import LiveRollouts, LiveSettings, Writer, open_rollouts
from .live_chat import Room
from .live_steps import live_origin
from .lockstep import Said
from .named_split import NamedSplit, open_split
from .options import outcome_options
from .recorded import Recorded
from .run_book import RunBook
from .student_model import StudentFiles, find_student, loading
from .target import choose_target
from .training_run import Audience, Ended, fit, new_lineage, run_folder, with_target
from .trl_generation import TrlGenerate


class Column:
    """A reward function in TRL's form: a column that `rollout_func` has filled already."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, **columns: Any) -> list[float | None]:
        """What each rollout earns; None where it broke. The columns are TRL's keyword arguments."""
        return columns[self.__name__]


class RecordedGrpo(Recorded, GRPOTrainer):
    """TRL's trainer with live rollouts, keeping account of what it sees."""

    groups: GroupRollouts
    stopping: StoppingCriteriaList | None = None

    def _get_train_sampler(self, dataset: Any = None) -> EpochOrder:
        """TRL's order of the questions, each as often as its group is large, by epoch."""
        args: Any = self.args
        copies: int = args.num_generations
        questions: int = args.generation_batch_size // copies
        repeats: int = self.num_iterations * args.steps_per_generation
        lines: Any = self.train_dataset if dataset is None else dataset
        seed = args.seed if self.shuffle_dataset else None
        return EpochOrder(lines, Batches(questions, repeats, copies), seed, self._generations)

    def _generations(self) -> int:
        """How often rollouts have been made."""
        args: Any = self.args
        batches = self.state.global_step * args.gradient_accumulation_steps
        return batches // (self.num_iterations * args.steps_per_generation)

    def single_turn(self, prompts: list[list[int]]) -> list[Said]:
        """One turn of the student after each prompt, as TRL generates it."""
        ids, logprobs = self._generate_single_turn(prompts, None, {}, 1)
        return [Said(one, logprobs[place] if logprobs else None) for place, one in enumerate(ids)]

    def _prepare_input(self, data: Any) -> Any:
        """What TRL hands to `generate`, with the grammar's stop strings, for which it has no argument."""
        prepared: Any = super()._prepare_input(data)
        if self.stopping is not None and isinstance(data, dict) and data.keys() == _GENERATED_FROM:
            return prepared | {"stopping_criteria": self.stopping}
        return prepared

    def roll_out(self, prompts: list[str]) -> dict[str, Any]:
        """The rollouts of this process's prompts, in TRL's form (`GroupRollouts.make`)."""
        made = self.groups.make(prompts)
        model: Any = self.model
        mode = "train" if model.training else "eval"
        for name, value in self.groups.told().items():
            self._metrics[mode][f"rollouts/{name}"].append(value)
        return made

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The loss of a batch, which is counted."""
        self.book.see(*counts(inputs))
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

    def create_model_card(
        self,
        model_name: str | None = None,
        dataset_name: str | None = None,
        tags: str | list[str] | None = None,
    ) -> None:
        """Into the checkpoint go also rollouts that a later step is still to learn from."""
        super().create_model_card(model_name, dataset_name, tags)
        every = self.args.steps_per_generation * self.num_iterations
        left = self._buffered_inputs if self._step % every else None
        place = self._left(Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}")
        place.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"step": self._step, "inputs": left}, place)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            found = torch.load(self._left(Path(checkpoint)), weights_only=True)
            self._step, self._buffered_inputs = found["step"], found["inputs"]

    def _left(self, checkpoint: Path) -> Path:
        """Where a process keeps rollouts in a checkpoint."""
        return checkpoint / f"rollouts-{self.accelerator.process_index}.pt"


_GENERATED_FROM = {"input_ids", "attention_mask"}


def counts(inputs: Any) -> tuple[int, int, int]:
    """Rollouts, tokens and tokens with loss of a batch."""
    mask = inputs["completion_mask"]
    tokens = int(inputs["prompt_mask"].sum()) + int(mask.sum())
    return int(mask.shape[0]), tokens, int((mask * inputs["tool_mask"]).sum())


def train_grpo(config: GrpoConfig, audience: Audience, card: WriteCard) -> Ended:
    """Train, or go on with a run. `card` writes the card of the dataset of rollouts.

    Raises:
        ConfigError: no such model, no usable template, bad options, a taken folder, too little memory.
        DataError: no such dataset, revision or split; no question with a gold answer; no usable index.
        HubError, StorageError: the Hub or the disk refuses.
    """
    split = open_split(config.data)
    questions = practice_questions(split)
    student = find_student(config.model, config.model_revision)
    retriever = open_index(config.search.index, config.search.retrieval)
    rollouts = open_practice(config, student, retriever)
    dataset = split.to_json() | {"questions": len(questions)}
    lineage = new_lineage("grpo", dataset, student.to_json(), outcome_options(config))
    search: JsonObject = {"retriever": retriever.name, "corpus": retriever.corpus}
    target = rollouts.continuation.target
    lineage = replace(with_target(lineage, target), inputs={"search": search})
    with run_folder(config, lineage) as folder:
        made = made_by("grpo", lineage.options, rollouts.prompt)
        if folder.earlier and folder.is_complete:
            close_rollouts(folder.path, made, card)
            return Ended(folder.earlier, nothing_to_do=True)
        book = RunBook(folder, lineage, audience.say)
        book.merge = config.lora.use_peft and config.lora.lora_merge
        writer = Writer(student.files.name, student.files.revision)
        practice = Practice(questions, writer, config.rewards, step_store(folder.path))
        trainer = grpo_trainer(config, student, rollouts, practice, book)
        ended = fit(trainer, book, target, audience)
        if not ended.interrupted and trainer.is_world_process_zero():
            close_rollouts(folder.path, made, card)
        return ended


def practice_questions(split: NamedSplit) -> dict[str, Question]:
    """The distinct questions of the rows by id, in order; those without a gold answer cannot be rewarded.

    Raises:
        DataError: none has one.
    """
    found: dict[str, Question] = {}
    for row in split.rows():
        if row.question.gold_answers:
            found.setdefault(row.question.question_id, row.question)
    if not found:
        fix = "Choose a split whose questions have gold answers."
        raise DataError(str(Problem("data", "must hold a question with a gold answer", split.name, fix)))
    return found


def open_practice(config: GrpoConfig, student: StudentFiles, retriever: Retriever) -> LiveRollouts:
    """How the student is asked. Raises what `open_tokenizer`, `choose_target`, `open_rollouts` raise."""
    turns, fitting = config.turns, config.fitting
    tokenizer = open_tokenizer(student.place, student.commit, turns.family)
    target = choose_target(tokenizer, turns.grammar, turns.reasoning)
    context = student.context()
    most = min(turns.max_length, context) if context else turns.max_length
    settings = LiveSettings(
        retriever,
        Room(turns.max_tokens, turns.max_completion_length, most),
        config.search.policy,
        config.search.k,
        config.search.max_turns,
        turns.last_turn.force_answer,
        fitting.temperature,
        fitting.top_p,
        fitting.top_k,
    )
    inner: Any = target.tokenizer.inner
    return open_rollouts(target, settings, [inner.eos_token_id])


def grpo_trainer(
    config: GrpoConfig, student: StudentFiles, rollouts: LiveRollouts, practice: Practice, book: RunBook
) -> RecordedGrpo:
    """TRL's trainer over questions.

    Raises:
        ConfigError: TRL refuses an argument, or the model; a batch holds more questions than there are.
    """
    arguments = grpo_arguments(config, student, rollouts, book.folder.path)
    at_once = arguments.generation_batch_size // arguments.num_generations
    if at_once > len(practice.questions):
        rule = f"must be at least the {at_once:,} that are asked at once"
        fix = "Lower --gradient-accumulation-steps, or raise --num-generations."
        raise ConfigError(str(Problem("questions", rule, len(practice.questions), fix)))
    with loading(student.files.name):
        trainer = RecordedGrpo(
            model=student.place,
            reward_funcs=[Column(name) for name in reward_weights(config)],
            args=arguments,
            train_dataset=Dataset.from_dict({"prompt": list(practice.questions)}),
            processing_class=rollouts.continuation.target.tokenizer.inner,
            peft_config=lora_config(config.lora),
            callbacks=[CollapseWatch(config.collapse, book)],
            rollout_func=_roll_out,
        )
    trainer.book = book
    ends = frozenset(trainer.eos_token_ids)
    rollouts = replace(rollouts, reader=replace(rollouts.reader, ends=ends))
    stop = stop_strings(rollouts.prompt.grammar)
    generate = TrlGenerate(trainer, trainer.single_turn, rollouts.reader, stop)
    trainer.stopping = generate.stopping
    origin = live_origin(rollouts, practice.questions.values(), practice.student, config.fitting.seed)
    trainer.groups = GroupRollouts(trainer, practice, rollouts, generate, origin)
    return trainer


def _roll_out(prompts: list[str], trainer: Any) -> dict[str, Any]:
    """TRL's `rollout_func`."""
    return trainer.roll_out(prompts)


def reward_weights(config: GrpoConfig) -> dict[str, float]:
    """What is rewarded, and its weight."""
    rewards = config.rewards
    weights: dict[str, float] = {rewards.reward: 1.0}
    return weights | ({FORMAT: rewards.format_reward} if rewards.format_reward else {})


def grpo_arguments(config: GrpoConfig, student: StudentFiles, rollouts: LiveRollouts, out: Path) -> Any:
    """TRL's config."""
    fitting, room = config.fitting, rollouts.settings.room
    names = (
        *("num_generations", "num_iterations", "beta", "epsilon", "epsilon_high", "scale_rewards"),
        *("loss_type", "temperature", "top_p", "top_k", "use_vllm", "vllm_mode"),
        *("vllm_gpu_memory_utilization", "vllm_server_base_url"),
    )
    arguments = common_arguments(fitting, out, student.commit)
    arguments |= {name: getattr(fitting, name) for name in names} | {
        "max_completion_length": room.completion,
        "vllm_max_model_length": room.context,
        "reward_weights": list(reward_weights(config).values()),
    }
    return with_others(GRPOConfig, arguments, fitting.trainer_arg)
