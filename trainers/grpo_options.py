"""Options of `trajset train grpo`; light to import. TRL's arguments have TRL's names and meanings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from ..builder.agent_config import LastTurnConfig
from ..builder.option_types import Flag, Positive, Share
from .options import NO_LORA, AtLeastZero, GrpoFitting, LoraOptions, Several
from .search_options import SearchOptions

Multiple = Annotated[float, Parameter(validator=Number(gt=1))]
LAST_TURN = LastTurnConfig()
RewardKind = Literal["f1", "em"]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class TurnOptions:
    """What a rollout has room for, and how the model is spoken to."""

    max_tokens: Positive = 1024
    """Most tokens a model turn may have."""
    max_completion_length: Positive = 4096
    """Most tokens after the prompt: all turns, and all that is read between them."""
    max_length: Positive = 8192
    """Most tokens of a conversation, never more than the model's context."""
    family: str = "auto"
    """Model family, where name and files do not tell it; `none` for one of no known family."""
    grammar: Literal["auto", "tools", "tags"] = "auto"
    """`tools` (native calls) or `tags` (in the text); `auto` is `tools` where the chat template keeps all."""
    reasoning: Literal["keep", "drop"] = "keep"
    """Whether the chat template has to keep the model's reasoning from turn to turn."""
    last_turn: LastTurnConfig = LAST_TURN


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class RewardOptions:
    """What a rollout earns."""

    reward: RewardKind = "f1"
    """String-F1 or exact match of the final answer with the best gold answer; 0 without an answer."""
    format_reward: AtLeastZero = 0.0
    """Added for an answer in the grammar, whatever it says; 0: only right answers earn."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class CollapseOptions:
    """What is told as collapse, in means over a sliding window of logged points (docs/grpo.md)."""

    collapse_window: Several = 20
    """Logged points of the window."""
    collapse_reward_fall: Share = 0.5
    """The reward fell: below that share of its best window ..."""
    collapse_reward_drop: Share = 0.1
    """... and by at least so much."""
    collapse_answer_fall: Share = 0.5
    """Answers fell: the share of rollouts with one is below that share of its best window."""
    collapse_search_fall: Share = 0.1
    """Searching fell: the share of rollouts that search is below that share of its best window."""
    collapse_entropy_min: AtLeastZero = 0.01
    """The entropy of a token vanished: nats below which sampling has next to nothing to choose from."""
    collapse_entropy_rise: Multiple = 3.0
    """It exploded: that multiple of its first window."""
    collapse_length_fall: Share = 0.33
    """The tokens written in a rollout collapsed: that share of their first window."""
    collapse_length_rise: Multiple = 3.0
    """They exploded: that multiple of it."""
    collapse_no_spread: Share = 0.95
    """No learning signal: that share of the groups whose rollouts all earn the same ..."""
    collapse_solved: Share = 0.95
    """... unless the reward is at least that: nothing is left to learn then."""
    stop_on_collapse: Flag = False
    """End the run where collapse is told; else it only tells."""


GRPO_FITTING = GrpoFitting()
TURNS = TurnOptions()
OUTCOME = RewardOptions()
COLLAPSE = CollapseOptions()


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class GrpoConfig:
    """Settings of `trajset train grpo`."""

    data: str
    """Questions to practise on, those of the rows: `REPO[@REVISION]:SPLIT` on the Hub, or `PATH:SPLIT`."""
    model: str
    """The student: a folder, or a model at the Hub; the base model, or one after `trajset train sft`."""
    out: Path
    """Folder of the run: checkpoints, and at the end the model with its card and `training.json`."""
    search: SearchOptions
    model_revision: str | None = None
    """Branch, tag or commit of a model at the Hub."""
    resume: Flag = False
    """Go on with the interrupted run in `--out`."""
    turns: TurnOptions = TURNS
    fitting: GrpoFitting = GRPO_FITTING
    rewards: RewardOptions = OUTCOME
    collapse: CollapseOptions = COLLAPSE
    lora: LoraOptions = NO_LORA
