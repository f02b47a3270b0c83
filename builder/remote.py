"""A dataset on the Hub, read by column: of each Parquet file only the footer and the columns asked for.

`pull` and `load_dataset` copy whole files; a recipe needs a few numbers of each row, and most bytes of a row
are its messages. Arrow asks for the byte ranges of the column chunks, `HfFileSystem` fetches exactly these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.dataset as pads
from datasets import Features
from huggingface_hub import HfFileSystem
from pyarrow.fs import FSSpecHandler, PyFileSystem

from .errors import DataError, Problem, unknown
from .hub_client import THE_HUB, HubSite, hub_errors
from .manifest import RAW, Manifest, Shard, read_manifest
from .refs import download_manifest
from .schema import COLUMNS, FEATURES, Judgement, Label
from .table import empty_table, items_from_table

Item = TypeVar("Item")

_HOLE = 8 << 10
"""Bytes between two wanted ranges up to which one request for both is cheaper than two."""


class _HubFile:
    """A file on the Hub for Arrow; what the Hub refuses is raised as an error of ours."""

    def __init__(self, file: Any, repo: str) -> None:
        self._file, self._repo = file, repo

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._file.closed

    def read(self, size: int = -1) -> bytes:
        """Fetch so many bytes from here on, and no other."""
        with hub_errors(self._repo):
            return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The place."""
        return self._file.tell()

    def close(self) -> None:
        """Close it."""
        self._file.close()


class _ExactRanges(FSSpecHandler):
    """Opens files without fsspec's read-ahead, which would fetch megabytes around every range."""

    def __init__(self, hub: HfFileSystem, repo: str) -> None:
        super().__init__(hub)
        self._repo = repo

    def open_input_file(self, path: str) -> Any:
        """A file to read at any place."""
        with hub_errors(self._repo):
            file = self.fs.open(path, mode="rb", cache_type="none")
        return pa.PythonFile(_HubFile(file, self._repo), mode="r")


@dataclass(frozen=True, slots=True)
class RemoteDataset:
    """A version on the Hub, opened. `revision` is its commit."""

    repo: str
    manifest: Manifest
    revision: str
    site: HubSite = THE_HUB

    @classmethod
    def open(cls, repo: str, revision: str | None = None, site: HubSite = THE_HUB) -> RemoteDataset:
        """Open a version by its manifest, the only file that is downloaded; without a revision the newest.

        Raises:
            DataError: no such revision, or no dataset of trajset.
            HubError: the repository does not exist, needs a login, or the Hub cannot be reached.
        """
        folder = download_manifest(repo, revision, site)
        return cls(repo, read_manifest(folder), folder.name, site)

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, `raw` first."""
        return tuple(split.name for split in self.manifest.splits)

    def source(self, split: str = RAW) -> pads.Dataset:
        """The split for a scan in pieces, in row order; only the first file's footer is read.

        Raises:
            DataError: no such split.
            HubError: the Hub refuses or cannot be reached, now or while it is scanned.
        """
        return self._scan(self.manifest.split(split).shards)

    def table(self, split: str = RAW, columns: Sequence[str] | None = None) -> pa.Table:
        """The split as one Arrow table; only the columns asked for are downloaded.

        Raises:
            DataError: no such split or column.
            HubError: the Hub refuses or cannot be reached.
        """
        for name in columns or ():
            if name not in COLUMNS:
                raise DataError(str(unknown("column", name, COLUMNS)))
        wanted = list(COLUMNS if columns is None else columns)
        schema: pa.Schema = Features({name: FEATURES[name] for name in wanted}).arrow_schema
        read = self._read(self.manifest.split(split).shards, wanted)
        return pa.concat_tables([empty_table(schema), read.cast(schema)])

    def ids(self, split: str = RAW) -> list[str]:
        """The row ids of a split, in order."""
        return self.table(split, ["id"]).column("id").to_pylist()

    def judgements(self) -> Iterator[Judgement]:
        """All judgements, in the order they were given."""
        return self._items(self.manifest.judgements, Judgement)

    def labels(self) -> Iterator[Label]:
        """All labels, in the order they were given."""
        return self._items(self.manifest.labels, Label)

    def _items(self, shards: Sequence[Shard], kind: type[Item]) -> Iterator[Item]:
        return items_from_table(self._read(shards, None), kind) if shards else iter(())

    def _read(self, shards: Sequence[Shard], columns: list[str] | None) -> pa.Table:
        try:
            return self._scan(shards).to_table(columns=columns)
        except pa.ArrowInvalid as error:
            fix = "Publish it again, or choose another revision."
            raise DataError(str(Problem(self.repo, "must hold Parquet files", str(error), fix))) from error

    def _scan(self, shards: Sequence[Shard]) -> pads.Dataset:
        options = pads.ParquetFragmentScanOptions(
            pre_buffer=True, cache_options=pa.CacheOptions(hole_size_limit=_HOLE)
        )
        parquet = pads.ParquetFileFormat(default_fragment_scan_options=options)
        hub = PyFileSystem(_ExactRanges(HfFileSystem(endpoint=self.site.endpoint), self.repo))
        paths = [f"datasets/{self.repo}@{self.revision}/{shard.path}" for shard in shards]
        files = [parquet.make_fragment(path, hub) for path in paths]
        # The fragment keeps its footer for the scan; a dataset made from the paths reads it twice.
        return pads.FileSystemDataset(files, files[0].physical_schema, parquet, hub)
