"""The options of `trajset replay`; light to import, as all that the command line reads at its start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cyclopts import Parameter

from ..builder.option_types import Positive
from ..builder.retrieval_config import PLAIN, RetrievalConfig


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class ReplayConfig:
    """Settings of `trajset replay`."""

    index: tuple[str, ...] = ()
    """Folder of an index, or `es:URL/ALIAS`: the recorded queries are searched in it again, and what changed
    is told. Given several times: their rankings are fused."""
    k: Positive | None = None
    """Passages per search in that index; without it as many as the dataset was collected with."""
    limit: Positive | None = None
    """Replay only the first rows, that many."""
    out: Path | None = None
    """Folder for the report: `replay.json`, and as Parquet rows that differ and searches made again."""
    retrieval: RetrievalConfig = PLAIN
