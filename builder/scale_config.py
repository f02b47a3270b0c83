"""The options of a run on many machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from .option_types import Flag, Positive


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class ScaleConfig:
    """How a run is spread over many machines. Nothing here changes what it makes."""

    ray: Flag = False
    """Run on a Ray cluster: the one at RAY_ADDRESS, else one that runs on this machine, else a new one here.
    RAY_ADDRESS alone means it too."""
    ray_workers: Positive | None = None
    """Workers, each with a model and a search engine of its own, among which `--concurrency` is shared out.
    Without it as many as the GPUs of the cluster allow, or one a node where `--ray-gpus` is 0."""
    ray_cpus: Annotated[float, Parameter(validator=Number(gte=0))] = 1.0
    """CPU cores that Ray reserves for a worker."""
    ray_gpus: Annotated[float, Parameter(validator=Number(gte=0))] = 0.0
    """GPUs that Ray gives to a worker; it sees no others."""
