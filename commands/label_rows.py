"""The rows of a sample, read from the dataset a few at a time, in the order of the sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow.compute as pc

from ..builder.dataset import LocalDataset
from ..builder.schema import Row
from ..builder.table import rows_from_table

_AHEAD = 50
"""Rows read from disk at once."""


@dataclass(slots=True)
class SampleRows:
    """Rows by their place in the sample; a few of them are held."""

    dataset: LocalDataset
    ids: Sequence[str]
    _held: dict[str, Row] = field(default_factory=dict[str, Row])

    def at(self, place: int) -> Row:
        """The row at a place of the sample."""
        if self.ids[place] not in self._held:
            self._held = self._read(self.ids[max(0, place - 1) : place + _AHEAD])
        return self._held[self.ids[place]]

    def _read(self, ids: Sequence[str]) -> dict[str, Row]:
        table = self.dataset.source().to_table(filter=pc.field("id").isin(list(ids)))
        return {row.id: row for row in rows_from_table(table)}
