"""The options of `trajset probe`; light to import, as all that the command line reads at its start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cyclopts import Parameter


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class ProbeConfig:
    """Settings of `trajset probe` beside those of features and probe."""

    model: str
    """The model that gave the rows: a folder, or a causal language model at the Hub."""
    closed_book: str
    """Dataset with its closed-book rows: `PATH[:SPLIT]` or `REPO[@REVISION][:SPLIT]`."""
    model_revision: str | None = None
    """Branch, tag or commit of a model at the Hub."""
    live: str | None = None
    """Dataset with its rows with search; without it those in the closed-book dataset, if any."""
    noise: str = ""
    """Take live rows under this noise, as `--noise` of the evaluation says it (`drop=0.1`)."""
    benchmark: str | None = None
    """Take the rows of this benchmark, where there are several."""
    out: Path = Path("probe")
    """Folder for `probe.json`, plots and features; an earlier probe in it is replaced."""
