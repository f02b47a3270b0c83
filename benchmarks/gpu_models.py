"""What `gpu_training.py` measures with: models from nothing, the card's matrix rate, a meter of steps."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from trajset.trainers.run_book import RunBook
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM, TrainerCallback

WARM = 2
"""Steps that do not count: kernels are chosen, memory is reserved."""


@dataclass(frozen=True)
class Size:
    """The shape of a Qwen3; embeddings are tied. `vocabulary` is padded with tokens that no text has."""

    hidden: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int


SIZES = {
    "100m": Size(512, 1536, 8, 8, 4, 128, 151_936),
    "600m": Size(1024, 3072, 28, 16, 8, 128, 151_936),  # that of Qwen3-0.6B
    "tiny": Size(64, 128, 2, 2, 1, 32, 8192),
    "small": Size(96, 192, 3, 2, 1, 32, 8192),
}


@dataclass(frozen=True)
class Model:
    """A model in a folder: its name, size and number of weights (tied ones count once)."""

    name: str
    folder: Path
    size: Size
    parameters: int

    def flops(self, length: float) -> float:
        """Floating-point operations of training on a token, forward and backward: 6 N + 12 L H Q T.

        PaLM (arXiv 2204.02311), appendix B: N weights, L layers, H heads of width Q, T tokens that attention
        spans. Activations that are computed anew do not count. A forward pass alone is a third of it.
        """
        size = self.size
        return 6 * self.parameters + 12 * size.layers * size.heads * size.head * length


def make_model(name: str, folder: Path, tokenizer: PreTrainedTokenizerFast) -> Model:
    """Save a model with random weights, and the tokenizer."""
    size = SIZES[name]
    config = Qwen3Config(
        vocab_size=size.vocabulary,
        hidden_size=size.hidden,
        intermediate_size=size.inner,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.kv_heads,
        head_dim=size.head,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    model: Any = Qwen3ForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Model(name, folder, size, model.num_parameters())


def card(device: str) -> str:
    """What computes."""
    return torch.cuda.get_device_name() if device == "cuda" else "CPU"


def matrix_rate(device: str, rounds: int = 30) -> float:
    """Operations a second of large matrix products, best of three goes: bfloat16 on a GPU, else float32."""
    side, kind = (8192, torch.bfloat16) if device == "cuda" else (1024, torch.float32)
    a, b = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
    best = 0.0
    for _ in range(3):
        wait(device)
        started = time.perf_counter()
        for _ in range(rounds):
            torch.mm(a, b)
        wait(device)
        best = max(best, rounds * 2 * side**3 / (time.perf_counter() - started))
    return best


def wait(device: str) -> None:
    """Until a GPU has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


class Meter(TrainerCallback):
    """Seconds, tokens and memory (bytes) of the steps after the first `WARM`."""

    def __init__(self, book: RunBook, device: str) -> None:
        self.book, self.device = book, device
        self.peak = 0
        self._ends: list[float] = []
        self._seen: list[int] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Forget the peak of what was before."""
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Take the time, and the tokens so far."""
        wait(self.device)
        self._ends.append(time.perf_counter())
        self._seen.append(self.book.progress(state).tokens_seen)
        if self.device == "cuda":
            self.peak = torch.cuda.max_memory_allocated()

    @property
    def step(self) -> float:
        """Seconds of a step."""
        return (self._ends[-1] - self._ends[WARM - 1]) / (len(self._ends) - WARM)

    @property
    def tokens(self) -> float:
        """Tokens of a step, padding not counted."""
        return (self._seen[-1] - self._seen[WARM - 1]) / (len(self._seen) - WARM)
