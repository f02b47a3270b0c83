"""The divergence of a student from a teacher of which only the K most likely tokens a position are known.

All other tokens are one outcome: K + 1 outcomes a position. Merging outcomes never enlarges a divergence of
this kind (data processing inequality), so this is a lower bound of the one over the whole vocabulary, and
equals it where K is the vocabulary's size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.utils.checkpoint import checkpoint

_LEAST = 1e-7
"""Least probability of the rest: below, what is left of 1 is the rounding of float32."""
_POSITIONS = 1024
"""Positions whose logits over the whole vocabulary are in memory at a time."""


@dataclass(frozen=True, slots=True)
class TopK:
    """A teacher at N positions: ids and log-probabilities of its K most likely tokens, both [N, K]."""

    ids: torch.Tensor
    logprobs: torch.Tensor


def top_k_divergence(logits: torch.Tensor, teacher: TopK, beta: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Divergence and the student's entropy at each position, both [N], in nats; its `logits` are [N, V].

    The generalised Jensen-Shannon divergence of Agarwal et al. 2024 (arXiv:2306.13649) with the mixture
    m = (1 - beta) p_student + beta p_teacher as in TRL; 0: KL(teacher, student), 1: KL(student, teacher).
    """
    student = logits.log_softmax(dim=1)
    entropy = -(student.exp() * student).sum(dim=1)
    p, q = student.gather(1, teacher.ids), teacher.logprobs
    if teacher.ids.shape[1] < logits.shape[1]:
        left = student.scatter(1, teacher.ids, -math.inf).logsumexp(dim=1, keepdim=True)
        known = q.exp().sum(dim=1, keepdim=True)
        p, q = torch.cat([p, left], dim=1), torch.cat([q, (1 - known).clamp(min=_LEAST).log()], dim=1)
    return _divergence(p, q, beta).sum(dim=1), entropy.detach()


def _divergence(student: torch.Tensor, teacher: torch.Tensor, beta: float) -> torch.Tensor:
    """The summands of the divergence of log-probabilities [N, K]."""
    if beta == 0:
        return teacher.exp() * (teacher - student)
    if beta == 1:
        return student.exp() * (student - teacher)
    mixture = torch.logaddexp(student + math.log(1 - beta), teacher + math.log(beta))
    to_teacher = teacher.exp() * (teacher - mixture)
    return beta * to_teacher + (1 - beta) * student.exp() * (student - mixture)


def sparse_divergence(
    hidden: torch.Tensor,
    logits_of: Callable[[torch.Tensor], torch.Tensor],
    teacher: TopK,
    beta: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums over N positions of divergence and entropy. `hidden` [N, H]; `logits_of` makes [n, V] of [n, H].

    The logits of a stretch of positions are made, used, and made again in the backward pass: never all at
    once.
    """
    total = hidden[:0].sum().float()  # nothing, but a part of the graph where there are no positions
    entropy = torch.zeros_like(total, requires_grad=False)
    for start in range(0, len(hidden), _POSITIONS):
        stretch = slice(start, start + _POSITIONS)
        part = TopK(teacher.ids[stretch], teacher.logprobs[stretch])

        def measured(states: torch.Tensor, part: TopK = part) -> tuple[torch.Tensor, torch.Tensor]:
            divergence, entropies = top_k_divergence(logits_of(states).float(), part, beta)
            return divergence.sum(), entropies.sum()

        more, spread = checkpoint(measured, hidden[stretch], use_reentrant=False)
        total, entropy = total + more, entropy + spread
    return total, entropy
