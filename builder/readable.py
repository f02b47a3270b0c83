"""Readable: what can be read column by column, a folder on disk or a version on the Hub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import pyarrow as pa
import pyarrow.dataset as pads

from .dataset import LocalDataset
from .errors import DataError, Problem
from .hub_client import THE_HUB, HubSite
from .manifest import RAW, Manifest
from .refs import DatasetRef
from .remote import RemoteDataset
from .schema import Judgement, Label


class Readable(Protocol):
    """A dataset of trajset, wherever it lies. Only the columns asked for are read, or downloaded."""

    @property
    def manifest(self) -> Manifest:
        """What it holds and how it came to be."""
        ...

    @property
    def revision(self) -> str | None:
        """The Hub commit, None for a folder of one's own."""
        ...

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, `raw` first."""
        ...

    def source(self, split: str = RAW) -> pads.Dataset:
        """The split for a scan in pieces, in row order; nothing but its schema is read."""
        ...

    def table(self, split: str = RAW, columns: Sequence[str] | None = None) -> pa.Table:
        """The split, or some of its columns, in row order."""
        ...

    def ids(self, split: str = RAW) -> list[str]:
        """The row ids of a split, in order."""
        ...

    def judgements(self) -> Iterator[Judgement]:
        """All judgements."""
        ...

    def labels(self) -> Iterator[Label]:
        """All labels."""
        ...


def open_readable(text: str, site: HubSite = THE_HUB) -> Readable:
    """The dataset that a text names: `PATH`, or `REPO[@REVISION]` read straight from the Hub by column.

    Raises:
        DataError: the text names one split; no such folder or revision, or no dataset of trajset.
        HubError: the repository does not exist, needs a login, or the Hub cannot be reached.
    """
    ref = DatasetRef.parse(text)
    if ref.split is not None:
        fix = f"Leave :{ref.split} out."
        raise DataError(str(Problem("dataset", "must be a whole one here, not one of its splits", text, fix)))
    if ref.path is not None:
        return LocalDataset.open(ref.path)
    return RemoteDataset.open(str(ref.repo), ref.revision, site)
