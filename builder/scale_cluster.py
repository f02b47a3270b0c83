"""The cluster that a run is spread over: whether there is one, the way to it, and for how many workers."""

from __future__ import annotations

import logging
import math
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .config import config_values
from .errors import ClusterError, ConfigError, MissingExtraError, Problem
from .scale_config import ScaleConfig

_KNOCK_S = 10.0


def on_ray(scale: ScaleConfig) -> bool:
    """Whether a run is to be spread over a cluster: it was asked for, or RAY_ADDRESS names one."""
    return scale.ray or bool(os.environ.get("RAY_ADDRESS"))


def keys_of(config: object) -> tuple[str, ...]:
    """Names of the variables that a config takes keys from and that are set here."""
    values = config_values(config)
    names = [str(values[name]) for name in values if name.endswith("api-key-env")]
    return tuple(name for name in names if os.environ.get(name))


@dataclass(frozen=True, slots=True)
class Team:
    """So many workers, each with so many places and its CPUs and GPUs."""

    workers: int
    places: int
    cpus: float
    gpus: float


def team_of(scale: ScaleConfig, concurrency: int, nodes: Sequence[Mapping[str, float]]) -> Team:
    """The workers of a run; `nodes` are the resources (`CPU`, `GPU`) of each node.

    Raises:
        ConfigError: no node has room for a worker, and no number was asked for that may come later.
    """
    room = [_room(scale, node) for node in nodes]
    workers = scale.ray_workers or sum(room if scale.ray_gpus else (min(1, count) for count in room))
    if not workers:
        wanted = f"{scale.ray_cpus:g} CPUs, {scale.ray_gpus:g} GPUs"
        fix = "Ask for less, or say with --ray-workers how many nodes are still to come."
        raise ConfigError(str(Problem("ray_gpus", "must fit on a node of the cluster", wanted, fix)))
    workers = min(workers, concurrency)
    return Team(workers, math.ceil(concurrency / workers), scale.ray_cpus, scale.ray_gpus)


def _room(scale: ScaleConfig, node: Mapping[str, float]) -> int:
    """Workers that fit on a node."""
    wanted = {"CPU": scale.ray_cpus, "GPU": scale.ray_gpus}
    fits = [int(node.get(name, 0.0) / amount) for name, amount in wanted.items() if amount]
    return min(fits, default=1)


def join() -> Any:
    """The ray module, connected to the cluster that RAY_ADDRESS names or that is found or started here.

    Raises:
        MissingExtraError: ray is not installed.
        ConfigError: the address is that of a Ray client.
        ClusterError: the cluster cannot be reached.
    """
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise MissingExtraError("ray", "A run on many machines") from error
    address = os.environ.get("RAY_ADDRESS")
    if address and address.startswith("ray://"):
        fix = "Run trajset on a node of the cluster (there RAY_ADDRESS=auto), or by `ray job submit`."
        raise ConfigError(str(Problem("RAY_ADDRESS", "must not be that of a Ray client", address, fix)))
    try:
        _knock(address)
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        fix = "Check that `ray status` works there."
        rule = f"must lead to a Ray cluster ({first_line(error)})"
        raise ClusterError(str(Problem("RAY_ADDRESS", rule, address, fix))) from error
    return ray


def _knock(address: str | None) -> None:
    """Whether anything listens there; Ray itself would try for minutes.

    Raises:
        OSError: nothing does.
    """
    host, _, port = (address or "").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), _KNOCK_S).close()


def first_line(error: Exception) -> str:
    """The first line of what an error says; Ray's errors go on for pages."""
    return str(error).strip().partition("\n")[0]
