"""What a rollout of GRPO earns. Pure: from the final answer and the gold answers, and from nothing else.

What was retrieved earns nothing: an observation that holds the gold answer, even in the form of an answer,
is not the model's. A rollout that infrastructure broke earns None: TRL leaves it out of its group's mean and
gives it the advantage 0, so that it is neither rewarded nor punished.
"""

from __future__ import annotations

from ..builder.schema import StopReason, Trajectory
from ..builder.scoring import score_answer
from .grpo_options import RewardKind


def answer_reward(trajectory: Trajectory, kind: RewardKind) -> float | None:
    """In [0, 1]; 0 without an answer; None for a broken rollout, or where no gold answer is known."""
    scores = score_answer(trajectory.outcome, trajectory.question.gold_answers)
    found = scores.f1 if kind == "f1" else scores.em
    return None if found is None else float(found)


def format_reward(trajectory: Trajectory) -> float | None:
    """1 for an answer in the grammar, 0 for none; None for a broken rollout."""
    ended = trajectory.outcome.stop_reason
    return float(ended is StopReason.ANSWERED) if ended.completed else None
