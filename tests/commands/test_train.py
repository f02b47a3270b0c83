"""`trajset train` as a user runs it: to the end, killed and resumed, repeated, told what is wrong."""

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

pytest.importorskip("trl", reason="needs the extra [train]: pip install 'trajset[train]'")

from trajset.cli import app
from trajset.trainers.lineage import read_lineage

from .conftest import Launch

SETTINGS = {
    "--data": "data:f1_search",
    "--model": "student",
    "--max-steps": "12",
    "--per-device-train-batch-size": "8",
    "--learning-rate": "3e-3",
    "--save-steps": "2",
    "--logging-steps": "1",
}


def sft(out: str, *flags: str, **changes: str) -> list[str]:
    """The command; `data="x"` is `--data x`."""
    given = {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    options = [token for option in (SETTINGS | given).items() for token in option]
    return ["train", "sft", "--out", out, *options, *flags]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a dataset `data` and a student; it is the current one."""
    import torch

    folder, before, threads = tmp_path_factory.mktemp("train"), Path.cwd(), torch.get_num_threads()
    plain = ["--plain", "--one-hop", "1", "--comparison", "0", "--lookalikes", "0"]
    os.chdir(folder)
    torch.set_num_threads(1)
    for command in (
        ["world", "world", "--entities", "150", "--questions", "60", *plain],
        ["index", "world/corpus.jsonl", "index"],
        ["collect", "--questions", "world/questions.jsonl", "--index", "index", "--teacher", "simulated"],
        ["filter", "data", "--recipe", "f1_search"],
        ["student", "student", "--world", "world"],
    ):
        more = ["--world", "world", "--k", "1", "--out", "data"] if command[0] == "collect" else []
        assert app.meta([*command, *more], result_action="return_value") == 0
    yield folder
    os.chdir(before)
    torch.set_num_threads(threads)


def begun(tokens: list[str]) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    settings = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    command = [sys.executable, "-m", "trajset", *tokens]
    return subprocess.Popen(
        command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def until_there(folder: Path, run: subprocess.Popen[str]) -> None:
    while not folder.is_dir() and run.poll() is None:
        time.sleep(0.05)


def test_a_killed_run_goes_on_to_the_same_weights(
    place: Path, launch: Launch, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = begun(sft("killed"))
    until_there(place / "killed" / "checkpoint-4", killed)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert launch(*sft("killed")) == 2
    assert "must not hold an interrupted run" in capsys.readouterr().err
    assert launch(*sft("killed", "--resume")) == 0
    assert "going on after checkpoint-" in capsys.readouterr().out
    assert launch(*sft("whole")) == 0
    said = capsys.readouterr().out
    assert "with loss" in said
    assert "whole: 12 steps" in said
    first, second = read_lineage(place / "whole"), read_lineage(place / "killed")
    assert first.result["weights"] == second.result["weights"]
    assert dataclasses.replace(first.progress, seconds=0) == dataclasses.replace(second.progress, seconds=0)


SEARCH = ("--index", "index", "--k", "1", "--max-tokens", "40")
ANY = """name = "any_row"
title = "Any row"
predicate = "n_turns >= 1"
"""


def methods(place: Path) -> dict[str, list[str]]:
    """Commands of the methods that search, whose student knows the form and little more."""
    if not (place / "new").is_dir():
        (place / "any_row.toml").write_text(ANY)
        plain = ["--plain", "--one-hop", "1", "--comparison", "0", "--entities", "150", "--questions", "30"]
        for tokens in (
            ["world", "new", *plain, "--seed", "5"],
            ["student", "teacher", "--world", "world", "--seed", "1"],
            sft("formed", max_steps="100", save_steps="999"),
        ):
            assert app.meta(tokens, result_action="return_value") == 0
    common = ["--data", "data:f1_search", "--model", "formed", *SEARCH]
    steps = ["--logging-steps", "1", "--save-steps", "1", "--max-steps", "8", "--learning-rate", "1e-3"]
    small = ["--per-device-train-batch-size", "4", "--gradient-accumulation-steps", "1"]
    opd = ["--teacher", "teacher", "--samples", "1", "--max-completion-length", "128"]
    rft = ["--questions", "new/questions.jsonl", "--recipe", "any_row.toml", "--min-kept", "1"]
    return {
        "opd": ["train", "opd", *common, *steps, *small, *opd],
        "rft": ["train", "rft", *common, *steps, *small, *rft],
    }


@pytest.mark.parametrize(("method", "at"), [("opd", "checkpoint-3"), ("rft", "round-1/model/checkpoint-3")])
def test_methods_that_search_go_on_after_a_kill(
    place: Path, launch: Launch, capsys: pytest.CaptureFixture[str], method: str, at: str
) -> None:
    command = methods(place)[method]
    killed = begun([*command, "--out", f"{method}-killed"])
    until_there(place / f"{method}-killed" / at, killed)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert launch(*command, "--out", f"{method}-killed", "--resume") == 0
    assert "going on after checkpoint-" in capsys.readouterr().out
    assert launch(*command, "--out", f"{method}-whole") == 0
    first, second = read_lineage(place / f"{method}-whole"), read_lineage(place / f"{method}-killed")
    assert first.progress.step == second.progress.step == 8
    assert first.result["weights"] == second.result["weights"]


def test_ctrl_c_keeps_a_checkpoint(place: Path) -> None:
    run = begun(sft("stopped", max_steps="2000", save_total_limit="9"))
    until_there(place / "stopped" / "checkpoint-2", run)
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate()
    assert run.returncode == 130, said
    assert "--resume goes on" in said
    lineage = read_lineage(place / "stopped")
    assert lineage.state == "stopped"
    assert (place / "stopped" / f"checkpoint-{lineage.progress.step}" / "optimizer.pt").is_file()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "data"}, "data: must name the split to learn from; got 'data'. Add :SPLIT"),
        ({"data": "data:f2"}, "split: must be one that exists; got 'f2'. Known: f1_search, raw."),
        ({"model": "world"}, "model: must be a folder with a model"),
        ({"max_length": "50"}, "must not lose an answer or a call at max_length 50"),
        ({"trainer_arg": "x"}, "NAME=VALUE"),
        ({"attn_implementation": "nonsense"}, "attn_implementation"),
        ({"eval_fraction": "1"}, "eval_fraction: must leave one to train on"),
    ],
)
def test_bad_input_is_one_clear_error(
    place: Path, launch: Launch, capsys: pytest.CaptureFixture[str], changes: dict[str, str], message: str
) -> None:
    assert launch(*sft("bad", **changes)) == 2
    assert message in capsys.readouterr().err
    # The next attempt with the same --out is not in the way of what this one left.


def test_a_model_without_a_template_is_told_which_grammar_to_use(
    place: Path, launch: Launch, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = place / "bare"
    shutil.copytree(place / "student", bare)
    (bare / "chat_template.jinja").unlink()
    settings = orjson.loads((bare / "tokenizer_config.json").read_bytes())
    settings.pop("chat_template", None)
    (bare / "tokenizer_config.json").write_bytes(orjson.dumps(settings))
    assert launch(*sft("untemplated", model="bare")) == 2
    said = capsys.readouterr().err
    assert "must have a chat template" in said
    assert "--grammar tags" in said


def test_a_run_is_repeated_from_its_options_and_from_its_lineage(
    place: Path, launch: Launch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert launch(*sft("first", max_steps="2")) == 0
    assert 'model = "student"' in (place / "first" / "config.toml").read_text()
    assert launch("train", "sft", "--config", "first/config.toml", "--out", "second") == 0
    assert read_lineage(place / "second").result == read_lineage(place / "first").result
    capsys.readouterr()
    assert launch("train", "--from-lineage", "first/training.json", "--out", "third") == 0
    assert "The same weights, bit for bit" in capsys.readouterr().out


def test_a_lineage_without_places_asks_for_them(
    place: Path, launch: Launch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert launch(*sft("moved", max_steps="1")) == 0
    (place / "moved" / "config.toml").unlink()
    repeat = ["train", "--from-lineage", "moved", "--out", "moved2"]
    assert launch(*repeat) == 2
    assert "Give --data, where data:f1_search is now" in capsys.readouterr().err
    assert launch(*repeat, "--data", "data:f1_search", "--model", "moved") == 2
    assert "model: must be what was trained on" in capsys.readouterr().err
    assert launch(*repeat, "--data", "data:f1_search", "--model", "student") == 0
    assert "bit for bit" in capsys.readouterr().out
