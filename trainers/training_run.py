"""A run of a TRL trainer from its folder to its last file: begun or resumed, watched, stopped, closed."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from ..builder.config import save_config
from ..builder.errors import ConfigError, Problem, StorageError, TrajsetError
from ..builder.locks import writing
from ..builder.schema import JsonObject
from .lineage import Lineage, git_state, installed, weights_hash, write_lineage
from .run_book import RunBook
from .run_folder import WORK, RunFolder, enter
from .target import Target

CONFIG = "config.toml"
"""All options of a run as they were given, places included: it stays in the run's folder."""

_LOCK = "run.lock"


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a run tells: progress goes to `progress` (stderr), what is worth keeping to `say`."""

    progress: Console
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: its lineage; whether there was nothing left to do."""

    lineage: Lineage
    nothing_to_do: bool = False

    @property
    def interrupted(self) -> bool:
        """Whether it was stopped before its last step."""
        return self.lineage.state != "complete"


def new_lineage(method: str, dataset: JsonObject, model: JsonObject, options: JsonObject) -> Lineage:
    """The lineage of a run that begins now, on this machine, with these libraries."""
    return Lineage(
        method=method,
        started_at=datetime.now(UTC),
        dataset=dataset,
        model=model,
        options=options,
        versions=installed(),
        machine=machine(),
        git=git_state(Path.cwd()),
    )


def machine() -> JsonObject:
    """What computes: the device's name, how many processes, the threads of each."""
    import torch

    gpu = torch.cuda.is_available()
    return {
        "device": torch.cuda.get_device_name() if gpu else f"CPU ({platform.machine()})",
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "threads": torch.get_num_threads(),
    }


@contextmanager
def run_folder(config: Any, lineage: Lineage) -> Generator[RunFolder]:
    """The folder `config.out`, held against other runs as long as the block goes on; see `enter` for errors.

    The config that runs is kept there as `config.toml`.

    Raises:
        StorageError: another run is writing there.
    """
    from accelerate import PartialState

    from .arguments import on_gpu

    process = PartialState(cpu=not on_gpu(config.fitting))
    with ExitStack() as held:
        yield _by_the_first(
            process.is_main_process,
            lambda: _take(config, lineage, held),
            lambda: enter(config.out, lineage, resume=True),
        )


def _take(config: Any, lineage: Lineage, held: ExitStack) -> RunFolder:
    """The folder as the first process takes it; see `run_folder`."""
    path = config.out
    folder = enter(path, lineage, resume=config.resume)
    held.enter_context(writing(path, wait_s=0.0, name=f"{WORK}/{_LOCK}"))
    if not folder.is_complete:
        save_config(replace(config, resume=False), path / CONFIG)
        write_lineage(path, folder.earlier or lineage)
    return folder


def _by_the_first(
    is_first: bool, take: Callable[[], RunFolder], follow: Callable[[], RunFolder]
) -> RunFolder:
    """What the first process takes; the others follow it, or are refused with it."""
    from accelerate.utils import broadcast_object_list

    if not is_first:
        told: list[TrajsetError | None] = [None]
        broadcast_object_list(told)
        if told[0] is not None:
            raise told[0]
        return follow()
    try:
        folder = take()
    except TrajsetError as error:
        broadcast_object_list([error])
        raise
    broadcast_object_list([None])
    return folder


def fit(trainer: Any, book: RunBook, target: Target, audience: Audience) -> Ended:
    """Train to the end, or to the first signal; leave the model, its tokenizer, lineage, card and curves.

    Raises:
        ConfigError: the memory is too small (the message says which setting to lower).
        StorageError: the disk is full or not writable.
    """
    from transformers import PrinterCallback

    from .watch import ShownProgress, StopOnSignal

    checkpoint = book.folder.last_checkpoint() if book.folder.earlier else None
    if checkpoint:
        audience.say(f"going on after {checkpoint.name}")
    shown, stop = ShownProgress(audience.progress), StopOnSignal()
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(shown)
    trainer.add_callback(stop)
    book.go_on(checkpoint)
    flushed = _flushed_denormals(trainer.args.device.type == "cpu")
    with stop.listening(), flushed, _memory(trainer), _disk(book.folder.path):
        try:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        finally:
            shown.close()
        if stop.asked and trainer.state.global_step < trainer.state.max_steps:
            book.keep(book.folder.path, trainer, "stopped")
            return Ended(book.lineage)
        return _close(trainer, book, target)


@contextmanager
def _flushed_denormals(wanted: bool) -> Generator[None]:
    """Take numbers next to nothing for nothing: as gradients they cost a CPU a multiple of the time."""
    import torch

    before = float(torch.tensor([1e-310], dtype=torch.float64) * 1) == 0.0
    torch.set_flush_denormal(wanted or before)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def _close(trainer: Any, book: RunBook, target: Target) -> Ended:
    """Measure once more, save, and say that it is complete: last of all."""
    step = trainer.state.global_step
    measured = any("eval_loss" in point and point["step"] == step for point in trainer.state.log_history)
    if trainer.eval_dataset is not None and not measured:
        trainer.evaluate()
    folder = book.folder.path
    if book.merge:
        trainer.model = trainer.accelerator.unwrap_model(trainer.model).merge_and_unload()
    trainer.model.config.use_cache = True  # switched off for training; generation would be without one
    if trainer.is_fsdp_enabled:  # checkpoints may be in parts, what is left is whole
        trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
    trainer.save_model(str(folder))
    if trainer.is_world_process_zero():
        save_tokenizer(folder, target)
        result: JsonObject = {"weights": weights_hash(folder)}
    else:
        result = {}
    book.keep(folder, trainer, "complete", result)
    if trainer.is_world_process_zero():
        shutil.rmtree(folder / WORK, ignore_errors=True)
    return Ended(book.lineage)


def save_tokenizer(folder: Path, target: Target) -> None:
    """Save the tokenizer with the template that was trained on."""
    inner = target.tokenizer.inner
    before = inner.chat_template
    inner.chat_template = target.tokenizer.template
    try:
        inner.save_pretrained(folder)
    finally:
        inner.chat_template = before


@contextmanager
def _memory(trainer: Any) -> Generator[None]:
    """What is said where memory runs out."""
    import torch

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise ConfigError(str(_too_large(trainer, error))) from error
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):
            raise
        raise ConfigError(str(_too_large(trainer, error))) from error


def _too_large(trainer: Any, error: Exception) -> Problem:
    """What to lower, the least harmful first."""
    batch, accumulated = trainer.args.per_device_train_batch_size, trainer.args.gradient_accumulation_steps
    halved = f"--per-device-train-batch-size {batch // 2} --gradient-accumulation-steps {accumulated * 2}"
    ways = [halved] if batch > 1 else []
    if not trainer.args.gradient_checkpointing:
        ways.append("--gradient-checkpointing on")
    ways += ["a lower --max-length", "--use-peft"]
    rule = f"must hold a batch of {batch} ({str(error).partition(chr(10))[0]})"
    return Problem("memory", rule, f"{batch} rows", f"Try {', '.join(ways[:-1])} or {ways[-1]}.")


@contextmanager
def _disk(folder: Path) -> Generator[None]:
    """What is said where a checkpoint does not fit the disk: safetensors has an error of its own."""
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        if "No space" not in str(error) and "os error 28" not in str(error):
            raise
        fix = "Free space, then go on with --resume."
        raise StorageError(f"{folder}: cannot be written ({error}). {fix}") from error


def with_target(lineage: Lineage, target: Target) -> Lineage:
    """The lineage with how rows are rendered."""
    return replace(lineage, target=target.to_json())


def with_audit(lineage: Lineage, target: Target, audit: JsonObject) -> Lineage:
    """The lineage with how rows were rendered and what the audit counted; of rows only how many."""
    counts = {key: len(value) if isinstance(value, list) else value for key, value in audit.items()}
    for kind in ("refused", "missing", "cut", "forged"):
        counts[kind] = {name: len(ids) for name, ids in audit[kind].items()}
    return replace(with_target(lineage, target), audit=counts)
