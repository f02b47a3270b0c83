"""A TRL trainer's own generation as `Generate`: by transformers or vLLM, under FSDP or ZeRO-3.

Batches differ in size from turn to turn and from process to process.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import StoppingCriteriaList

from .live_chat import Reader
from .lockstep import Batch, Said

SingleTurn = Callable[[list[list[int]]], Sequence[Said]]
"""The trainer's `_generate_single_turn`, whose form differs from trainer to trainer."""


class StopAt:
    """A stopping criterion of transformers: rows end with the token that completes a stop string."""

    def __init__(self, reader: Reader, stop: Sequence[str]) -> None:
        self._reader, self._stop = reader, stop
        self._tail = max(map(len, stop)) + 4  # a letter may be a token of its own
        self._read, self._done = 0, list[bool]()

    def begin(self) -> None:
        """Another batch begins."""
        self._read, self._done = 0, []

    def __call__(self, input_ids: torch.Tensor, scores: object) -> torch.Tensor:
        """Which rows are done, [rows]. `input_ids` holds prompts and replies so far, [rows, length]."""
        self._read += 1
        self._done = self._done or [False] * len(input_ids)
        tails = input_ids[:, -min(self._tail, self._read) :].tolist()
        self._done = [
            done or self._reader.finished(tail, self._stop)
            for done, tail in zip(self._done, tails, strict=True)
        ]
        return torch.tensor(self._done, device=input_ids.device)


class TrlGenerate:
    """`Generate` by a trainer. It runs in the thread that trains; every process has one.

    In several processes all of them generate equally often, as collective operations want it: whoever has
    nothing to ask any more asks for nothing, until nobody has (`finish`).
    """

    def __init__(self, trainer: Any, single_turn: SingleTurn, reader: Reader, stop: Sequence[str]) -> None:
        self._trainer, self._single_turn, self._reader = trainer, single_turn, reader
        self._stop = StopAt(reader, stop) if stop else None
        if stop and trainer.use_vllm:
            trainer.vllm_generation.generation_kwargs |= {
                "stop": list(stop),
                "include_stop_str_in_output": True,
            }

    @property
    def stopping(self) -> StoppingCriteriaList | None:
        """What the trainer hands to transformers' `generate`; None where end tokens alone end a turn."""
        return None if self._stop is None else StoppingCriteriaList([self._stop])

    def __call__(self, batch: Batch, /) -> Sequence[Said]:
        """The replies to a batch."""
        return self._generate(batch.prompts, batch.most)

    def finish(self) -> None:
        """This process has nothing to ask any more: take part until no process has."""
        while self._trainer.accelerator.num_processes > 1 and self._generate([], 0):
            pass

    def _generate(self, prompts: list[list[int]], most: int) -> Sequence[Said]:
        """Replies to the prompts, and to stand-ins after them where other processes have more."""
        lines, most = self._together(len(prompts), most)
        if not lines:
            return []
        self._set_most(most)
        if self._stop is not None:
            self._stop.begin()
        stand_ins = [[min(self._reader.ends)]] * (lines - len(prompts))
        said = self._single_turn([*prompts, *stand_ins])
        return said[: len(prompts)] if prompts else said

    def _together(self, lines: int, most: int) -> tuple[int, int]:
        """Prompts and tokens that every process generates: the most that any one wants.

        vLLM behind a server hands each process its part of the replies by that number.
        """
        accelerator = self._trainer.accelerator
        if accelerator.num_processes == 1:
            return lines, most
        asked = accelerator.gather(torch.tensor([[lines, most]], device=accelerator.device))
        found: list[int] = asked.max(dim=0).values.tolist()
        return found[0], found[1]

    def _set_most(self, most: int) -> None:
        trainer = self._trainer
        if trainer.use_vllm:
            trainer.vllm_generation.max_completion_length = most
        else:
            trainer.generation_config.max_new_tokens = most


@contextmanager
def seeded(seed: int) -> Generator[None]:
    """Torch's random numbers follow from the seed in the block, and go on afterwards as if it had not been.

    vLLM draws its own: its replies differ from run to run.
    """
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
