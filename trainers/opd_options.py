"""The options of `trajset train opd`; light to import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from ..builder.option_types import Count, Flag, Positive, Share
from ..builder.source_config import QuestionFields
from .options import (
    NO_LORA,
    OPD_FITTING,
    PLAIN_RENDERING,
    Above,
    LoraOptions,
    OpdFitting,
    RenderingOptions,
)
from .search_options import OPD_SEARCH, OpdSearch


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class TeacherOptions:
    """Who is learnt from. Student and teacher have to have the same tokens."""

    teacher: str
    """The teacher: a folder, a model at the Hub, or with `--teacher-url` the model's name at that server."""
    teacher_revision: str | None = None
    """Branch, tag or commit of a teacher at the Hub; with `--teacher-url` what pins it, for the lineage."""
    teacher_url: str | None = None
    """API root of a vLLM server with the teacher, such as `http://127.0.0.1:8000/v1`."""
    teacher_top_k: Positive = 64
    """Likeliest tokens that the server is asked for at each place (start it with `--max-logprobs`)."""
    teacher_timeout: Above = 300.0
    """Longest wait for one reply of it, in seconds."""
    teacher_retries: Count = 6
    """Retries of a request to it."""
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the server's API key (never the key itself)."""
    beta: Share = 1.0
    """Which divergence: 1 is the reverse KL (student from teacher), 0 the forward KL, between them the
    generalised Jensen-Shannon divergence."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class RolloutOptions:
    """How the student answers while it learns."""

    samples: Positive = 8
    """Rollouts of each question, in each epoch."""
    limit: Positive | None = None
    """Questions (a sample drawn with the seed); without it all."""
    max_tokens: Positive = 1024
    """Most tokens a turn may have."""
    max_completion_length: Positive = 4096
    """Most tokens after the prompt: all turns, and all that is found."""
    temperature: Above = 1.0
    """Sampling temperature, and that of the divergence."""
    top_p: Annotated[float, Parameter(validator=Number(gt=0, lte=1))] = 1.0
    """Nucleus sampling mass."""
    top_k: Count = 0
    """Sample among the top k tokens only; 0: among all."""
    force_answer: Flag = False
    """Ask for the answer before the last turn."""
    use_vllm: Flag = False
    """Generate with vLLM (`pip install 'trl[vllm]'`); its settings are TRL's, by `--trainer-arg`."""
    vllm_mode: Literal["colocate", "server"] = "colocate"
    """vLLM on the training devices, or behind `trl vllm-serve`."""


ROLLOUTS = RolloutOptions()
BY_LAYOUT = QuestionFields()


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class OpdConfig:
    """Settings of `trajset train opd`."""

    model: str
    """The student: a folder, or a model at the Hub."""
    out: Path
    """Folder of the run: checkpoints, at the end the model with its card and `training.json`, and in
    `rollouts` a dataset of all that the student wrote."""
    teaching: TeacherOptions
    data: str | None = None
    """Rows whose questions the student answers, searching in `--index`: `REPO[@REVISION]:SPLIT` or
    `PATH:SPLIT`."""
    questions: str | None = None
    """Questions in place of rows: a named source (`hotpotqa:train`), a JSONL, JSON, CSV or Parquet file, or
    `hf:REPO[@REVISION][:[CONFIG/]SPLIT]`."""
    replay: Flag = False
    """Distil on what the rows of `--data` hold, turn by turn, instead of the student's own rollouts: no
    search, no index."""
    model_revision: str | None = None
    """Branch, tag or commit of a model at the Hub."""
    resume: Flag = False
    """Go on with the interrupted run in `--out`."""
    search: OpdSearch = OPD_SEARCH
    rollouts: RolloutOptions = ROLLOUTS
    rendering: RenderingOptions = PLAIN_RENDERING
    fitting: OpdFitting = OPD_FITTING
    lora: LoraOptions = NO_LORA
    fields: QuestionFields = BY_LAYOUT
