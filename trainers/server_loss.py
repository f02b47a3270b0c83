"""The loss against a teacher behind a server: its likeliest tokens as tensors, the divergence from them."""

from __future__ import annotations

from typing import Any

import torch

from .completions import Completions
from .sparse_divergence import TopK, sparse_divergence
from .teacher_server import TeacherServer, ToScore


def teacher_tensors(
    server: TeacherServer, taken: Completions, completion_ids: torch.Tensor
) -> dict[str, torch.Tensor]:
    """What the teacher holds likeliest at the tokens with loss, beside padded `completion_ids` [B, C].

    `teacher_ids` and `teacher_logprobs` are [B, C, K], zero where there is no loss.

    Raises:
        ChatServerError: the teacher does not answer.
    """
    texts = [
        ToScore(prompt + completion, [len(prompt) + place for place, learnt in enumerate(mask) if learnt])
        for prompt, completion, mask in zip(taken.prompt_ids, taken.completion_ids, taken.mask, strict=True)
    ]
    shape = (*completion_ids.shape, server.top_k)
    ids = torch.zeros(shape, dtype=torch.int64)
    logprobs = torch.zeros(shape, dtype=torch.float32)
    for line, (text, scored) in enumerate(zip(texts, server.score(texts), strict=True)):
        places = torch.tensor(text.places, dtype=torch.int64) - len(taken.prompt_ids[line])
        ids[line, places] = torch.from_numpy(scored.ids)
        logprobs[line, places] = torch.from_numpy(scored.logprobs)
    device = completion_ids.device
    return {"teacher_ids": ids.to(device), "teacher_logprobs": logprobs.to(device)}


def server_loss(
    hidden: torch.Tensor, student: Any, inputs: dict[str, torch.Tensor], beta: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sum of the divergences, sum of the student's entropies, number of tokens, where the mask is 1.

    `hidden` [B, C, H]: what the student's head turns into logits of the C completion tokens.
    """
    mask = (inputs["completion_mask"] * inputs["tool_mask"]).bool()
    teacher = TopK(inputs["teacher_ids"][mask], inputs["teacher_logprobs"][mask])
    head, scale = student.get_output_embeddings(), logit_scale(student.config.get_text_config())
    cap = getattr(student.config.get_text_config(), "final_logit_softcapping", None)

    def logits_of(states: torch.Tensor) -> torch.Tensor:
        logits = head(states).float() * scale
        return logits if cap is None else cap * torch.tanh(logits / cap)

    divergence, entropy = sparse_divergence(hidden[mask], logits_of, teacher, beta)
    return divergence, entropy.detach(), mask.sum()


def logit_scale(config: Any) -> float:
    """What a model multiplies its head's output by; the names are those that TRL 1.16 looks for."""
    for name in ("logit_scale", "output_multiplier", "lm_head_multiplier"):
        if (found := getattr(config, name, None)) is not None:
            return float(found)
    scaling = getattr(config, "logits_scaling", None)
    if scaling is None:
        return 1.0
    return float(scaling) if config.model_type == "hyperclovax" else 1.0 / float(scaling)
