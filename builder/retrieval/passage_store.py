"""The passages of an index by position: an Arrow file, memory-mapped, so that 21 million need no memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import polars as pl
import pyarrow as pa
from pyarrow import ipc

from ..schema import Passage

FILE = "passages.arrow"
_BATCH = 4096
_SCHEMA = pa.schema([(name, pa.large_string()) for name in ("id", "title", "text")])


@dataclass(slots=True)
class PassageWriter:
    """Writes passages in batches of equal length; a context manager."""

    path: Path
    waiting: list[Passage] = field(default_factory=list[Passage])
    _writer: ipc.RecordBatchFileWriter | None = None

    def __enter__(self) -> PassageWriter:
        self._writer = ipc.new_file(str(self.path), _SCHEMA)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if self._writer is not None:
            if kind is None and self.waiting:
                self._write(self.waiting)
            self._writer.close()

    def add(self, passages: Sequence[Passage]) -> None:
        """Take the next passages in."""
        self.waiting.extend(passages)
        while len(self.waiting) >= _BATCH:
            self._write(self.waiting[:_BATCH])
            del self.waiting[:_BATCH]

    def _write(self, passages: Sequence[Passage]) -> None:
        columns = [[getattr(passage, name) for passage in passages] for name in _SCHEMA.names]
        arrays = [pa.array(column, pa.large_string()) for column in columns]
        if self._writer is not None:
            self._writer.write_batch(pa.record_batch(arrays, schema=_SCHEMA))


@dataclass(frozen=True, slots=True)
class PassageStore:
    """Passages by position in the corpus; safe to share between threads."""

    batches: tuple[pa.RecordBatch, ...]

    @classmethod
    def open(cls, path: Path) -> PassageStore:
        """Map a file into memory.

        Raises:
            OSError, pyarrow.ArrowInvalid: it cannot be read.
        """
        reader = ipc.open_file(pa.memory_map(str(path)))
        return cls(tuple(reader.get_batch(number) for number in range(reader.num_record_batches)))

    def __getitem__(self, position: int) -> Passage:
        batch, row = self.batches[position // _BATCH], position % _BATCH
        return Passage(*(batch.column(number)[row].as_py() for number in range(3)))

    def titled(self, titles: Sequence[str], most: int) -> dict[str, list[Passage]]:
        """At most `most` passages of exactly each title, in order; one pass over all titles of the corpus."""
        found: dict[str, list[Passage]] = {title: [] for title in titles}
        for number, batch in enumerate(self.batches):
            of_batch = pl.Series("title", batch.column(1))
            for row in of_batch.is_in(list(found)).arg_true():
                passage = self[number * _BATCH + row]
                if len(found[passage.title]) < most:
                    found[passage.title].append(passage)
        return found
