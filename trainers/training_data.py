"""Rows become what a trainer reads: token ids and labels in Arrow files, with the audit that lets them pass.

The files lie in a folder of the run and are read as they are needed, so that a split is never in memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..builder.errors import DataError, Problem
from ..builder.identity import derived_seed
from ..builder.schema import Row
from ..builder.shards import storage
from .audit import RenderAudit
from .render import Refused, Rendered, Renderer

if TYPE_CHECKING:
    from datasets import Dataset

_SCHEMA = pa.schema({"input_ids": pa.list_(pa.int32()), "labels": pa.list_(pa.int32())})
_BATCH_ROWS = 500


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What is trained on, what is held out (None where nothing is), and the audit of all rows.

    Both have the columns `input_ids` and `labels` (-100 without loss), cut at `max_length`.
    """

    train: Dataset
    held_out: Dataset | None
    audit: RenderAudit

    @property
    def rows(self) -> int:
        """Rows that are trained on."""
        return len(self.train)


@dataclass(slots=True)
class _Writer:
    """An Arrow stream that takes rendered rows."""

    file: Path
    most: int | None
    rows: int = 0
    _ids: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])
    _labels: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])
    _sink: Any = None

    def __enter__(self) -> _Writer:
        self._sink = pa.ipc.new_stream(str(self.file), _SCHEMA)
        return self

    def __exit__(self, *exception: object) -> None:
        self._flush()
        self._sink.close()

    def add(self, one: Rendered) -> None:
        """Take a row, cut. One of which nothing would be learnt is left out: the audit told of it."""
        ids, labels = one.truncated(self.most) if self.most else (one.input_ids, one.labels)
        if all(label == -100 for label in labels):
            return
        self._ids.append(ids)
        self._labels.append(labels)
        self.rows += 1
        if len(self._ids) == _BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._ids:
            self._sink.write_batch(pa.record_batch([self._ids, self._labels], schema=_SCHEMA))
            self._ids, self._labels = [], []


@dataclass(frozen=True, slots=True)
class Preparation:
    """How rows are prepared: by which renderer, in which folder, what share of the questions is held out."""

    renderer: Renderer
    folder: Path
    held_out: float = 0.0
    seed: int = 0
    allow_truncation: bool = False


def prepare(rows: Iterable[Row], how: Preparation) -> TrainingData:
    """Render all rows, check the audit, write the files.

    Raises:
        DataError: what `RenderAudit.check` refuses; or no question is left to train on or to hold out.
        StorageError: the disk is full or not writable.
    """
    from datasets import Dataset

    audit = RenderAudit(how.renderer.limits)
    most = how.renderer.limits.max_length
    with storage(how.folder):
        how.folder.mkdir(parents=True, exist_ok=True)
        with (
            _Writer(how.folder / "train.arrow", most) as train,
            _Writer(how.folder / "held_out.arrow", most) as held,
        ):
            for row in rows:
                one = how.renderer.render(row)
                audit.add(one)
                if not isinstance(one, Refused):
                    (held if _is_held_out(row, how) else train).add(one)
    audit.check(allow_truncation=how.allow_truncation)
    _check_sides(train.rows, held.rows, how)
    return TrainingData(
        Dataset.from_file(str(train.file)),
        Dataset.from_file(str(held.file)) if held.rows else None,
        audit,
    )


def _is_held_out(row: Row, how: Preparation) -> bool:
    """By question, so that no sample of a question that is trained on is measured."""
    if not how.held_out:
        return False
    return derived_seed(how.seed, "held out", row.question.question_id) / 2**31 < how.held_out


def _check_sides(train: int, held: int, how: Preparation) -> None:
    if not how.held_out or (train and held):
        return
    side = "hold one out" if train else "leave one to train on"
    fix = "Choose another --eval-fraction, or another --seed."
    raise DataError(str(Problem("eval_fraction", f"must {side}", how.held_out, fix)))
