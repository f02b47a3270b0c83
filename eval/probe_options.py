"""The options of the confidence probe; light to import, as all that the command line reads at its start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from ..builder.option_types import WHOLE, Count, Positive, Seed, Share

At = Literal["question", "prompt"]
RightBy = Literal["em", "f1", "cover_match", "llm_judge", "llm_judge_reflect"]
Folds = Annotated[int, WHOLE, Parameter(validator=Number(gte=2))]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class FeatureOptions:
    """Which hidden states are read, and how."""

    layer: Count | None = None
    """Layer whose output is read; 0 are the embeddings. Without it the middle one, half of all."""
    at: At = "question"
    """Token whose hidden state is read: the last of the `question`, or the last of the whole `prompt`."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where the model runs; `auto` is the fastest there is."""
    batch_size: Positive = 16
    """Questions in a forward pass."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """What is learnt from the hidden states, and what the simulation draws."""

    right_by: RightBy = "em"
    """What makes a closed-book answer right."""
    min_f1: Share = 0.65
    """F1 above which an answer is right, with `--right-by f1`."""
    components: Positive = 64
    """Components of the PCA; fewer where there are fewer questions or the layer is narrower."""
    folds: Folds = 5
    """Folds; every question gets its confidence from a probe that was trained on the other folds."""
    draws: Positive = 2000
    """Bootstrap draws of the intervals."""
    seed: Seed = 0
    """Seed of folds, weights and draws."""
