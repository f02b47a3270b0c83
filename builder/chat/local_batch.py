"""A batch of replies from a transformers model: one left-padded batch, every row with settings of its own.

Sampling is done here and not by `generate`, which knows one setting for all rows. Every row draws from a
random generator seeded with its own request, one number a token, so who else is in the batch does not change
the draws. It can still change the last bits of the logits (other padding, another kernel), and with them,
rarely, a token: the same seed gives the same reply for the same batch, not surely for another one.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from transformers import LogitsProcessor, PreTrainedTokenizerBase

from .model import FinishReason, Sampling


@dataclass(slots=True)
class Line:
    """One row of a batch: what is asked and how, and where it ended. `dropped` may be set from outside.

    `reply` holds the tokens so far, with the end token. `thinking`: the prompt has opened the thinking.
    """

    prompt: list[int]
    sampling: Sampling
    seed: int
    stop: tuple[str, ...]
    room: int
    dropped: bool = False
    thinking: bool = False
    reply: list[int] = field(default_factory=list[int])
    finish: FinishReason | None = None
    draws: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.draws = random.Random(self.seed)


class LineSampler(LogitsProcessor):
    """Chooses each row's next token by that row's settings; `generate` then takes the only one left."""

    def __init__(self, lines: Sequence[Line], device: torch.device) -> None:
        vocabulary = 1 << 30
        greedy = [line.sampling.temperature == 0 for line in lines]
        settings = [line.sampling for line in lines]
        self._lines = lines
        self._heat = _column([s.temperature or 1.0 for s in settings], device)
        self._mass = _column([s.top_p for s in settings], device)
        tops = [1 if cold else s.top_k or vocabulary for cold, s in zip(greedy, settings, strict=True)]
        self._tops = _column(tops, device)
        self._most = max(tops)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Minus infinity everywhere but at the chosen tokens. Shapes [rows, length], [rows, vocabulary]."""
        chosen = self._choose(scores.float())
        return torch.full_like(scores, -torch.inf).scatter(1, chosen, 0.0)

    def _choose(self, scores: torch.Tensor) -> torch.Tensor:
        """Token ids, [rows, 1]: each row's point in the cumulated probabilities of its best tokens."""
        best, tokens = scores.topk(min(self._most, scores.shape[1]), dim=1)
        rank = torch.arange(best.shape[1], device=scores.device)
        shares = (best / self._heat).masked_fill(rank >= self._tops, -torch.inf).softmax(dim=1)
        before = shares.cumsum(dim=1) - shares
        kept = shares.masked_fill(before >= self._mass.clamp(min=1e-9), 0.0).cumsum(dim=1)
        points = _column([line.draws.random() for line in self._lines], scores.device) * kept[:, -1:]
        place = (kept <= points).sum(dim=1, keepdim=True).clamp(max=best.shape[1] - 1)
        return tokens.gather(1, place)


def _column(values: Sequence[float], device: torch.device) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32, device=device).unsqueeze(1)


class LineStop:
    """Ends each row at its end token, stop string or token limit, or when nobody waits for it any more."""

    def __init__(self, lines: Sequence[Line], tokenizer: PreTrainedTokenizerBase, ends: set[int]) -> None:
        self._lines, self._tokenizer, self._ends = lines, tokenizer, ends

    def __call__(self, input_ids: torch.Tensor, scores: object) -> torch.Tensor:
        """Which rows are done, [rows]. `input_ids` holds prompts and replies so far, [rows, length]."""
        for line, token in zip(self._lines, input_ids[:, -1].tolist(), strict=True):
            if line.finish is None:
                line.reply.append(token)
                line.finish = self._finish(line, line.reply)
        done = [line.finish is not None for line in self._lines]
        return torch.tensor(done, device=input_ids.device)

    def _finish(self, line: Line, reply: list[int]) -> FinishReason | None:
        if reply[-1] in self._ends or line.dropped or self._stops(line.stop, reply):
            return "stop"
        return "length" if len(reply) >= line.room else None

    def _stops(self, stop: tuple[str, ...], reply: list[int]) -> bool:
        """Whether a stop string has just been written; one token at least stands for each of its letters."""
        if not stop:
            return False
        tail = self._tokenizer.decode(reply[-max(map(len, stop)) - 4 :])
        return any(text in tail for text in stop)
