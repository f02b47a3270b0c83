"""Where rows of an evaluation come from: datasets, one by one or all below a folder, or rows in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import polars as pl
import pyarrow.compute as pc

from ..builder.dataset import LocalDataset
from ..builder.errors import DataError, Problem
from ..builder.hub_client import THE_HUB, HubSite
from ..builder.manifest import MANIFEST
from ..builder.readable import Readable, open_readable
from ..builder.schema import Row
from ..builder.table import rows_from_table
from .frame import frame_of, frame_of_rows
from .question_facts import QUESTIONS, KnownQuestions, read_facts
from .results_json import PROBE


class RowSource(Protocol):
    """Rows of which all numbers are read, and the text of a few."""

    def frame(self) -> pl.DataFrame:
        """The numbers of all rows (`frame`)."""
        ...

    def rows(self, ids: Collection[str]) -> Iterator[Row]:
        """The rows with these ids, whole."""
        ...

    def known(self) -> KnownQuestions:
        """What is known of the questions beside the rows."""
        ...


@dataclass(frozen=True, slots=True)
class RowsInMemory:
    """Rows at hand."""

    held: Sequence[Row]
    facts: KnownQuestions = field(default_factory=KnownQuestions)

    def frame(self) -> pl.DataFrame:
        """The numbers of all rows."""
        return frame_of_rows(self.held)

    def rows(self, ids: Collection[str]) -> Iterator[Row]:
        """The rows with these ids."""
        return (row for row in self.held if row.id in ids)

    def known(self) -> KnownQuestions:
        """What is known of the questions."""
        return self.facts


@dataclass(frozen=True, slots=True)
class DatasetRows:
    """The raw rows of a dataset; `path` is its folder, None where it is on the Hub."""

    name: str
    dataset: Readable
    path: Path | None = None

    def frame(self) -> pl.DataFrame:
        """The numbers of all rows, from the scalar columns."""
        return frame_of(self.dataset)

    def rows(self, ids: Collection[str]) -> Iterator[Row]:
        """The rows with these ids, read in pieces."""
        if ids:
            wanted = pc.field("id").isin(list(ids))
            for batch in self.dataset.source().to_batches(filter=wanted, batch_size=1000):
                yield from rows_from_table(batch)

    def known(self) -> KnownQuestions:
        """What `questions.parquet` in the folder says."""
        file = None if self.path is None else self.path / QUESTIONS
        return read_facts([file] if file is not None and file.is_file() else [])


def find_datasets(places: Iterable[str], site: HubSite = THE_HUB) -> list[DatasetRows]:
    """The datasets that texts name: a dataset each, or a folder below which they lie, found in its order.

    Raises:
        DataError: nothing is there, no dataset lies below a folder, or a text names one split.
        HubError: a repository does not exist, needs a login, or the Hub cannot be reached.
    """
    found: list[DatasetRows] = []
    for place in places:
        folder = Path(place).expanduser()
        if folder.is_dir() and not (folder / MANIFEST).is_file():
            found += _below(folder)
        elif folder.is_dir():
            found.append(DatasetRows(place, LocalDataset.open(folder), folder))
        else:
            found.append(DatasetRows(place, open_readable(place, site)))
    return found


def _below(folder: Path) -> list[DatasetRows]:
    datasets = [
        DatasetRows(str(path.parent.relative_to(folder)), LocalDataset.open(path.parent), path.parent)
        for path in sorted(folder.rglob(MANIFEST))
        if _is_dataset(path.parent, folder)
    ]
    if not datasets and not find_probes([folder]):
        rule = "must be a dataset, or a folder with datasets below it"
        fix = "Name the --out folder of `trajset eval`, `collect` or `import`."
        raise DataError(str(Problem("DIR", rule, str(folder), fix)))
    return datasets


def _is_dataset(path: Path, below: Path) -> bool:
    """Search indexes and corpora have a manifest too; what a write left half done lies in hidden folders."""
    hidden = any(part.startswith(".") for part in path.relative_to(below).parts)
    return not hidden and any((path / "data").glob("raw-*.parquet"))


def find_probes(folders: Iterable[Path]) -> list[Path]:
    """The files `probe.json` in or below folders, each once."""
    files = (file for folder in folders if folder.is_dir() for file in sorted(folder.rglob(PROBE)))
    return list(dict.fromkeys(file.resolve() for file in files))
