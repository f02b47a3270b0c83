"""The command line with FSDP on CPUs, over gloo: PyTorch can, accelerate asks for accelerators.

    torchrun --nproc-per-node 2 tests/fsdp_on_cpu.py train sft ... --use-cpu --trainer-arg fsdp=true

It is told here that the processes have GPUs, before it decides how to divide a model; nothing else changes.
"""

from __future__ import annotations

import sys
from typing import Any

from accelerate import PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType
from trajset.cli import main

decide = AcceleratorState.__init__


def as_if_on_gpus(state: AcceleratorState, *arguments: Any, **named: Any) -> None:
    """Decide, for processes that are said to have GPUs."""
    shared = PartialState(cpu=True)._shared_state
    if shared["distributed_type"] == DistributedType.MULTI_CPU:
        shared["distributed_type"] = DistributedType.MULTI_GPU
    decide(state, *arguments, **named)


if __name__ == "__main__":
    AcceleratorState.__init__ = as_if_on_gpus
    sys.exit(main())
