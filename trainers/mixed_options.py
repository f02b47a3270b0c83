"""The options of `trajset train mixed`; light to import."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from ..builder.config import TABLE
from ..builder.option_types import Flag
from ..builder.source_config import QuestionFields
from .opd_options import BY_LAYOUT, ROLLOUTS, RolloutOptions, TeacherOptions
from .options import (
    NO_LORA,
    OPD_FITTING,
    PLAIN_RENDERING,
    SFT_FITTING,
    LoraOptions,
    OpdFitting,
    RenderingOptions,
    SftFitting,
)
from .search_options import OPD_SEARCH, OpdSearch


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class MixedConfig:
    """Settings of `trajset train mixed`."""

    data: str
    """Rows to learn from, whose questions are then answered: `REPO[@REVISION]:SPLIT` or `PATH:SPLIT`."""
    model: str
    """The student: a folder, or a model at the Hub."""
    out: Path
    """Folder of the run: `sft` and `opd` are its stages, and at the end it holds the last one's model."""
    teaching: TeacherOptions
    model_revision: str | None = None
    """Branch, tag or commit of a model at the Hub."""
    preset: Literal["standard", "asp"] | None = None
    """Which split: `standard` is distillation on `f1_only`, `asp` the always-search policy on `f1_search`."""
    questions: str | None = None
    """Questions of the second stage in place of those of the rows, as `trajset train opd` takes them."""
    resume: Flag = False
    """Go on with the interrupted run in `--out`."""
    search: OpdSearch = OPD_SEARCH
    rollouts: RolloutOptions = ROLLOUTS
    rendering: RenderingOptions = PLAIN_RENDERING
    lora: LoraOptions = NO_LORA
    fields: QuestionFields = BY_LAYOUT
    sft: Annotated[SftFitting, Parameter(name="sft")] = field(default=SFT_FITTING, metadata=TABLE)
    """The first stage."""
    opd: Annotated[OpdFitting, Parameter(name="opd")] = field(default=OPD_FITTING, metadata=TABLE)
    """The second stage."""

    @property
    def fitting(self) -> SftFitting:
        """The first stage's: what holds of the run as a whole."""
        return self.sft
