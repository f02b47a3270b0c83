"""A run's numbers as curves in trackio or Weights & Biases, which share `init`, `log` and `finish`.

What they are told of the run is what a manifest publishes: no place of this machine, no key. wandb reads its
key by itself (WANDB_API_KEY or `wandb login`); trackio keeps its data on this machine unless told otherwise.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from .errors import MissingExtraError
from .run_status import RunStatus
from .watch_config import TrackerName, WatchConfig


class TrackedRun(Protocol):
    """What both libraries give for a run. Their functions of the same names find it by the thread that began
    it; its methods work in any."""

    def log(self, data: dict[str, float], /) -> object:
        """A point on each curve."""
        ...

    def finish(self) -> object:
        """Write what is left, and end."""
        ...


class Library(Protocol):
    """The part of both libraries that is used."""

    def init(
        self,
        *,
        project: str,
        name: str,
        config: dict[str, object],
        resume: str,
        settings: dict[str, str] | None,
    ) -> TrackedRun:
        """Begin a run, or go on with it."""
        ...


@dataclass(slots=True)
class Tracker:
    """A run in a tracker. A resumed run goes on with the curves of the same name, which wandb finds by an id
    (`by_id`). Every call may block, and raises whatever the library raises."""

    library: Library
    project: str
    name: str
    config: Mapping[str, object]
    every_s: float
    by_id: bool = False
    _run: TrackedRun | None = None

    def begin(self) -> None:
        """Begin, before all else."""
        self._run = self.library.init(
            project=self.project,
            name=self.name,
            config=dict(self.config),
            resume="allow",
            settings={"run_id": self.name} if self.by_id else None,
        )

    def log(self, status: RunStatus) -> None:
        """A point on each curve."""
        if self._run is not None:
            self._run.log(metrics_of(status))

    def finish(self) -> None:
        """End."""
        if self._run is not None:
            self._run.finish()


def open_tracker(options: WatchConfig, name: str, config: Mapping[str, object]) -> Tracker | None:
    """The tracker that the options name; None where they name none.

    Raises:
        MissingExtraError: its library is not installed.
    """
    if options.track is None:
        return None
    library, by_id = _library(options.track), options.track == "wandb"
    return Tracker(library, options.track_project, name, config, options.track_every, by_id)


def _library(name: TrackerName) -> Library:
    try:
        return cast("Library", importlib.import_module(name))
    except ModuleNotFoundError as error:
        raise MissingExtraError("track", f"--track {name}") from error


def metrics_of(status: RunStatus) -> dict[str, float]:
    """The numbers of a status that are known, by the name of their curve."""
    known: dict[str, float | None] = {
        "done": status.done,
        "failed": status.failed,
        "left": status.left,
        "rate": status.recent_rate,
        "f1": status.f1,
        "searches": status.searches,
        "tokens/prompt": status.prompt_tokens,
        "tokens/completion": status.completion_tokens,
        "under_way": status.under_way,
    }
    reasons = {f"stop/{reason}": count for reason, count in status.reasons.items()}
    return {name: value for name, value in known.items() if value is not None} | reasons
