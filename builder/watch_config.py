"""Options that let a run be watched; nothing of them changes what it makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cyclopts import Parameter

from .option_types import Seconds

TrackerName = Literal["trackio", "wandb"]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class WatchConfig:
    """Where the numbers of a run go while it goes on, beside `trajset status`."""

    track: TrackerName | None = None
    """Log the run's numbers with trackio (on this machine) or Weights & Biases (extra [track])."""
    track_project: str = "trajset"
    """The tracker's project."""
    track_every: Seconds = 30.0
    """Seconds between two points of the tracker's curves."""
