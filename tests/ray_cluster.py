"""A Ray cluster of three nodes on this machine, one worker's CPU each, which a test may take a node from."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

MIB = 1024 * 1024


class ThreeNodes:
    """The head and two others. `lose_one` kills a node that is not the head; `mend` makes it three again."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._node = {"num_cpus": 1, "object_store_memory": 80 * MIB}
        self._cluster: Any = Cluster(initialize_head=True, head_node_args=self._node)
        self._others = [self._cluster.add_node(**self._node) for _ in range(2)]

    @property
    def address(self) -> str:
        """What RAY_ADDRESS is set to."""
        return self._cluster.address

    def lose_one(self) -> None:
        """Kill all processes of a node."""
        self._cluster.remove_node(self._others.pop(), allow_graceful=False)

    def mend(self) -> None:
        """Add what is missing."""
        while len(self._others) < 2:
            self._others.append(self._cluster.add_node(**self._node))

    def close(self) -> None:
        """Stop every process."""
        self._cluster.shutdown()


def all_up(said: list[str]) -> bool:
    """Whether three workers have said so."""
    return sum(" is up on " in line for line in said) >= 3


@contextmanager
def three_nodes() -> Generator[ThreeNodes]:
    """The cluster, with RAY_ADDRESS leading to it; skips the test where ray is not installed."""
    pytest.importorskip("ray", reason="ray is not installed")
    os.environ["RAY_ADDRESS"] = ""  # also in the nodes' processes
    cluster = ThreeNodes()
    os.environ["RAY_ADDRESS"] = cluster.address
    try:
        yield cluster
    finally:
        del os.environ["RAY_ADDRESS"]
        cluster.close()
