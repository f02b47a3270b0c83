"""The order of the lines in each epoch, also of a run that goes on in one of them.

TRL's sampler draws one order after the other from one generator: a run that goes on in its third epoch would
get the order of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from dataclasses import dataclass

from torch.utils.data import Sampler
from trl.trainer.utils import RepeatSampler


@dataclass(frozen=True, slots=True)
class Batches:
    """`size` lines, over all processes, are generated for at once and handed out `repeats` times; of each
    line there are `copies`."""

    size: int
    repeats: int
    copies: int = 1


class EpochOrder(Sampler[int]):
    """Lines in the order that seed and epoch decide; in the first epoch it is TRL's.

    `step` tells the updates that were made before, by which an epoch knows its number.
    """

    def __init__(self, lines: Sized, batches: Batches, seed: int | None, step: Callable[[], int]) -> None:
        """`seed` None: the lines stay in their order."""
        self._lines, self._batches, self._seed, self._step = lines, batches, seed, step

    def __iter__(self) -> Iterator[int]:
        updates = max(1, len(self._lines) // self._batches.size)
        yield from self._order(self._step() // updates)

    def __len__(self) -> int:
        return len(self._order(0))

    def _order(self, epoch: int) -> RepeatSampler:
        return RepeatSampler(
            self._lines,
            mini_repeat_count=self._batches.copies,
            batch_size=self._batches.size,
            repeat_count=self._batches.repeats,
            shuffle=self._seed is not None,
            seed=None if self._seed is None else self._seed + epoch,
        )
