"""What runs in a worker's process on a node of the cluster (see `scale`).

Nothing is sent to it but what it needs to open its own model and search engine: no key travels, a worker
reads keys from the environment that Ray was started with on its node. Its errors travel back by value.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from .errors import ConfigError, DataError, Problem, StorageError, TrajsetError

FOLDER = "workers"
_MARK = ".run"
_PLAIN = (str, int, float, type(None))


class Station(Protocol):
    """What a worker keeps open to do its work."""

    async def do(self, item: Any, /) -> Any:
        """The result of one item. Several are under way at once."""
        ...

    async def aclose(self) -> None:
        """Stop what was started. Nothing is asked for afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """A worker's own folder. `shared` says that the driver sees it too."""

    folder: Path
    shared: bool


class Opener(Protocol):
    """Travels to each worker and opens its station there."""

    def open(self, place: Place) -> Station:
        """The station of a worker.

        Raises:
            TrajsetError: something that it needs is not on this node, or is other than the driver's.
        """
        ...


@dataclass(frozen=True, slots=True)
class Kit:
    """What every worker gets. `out` and `mark`: a folder, and what is found there if it is the same folder.

    `keys` are names of environment variables, never what they hold.
    """

    opener: Opener
    out: Path | None = None
    mark: str = ""
    keys: tuple[str, ...] = ()
    builder_version: str = field(default_factory=lambda: version("trajset"))

    def set_mark(self) -> None:
        """Leave the mark in the folder; done by the driver."""
        if self.out is not None:
            folder = self.out / FOLDER
            folder.mkdir(parents=True, exist_ok=True)
            (folder / _MARK).write_text(self.mark, "utf-8")

    def place(self, name: str) -> Place:
        """A folder for a worker: beside the run where both see the same file system, else a temporary one."""
        if self.out is not None and _read(self.out / FOLDER / _MARK) == self.mark:
            folder = self.out / FOLDER / f"worker-{self.mark}-{name}"
            folder.mkdir(exist_ok=True)
            return Place(folder, shared=True)
        return Place(Path(tempfile.mkdtemp(prefix="trajset-worker-")), shared=False)

    def check(self) -> None:
        """Whether this node has what the driver has.

        Raises:
            ConfigError: a key is not in the environment.
            DataError: another trajset is installed here.
        """
        here = version("trajset")
        if here != self.builder_version:
            fix = "Install the same one on every node."
            raise DataError(str(Problem("trajset", f"must be of version {self.builder_version}", here, fix)))
        for name in self.keys:
            if name not in os.environ:
                rule = "must be set on every node as it is set here"
                fix = "Set it there before `ray start`: keys are not sent over the network."
                raise ConfigError(str(Problem(name, rule, None, fix)))


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error of ours as a value: exceptions with more than a message do not survive pickling."""

    kind: type[TrajsetError]
    text: str
    state: Mapping[str, object]

    @classmethod
    def of(cls, error: TrajsetError | OSError) -> Refusal:
        """What an error says; one of the system counts as one of the disk."""
        if isinstance(error, OSError):
            return cls(StorageError, f"{type(error).__name__}: {error}", {})
        plain = {name: value for name, value in vars(error).items() if isinstance(value, _PLAIN)}
        return cls(type(error), str(error), plain)

    def error(self, where: str = "") -> TrajsetError:
        """The same error again; `where` is put before its message."""
        error = self.kind.__new__(self.kind, where + self.text)
        vars(error).update(self.state)
        return error


class Worker:
    """The actor. Its methods give a `Refusal` where they would raise one of our errors."""

    def __init__(self, kit: Kit, name: str) -> None:
        self._kit, self._name = kit, name
        self._station: Station | None = None

    async def where(self) -> str:
        """Name of the node; is answered once the worker has a place in the cluster."""
        import ray

        return f"{socket.gethostname()} ({ray.get_runtime_context().get_node_id()[:8]})"

    async def open(self) -> Refusal | None:
        """Open the station; that may take as long as a model takes to load."""
        try:
            self._kit.check()
            self._station = self._kit.opener.open(self._kit.place(self._name))
        except (TrajsetError, OSError) as error:
            return Refusal.of(error)
        return None

    async def do(self, item: Any) -> Any:
        """Have an item done."""
        if self._station is None:
            raise RuntimeError("the worker was not opened")
        try:
            return await self._station.do(item)
        except (TrajsetError, OSError) as error:
            return Refusal.of(error)

    async def stop(self) -> None:
        """Close the station."""
        if self._station is not None:
            await self._station.aclose()
