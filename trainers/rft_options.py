"""The options of `trajset train rft`; light to import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cyclopts import Parameter

from ..builder.agent_config import LocalConfig
from ..builder.option_types import Flag, Heat, Mass, Positive
from ..builder.source_config import QuestionFields
from .options import (
    NO_LORA,
    PLAIN_RENDERING,
    RFT_FITTING,
    AtLeastZero,
    LoraOptions,
    RenderingOptions,
    RftFitting,
)
from .search_options import SearchOptions

LOCAL = LocalConfig()


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class SamplingOptions:
    """How the student answers while it samples."""

    samples: Positive = 1
    """Trajectories per question, in each round."""
    limit: Positive | None = None
    """Questions of a round (a sample drawn with the seed and the round); without it all."""
    temperature: Heat = "auto"
    """Sampling temperature; `auto`: the model family's, 0.6 for an unknown one."""
    top_p: Mass = "auto"
    """Nucleus sampling mass; `auto`: the model family's, 0.95 for an unknown one."""
    top_k: int | Literal["auto"] | None = "auto"
    """Sample among the top k tokens only; `auto`: the model family's, 20 for an unknown one."""
    max_tokens: Positive = 2048
    """Most tokens a turn may have."""
    vllm: Flag = False
    """Sample behind a vLLM server that is started for each round (docs/models.md); else in this process."""
    local: LocalConfig = LOCAL


BY_LAYOUT = QuestionFields()
SAMPLING = SamplingOptions()


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class RftConfig:
    """Settings of `trajset train rft`."""

    data: str
    """Rows that the student has learnt from, and whose recipe filters its own: `REPO[@REVISION]:SPLIT` or
    `PATH:SPLIT`."""
    model: str
    """The student: a folder, or a model at the Hub."""
    questions: str
    """New questions: a named source (`hotpotqa:train`), a JSONL, JSON, CSV or Parquet file, or
    `hf:REPO[@REVISION][:[CONFIG/]SPLIT]`. Those of `--data` are left out."""
    out: Path
    """Folder of the run: a dataset and a model for each round, and at the end the last model."""
    search: SearchOptions
    model_revision: str | None = None
    """Branch, tag or commit of a model at the Hub."""
    rounds: Positive = 1
    """Rounds of sampling, filtering and training; each begins with the model of the one before."""
    recipe: str | None = None
    """Another recipe than that of the split, by name or path."""
    min_kept: Positive = 64
    """Fewest rows that a round has to keep, those that break the grammar not counted: from a few survivors a
    weak student collapses."""
    mix: AtLeastZero = 1.0
    """Rows of `--data` mixed in for each row kept; 0, as in the paper, for a student that is good already."""
    resume: Flag = False
    """Go on with the interrupted run in `--out`."""
    sampling: SamplingOptions = SAMPLING
    rendering: RenderingOptions = PLAIN_RENDERING
    fitting: RftFitting = RFT_FITTING
    lora: LoraOptions = NO_LORA
    fields: QuestionFields = BY_LAYOUT
