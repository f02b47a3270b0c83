"""Options become the arguments of TRL's configs, under their own names."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from ..builder.errors import ConfigError, MissingExtraError, Problem, unknown
from .options import Fitting, LoraOptions, Switch

PROJECT = "trajset"
"""The trackers' project, where the environment names no other."""

Precision = Literal["bf16", "fp16", "fp32"]
_OURS = frozenset({"output_dir", "push_to_hub", "hub_model_id", "hub_token", "resume_from_checkpoint"})
"""Arguments that a run sets by itself, or that `trajset publish-model` is for."""


def on_gpu(fitting: Fitting) -> bool:
    """Whether training runs on an accelerator here."""
    import torch

    return not fitting.use_cpu and torch.accelerator.is_available()


def precision_of(fitting: Fitting) -> Precision:
    """What a run computes in: TRL's own default, bfloat16, is many times slower than float32 on a CPU.

    Raises:
        ConfigError: both bf16 and fp16 are asked for.
    """
    import torch

    if fitting.fp16 and fitting.bf16 == "on":
        raise ConfigError(str(Problem("fp16", "must not be given with --bf16 on", True, "Choose one.")))
    if fitting.fp16:
        return "fp16"
    able = on_gpu(fitting) and torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return "bf16" if fitting.bf16 == "on" or (fitting.bf16 == "auto" and able) else "fp32"


def _switched(switch: Switch, otherwise: bool) -> bool:
    return otherwise if switch == "auto" else switch == "on"


def common_arguments(fitting: Fitting, out: Path, revision: str | None) -> dict[str, Any]:
    """Arguments that the configs of all of TRL's trainers take.

    Raises:
        ConfigError: options that do not go together.
        MissingExtraError: a tracker is not installed.
    """
    gpu, precision = on_gpu(fitting), precision_of(fitting)
    if "wandb" in fitting.report_to:
        os.environ.setdefault("WANDB_PROJECT", PROJECT)
    names = (
        *("learning_rate", "num_train_epochs", "per_device_train_batch_size", "gradient_accumulation_steps"),
        *("lr_scheduler_type", "weight_decay", "adam_beta1", "adam_beta2", "max_grad_norm", "seed"),
        *("logging_steps", "save_steps"),
    )
    return {name: getattr(fitting, name) for name in names} | {
        "output_dir": str(out),
        "max_steps": fitting.max_steps or -1,
        "save_total_limit": fitting.save_total_limit or None,
        "warmup_steps": fitting.warmup_steps if fitting.warmup_steps < 1 else int(fitting.warmup_steps),
        "use_cpu": not gpu,
        "bf16": precision == "bf16",
        "fp16": precision == "fp16",
        "gradient_checkpointing": _switched(fitting.gradient_checkpointing, gpu),
        "model_init_kwargs": _loading(fitting, revision),
        "report_to": _trackers(fitting),
        "run_name": out.resolve().name,
        "project": PROJECT,
        "deepspeed": str(fitting.deepspeed) if fitting.deepspeed else None,
        "disable_tqdm": True,
        "logging_first_step": True,
        "dataloader_pin_memory": gpu,
        "remove_unused_columns": False,
        "ddp_find_unused_parameters": False,
    }


def _trackers(fitting: Fitting) -> list[str] | str:
    """The trackers, as transformers takes them.

    Raises:
        MissingExtraError: one is not installed.
    """
    for name in fitting.report_to:
        if importlib.util.find_spec(name) is None:
            raise MissingExtraError("track", f"--report-to {name}")
    return list(fitting.report_to) or "none"


def _loading(fitting: Fitting, revision: str | None) -> dict[str, Any]:
    """How transformers loads the weights: in float32, whatever they were saved in."""
    loading: dict[str, Any] = {"dtype": "float32", "revision": revision}
    if fitting.attn_implementation:
        loading["attn_implementation"] = fitting.attn_implementation
    return loading


def with_others(config: type[Any], arguments: dict[str, Any], given: Sequence[str]) -> Any:
    """A TRL config from arguments, and from those given as NAME=VALUE.

    Raises:
        ConfigError: one is unknown, is an option of its own, has no TOML value, or TRL refuses one.
    """
    fields = {field.name for field in dataclasses.fields(config) if field.init}
    others = dict(_parsed(text, fields, arguments) for text in given)
    try:
        return config(**arguments, **others)
    except (TypeError, ValueError, ImportError) as error:
        fix = "See the names and values that TRL's documentation gives."
        problem = Problem("training arguments", f"must be what {config.__name__} takes", str(error), fix)
        raise ConfigError(str(problem)) from error


def _parsed(text: str, fields: set[str], arguments: dict[str, Any]) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals:
        raise ConfigError(str(Problem("trainer_arg", "must be NAME=VALUE", text, 'Write optim="adafactor".')))
    if name not in fields:
        raise ConfigError(str(unknown("trainer_arg", name, fields)))
    if name in arguments or name in _OURS:
        fix = f"Use --{name.replace('_', '-')}, or leave it to the run."
        raise ConfigError(str(Problem("trainer_arg", "must not be set by another option", name, fix)))
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError as error:
        fix = f'Texts stand in quotes: {name}="{value.strip()}".'
        raise ConfigError(
            str(Problem("trainer_arg", f"must have a TOML value ({error})", text, fix))
        ) from error


def lora_config(lora: LoraOptions) -> Any:
    """PEFT's configuration; None where all weights are trained."""
    if not lora.use_peft:
        return None
    from peft import LoraConfig

    targets = lora.lora_target_modules
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.lora_r,
        lora_alpha=lora.lora_alpha,
        lora_dropout=lora.lora_dropout,
        target_modules="all-linear" if targets == ("all-linear",) else list(targets),
    )
