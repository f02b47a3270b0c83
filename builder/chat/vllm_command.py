"""How vLLM is started for a model: parsers of its family, the python that has vLLM, the arguments.

`vllm serve MODEL` where that command is found; `python -m vllm.entrypoints.openai.api_server` where a python
is named, which also serves rebuilds of vLLM under another name (their `vllm` command does not know itself).
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError, Problem
from ..schema import Grammar
from ..vllm_config import VllmConfig
from .families import Family

PREFIX = "vllm:"
PYTHON = "TRAJSET_VLLM_PYTHON"
_MODULE = ("-m", "vllm.entrypoints.openai.api_server")
_SECRET = ("--api-key", "--hf-token")  # they would stand in config.toml
_AUTO, _NONE = "auto", "none"


@dataclass(frozen=True, slots=True)
class Served:
    """A model to serve: what vLLM loads, what it is called in the rows, and the Hub revision that pins it."""

    model: str
    name: str
    revision: str | None = None


def served(teacher: str) -> Served:
    """The model that `vllm:FOLDER` or `vllm:REPO[@REVISION]` names; a folder is called by its last part.

    Raises:
        ConfigError: it names none, or a folder that is not there.
    """
    model = teacher.removeprefix(PREFIX)
    folder = Path(model).expanduser()
    if model and folder.is_dir():
        return Served(str(folder), folder.resolve().name)
    repo, _, revision = model.partition("@")
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", repo) or repo.startswith("."):
        fix = "Name a folder that holds the model, or a Hub model: vllm:Qwen/Qwen3-32B."
        raise ConfigError(str(Problem("teacher", "must name a model to serve", teacher, fix)))
    return Served(repo, repo, revision or None)


def server_command(
    model: Served, grammar: Grammar, family: Family | None, config: VllmConfig
) -> tuple[str, ...]:
    """The command, all but the port.

    Raises:
        ConfigError: there is no vLLM, the grammar needs a parser that is not known, or a key stands in it.
    """
    pinned = ("--revision", model.revision, "--tokenizer-revision", model.revision) if model.revision else ()
    return (
        *_program(model.model, config),
        *("--served-model-name", model.name, "--host", "127.0.0.1"),
        *("--tensor-parallel-size", str(config.tensor_parallel)),
        *("--data-parallel-size", str(config.data_parallel)),
        "--disable-uvicorn-access-log",  # a line for every request, in a log that is kept
        *pinned,
        *_parsing(model, grammar, family, config),
        *_further(config.vllm_args),
    )


def server_environment(api_key_env: str, here: Mapping[str, str] = os.environ) -> dict[str, str]:
    """This process's environment without the key of other chat servers, and with no report of use sent
    out."""
    return {"VLLM_NO_USAGE_STATS": "1"} | {name: here[name] for name in here if name != api_key_env}


def _program(model: str, config: VllmConfig) -> tuple[str, ...]:
    python = config.vllm_python or os.environ.get(PYTHON)
    if python is not None:
        found = shutil.which(str(Path(python).expanduser()))
        if found is None:
            fix = "Name the python of an environment in which vLLM is installed."
            raise ConfigError(str(Problem("vllm_python", "must be a program", str(python), fix)))
        return (found, *_MODULE, "--model", model)
    command = shutil.which("vllm")
    if command is None:
        fix = f"Install vLLM in an environment of its own and name its python: --vllm-python or {PYTHON}."
        raise ConfigError(str(Problem("vllm_python", "must be given where there is no `vllm`", None, fix)))
    return (command, "serve", model)


def _parsing(model: Served, grammar: Grammar, family: Family | None, config: VllmConfig) -> tuple[str, ...]:
    tool = _chosen(config.tool_parser, family.tool_parser if family else None)
    reasoning = _chosen(config.reasoning_parser, family.reasoning_parser if family else None)
    if grammar == "tools" and tool is None:
        fix = "Name one with --tool-parser, or collect with --grammar tags, which needs none."
        raise ConfigError(str(Problem("tool_parser", "must be known for --grammar tools", model.name, fix)))
    calls = ("--enable-auto-tool-choice", "--tool-call-parser", tool) if tool else ()
    return (*calls, *(("--reasoning-parser", reasoning) if reasoning else ()))


def _chosen(option: str, family: str | None) -> str | None:
    return family if option == _AUTO else None if option == _NONE else option


def _further(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        fix = "Quote them as for a shell."
        raise ConfigError(str(Problem("vllm_args", "must be arguments", str(error), fix))) from error
    for word in words:
        if word.replace("_", "-").startswith(_SECRET):
            fix = "The server only listens on this machine; it takes the Hub's token from HF_TOKEN."
            raise ConfigError(str(Problem("vllm_args", "must hold no key", word.partition("=")[0], fix)))
    return words
