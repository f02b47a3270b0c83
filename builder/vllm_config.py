"""Options of the vLLM server that trajset starts itself (`--teacher vllm:MODEL`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .option_types import Count, Positive, Seconds


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class VllmConfig:
    """A server for `--teacher vllm:MODEL`. Nothing of it enters the rows or their ids."""

    vllm_python: Path | None = None
    """Python of the environment that has vLLM, which pins torch; without it what the environment variable
    TRAJSET_VLLM_PYTHON names, else the command `vllm`."""
    vllm_port: Count = 0
    """Port of the server on this machine; 0 takes a free one."""
    tensor_parallel: Positive = 1
    """GPUs that one copy of the model is split over."""
    data_parallel: Positive = 1
    """Copies of the model in the server, each on its own GPUs."""
    tool_parser: str = "auto"
    """vLLM's tool-call parser; `auto` takes the model family's, `none` starts the server without one."""
    reasoning_parser: str = "auto"
    """vLLM's reasoning parser; `auto` takes the model family's, `none` starts the server without one."""
    vllm_args: Annotated[str, Parameter(allow_leading_hyphen=True)] = ""
    """Further arguments of the server, quoted as for a shell, such as "--max-model-len 16384"."""
    vllm_start: Seconds = 1800.0
    """Longest wait until the server answers, in seconds; a large model is downloaded and loaded meanwhile."""
    vllm_restarts: Count = 5
    """How often in a row a server that died is started again; one that was up for ten minutes counts anew."""
