"""The options of `trajset lab`; light to import, as all that the command line reads at its start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cyclopts import Parameter

from ..builder.option_types import Flag, Positive


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class LabConfig:
    """Settings of `trajset lab`."""

    out: Path = Path("trajset-lab")
    """Folder of the laboratory; what is done in it is not done again."""
    seeds: Positive = 3
    """Seeds: each has rows, training and exams of its own. More may be added later."""
    workers: Positive = 2
    """Tasks under way at once, a process and a core each."""
    smoke: Flag = False
    """Everything tiny, in minutes: it tries the laboratory out and says nothing about the claims."""
