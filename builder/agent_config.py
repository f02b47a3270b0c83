"""Options of the models that take part in a rollout: how the teacher is spoken to, and who reads for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from .option_types import Flag, Positive


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class TalkConfig:
    """How a chat model is spoken to (docs/models.md)."""

    family: str = "auto"
    """Model family, which decides what is left at `auto`; where it is not named here, it is told from the
    model's name or files. `none`: no family."""
    thinking: Literal["auto", "on", "off"] = "auto"
    """Switch thinking on or off in models that have the switch (Qwen3); `auto` leaves it to the model."""
    token_ids: Flag = False
    """Write the token ids of every turn to `OUT/token_ids.jsonl` (vLLM and local models give them)."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class LocalConfig:
    """A model that runs in this process: `--teacher` without `--base-url`."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where a local model runs; `auto` takes CUDA, then MPS, then the CPU."""
    batch_size: Positive = 8
    """Requests that a local model answers at once; without a cluster, most rollouts under way."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class SummariserConfig:
    """A second model that condenses the passages of every search. It samples like the teacher."""

    summariser: str | None = None
    """Model that condenses the passages of a search to 1-3 sentences, which the teacher reads instead; `same`
    is the teacher itself."""
    summariser_revision: str | None = None
    """What pins the summariser further."""
    summariser_base_url: str | None = None
    """Root of its OpenAI-compatible server; without it the teacher's."""
    summariser_api_key_env: str | None = None
    """Environment variable that holds its API key; without it the teacher's."""
    summariser_max_tokens: Positive = 2048
    """Most tokens of a summary, its thinking included."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class LastTurnConfig:
    """What happens when the turns run out."""

    force_answer: Annotated[bool, Parameter(negative="--no-force-answer")] = False
    """On the last turn tell the model to answer now and forbid it to search; else a search there ends the
    rollout without an answer."""
