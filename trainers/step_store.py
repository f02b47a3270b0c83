"""Rows of a training run, step by step: what the student wrote while it learnt.

Each step is a Parquet file of its own, written when the step's rollouts are there and before they are learnt
from. A run that goes on from a checkpoint makes the steps after it anew, so it forgets those files first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from ..builder.schema import Row
from ..builder.shards import storage
from ..builder.table import rows_from_table, table_from_rows

_PATTERN = "step-{:08d}.parquet"


@dataclass(frozen=True, slots=True)
class StepStore:
    """The folder of the files. One process writes."""

    folder: Path

    def put(self, step: int, rows: Sequence[Row]) -> None:
        """Keep the rows of a step, in order; those it had are replaced.

        Raises:
            StorageError: the disk is full or not writable.
        """
        path = self._path(step)
        staged = path.with_suffix(".part")
        with storage(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            pq.write_table(table_from_rows(rows), staged)
            staged.replace(path)

    def forget_from(self, step: int) -> None:
        """Forget that step and all later ones.

        Raises:
            StorageError: the disk is not writable.
        """
        with storage(self.folder):
            for path in self._files():
                if path >= self._path(step):
                    path.unlink()

    def rows(self) -> Iterator[Row]:
        """All rows, step by step, read a step at a time."""
        for path in self._files():
            yield from rows_from_table(pq.read_table(path))

    @property
    def steps(self) -> int:
        """Steps with rows."""
        return len(self._files())

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("step-*.parquet"))

    def _path(self, step: int) -> Path:
        return self.folder / _PATTERN.format(step)
