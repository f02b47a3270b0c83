"""`trajset train sft` in two processes, as torchrun starts them: one folder, one lineage, one model."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

pytest.importorskip("trl", reason="needs the extra [train]")

from trajset.builder.errors import ConfigError
from trajset.trainers.arguments import common_arguments
from trajset.trainers.lineage import Progress, read_lineage
from trajset.trainers.options import SftConfig, SftFitting
from trajset.trainers.sft import train_sft
from trajset.trainers.training_run import Audience

from .conftest import Lab

TESTS = Path(__file__).resolve().parents[1]
COMMAND = ("-m", "trajset")
FSDP = (str(TESTS / "fsdp_on_cpu.py"),)
SHARDED = (
    *("--trainer-arg", "fsdp=true"),
    *("--trainer-arg", 'fsdp_config={transformer_layer_cls_to_wrap=["Qwen3DecoderLayer"]}'),
)
OPTIONS = (
    *("--max-steps", "4", "--save-steps", "2", "--logging-steps", "1"),
    *("--per-device-train-batch-size", "4", "--learning-rate", "3e-3", "--use-cpu"),
)


def launched(
    lab: Lab, out: Path, others: Sequence[str] = (), program: Sequence[str] = COMMAND, processes: int = 2
) -> subprocess.CompletedProcess[str]:
    """A run in that many processes."""
    options = ("train", "sft", "--data", lab.data, "--model", lab.student, "--out", str(out), *OPTIONS)
    started = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes))
    return subprocess.run(
        [sys.executable, *started, *program, *options, *others],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def run(lab: Lab, out: Path, others: Sequence[str] = (), program: Sequence[str] = COMMAND) -> Path:
    """The folder of a run that ended well."""
    done = launched(lab, out, others, program)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("rendered") == 1, "one process speaks"
    return out


def without_seconds(folder: Path) -> Progress:
    return dataclasses.replace(read_lineage(folder).progress, seconds=0.0)


def killed_after(whole: Path, step: int, out: Path) -> Path:
    """A run as a kill leaves it after a checkpoint."""
    shutil.copytree(whole / f"checkpoint-{step}", out / f"checkpoint-{step}")
    shutil.copy(whole / f"checkpoint-{step}" / "training.json", out)
    return out


@pytest.fixture(scope="module")
def whole(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run of two processes."""
    return run(lab, tmp_path_factory.mktemp("processes") / "run")


@pytest.fixture(scope="module")
def alone(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same rows a step in one process."""
    out = tmp_path_factory.mktemp("alone") / "run"
    fitting = SftFitting(
        learning_rate=3e-3, max_steps=4, per_device_train_batch_size=8, logging_steps=1, save_steps=2
    )
    train_sft(SftConfig(lab.data, lab.student, out, fitting=fitting), Audience(Console(quiet=True), str))
    return out


def assert_same_run(one: Path, other: Path) -> None:
    """Both saw the same and learnt the same, but for the order in which floats are added."""
    from transformers import AutoModelForCausalLM

    assert without_seconds(one) == without_seconds(other)
    losses = [read_lineage(folder).result["loss"] for folder in (one, other)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    models: list[Any] = [AutoModelForCausalLM.from_pretrained(folder) for folder in (one, other)]
    for (name, a), (_, b) in zip(models[0].named_parameters(), models[1].named_parameters(), strict=True):
        assert a.allclose(b, atol=2e-3), name


@pytest.mark.slow
def test_two_processes_make_the_run_that_one_makes(whole: Path, alone: Path) -> None:
    lineage = read_lineage(whole)
    assert lineage.state == "complete"
    assert lineage.machine["processes"] == 2
    assert lineage.progress.rows_seen == 32
    assert not (whole / ".work").exists()
    assert_same_run(whole, alone)


@pytest.mark.slow
def test_they_go_on_to_the_same_weights(lab: Lab, whole: Path, tmp_path: Path) -> None:
    out = killed_after(whole, 2, tmp_path / "run")
    refused = launched(lab, out, ["--resume"], processes=1)
    assert "processes: 2 -> 1" in refused.stderr
    run(lab, out, ["--resume"])
    assert without_seconds(out) == without_seconds(whole)
    assert read_lineage(out).result["weights"] == read_lineage(whole).result["weights"]
    assert "nothing to do" in launched(lab, out, ["--resume"]).stdout


@pytest.mark.slow
def test_what_the_first_process_refuses_all_refuse(lab: Lab, whole: Path) -> None:
    done = launched(lab, whole)
    assert done.returncode != 0
    assert "must not hold a finished run yet" in done.stderr
    assert "a bug in trajset" not in done.stderr


@pytest.mark.slow
def test_adapters_are_merged_and_held_out_rows_measured(lab: Lab, tmp_path: Path) -> None:
    out = run(lab, tmp_path / "run", ["--use-peft", "--lora-merge", "--eval-fraction", "0.2"])
    assert 0 < read_lineage(out).result["eval_loss"] < 7
    assert (out / "model.safetensors").is_file()


@pytest.mark.slow
def test_checkpoints_in_parts_leave_a_whole_model(lab: Lab, alone: Path, tmp_path: Path) -> None:
    layers = 'transformer_layer_cls_to_wrap=["Qwen3DecoderLayer"]'
    parts = f'fsdp_config={{{layers}, state_dict_type="SHARDED_STATE_DICT"}}'
    sharded = run(lab, tmp_path / "run", [*SHARDED[:3], parts], FSDP)
    assert (sharded / "checkpoint-4" / "pytorch_model_fsdp_0").is_dir()
    assert_same_run(sharded, alone)


@pytest.mark.slow
def test_a_divided_model_makes_the_same_run_and_goes_on(lab: Lab, alone: Path, tmp_path: Path) -> None:
    sharded = run(lab, tmp_path / "whole", SHARDED, FSDP)
    assert_same_run(sharded, alone)
    out = killed_after(sharded, 2, tmp_path / "run")
    run(lab, out, [*SHARDED, "--resume"], FSDP)
    assert without_seconds(out) == without_seconds(sharded)
    assert read_lineage(out).result["weights"] == read_lineage(sharded).result["weights"]


def test_deepspeed_s_configuration_reaches_trl(tmp_path: Path) -> None:
    from trl import SFTConfig

    file = tmp_path / "zero3.json"
    arguments = common_arguments(SftFitting(deepspeed=file, use_cpu=True), tmp_path, None)
    assert arguments["deepspeed"] == str(file)
    assert arguments.keys() <= {field.name for field in dataclasses.fields(SFTConfig)}


@pytest.mark.skipif(importlib.util.find_spec("deepspeed") is not None, reason="deepspeed is installed")
def test_without_deepspeed_the_refusal_names_it(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "zero3.json"
    file.write_text('{"zero_optimization": {"stage": 3}}')
    config = SftConfig(lab.data, lab.student, tmp_path / "run", fitting=SftFitting(deepspeed=file))
    with pytest.raises(ConfigError, match="deepspeed"):
        train_sft(config, Audience(Console(quiet=True), str))
