"""Tables as Parquet shards: staged under hidden names first, given their final names together.

Row groups hold about 64 MB of data and shards about 256 MB of file, so that a reader and the Hub's viewer
take them in pieces and any number of rows is written in bounded memory. Pages are cut where the content says
(content-defined chunking), so that two versions of a dataset share most of their bytes on the Hub.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from .errors import StorageError
from .identity import file_hash
from .manifest import Shard
from .table import empty_table

_STAGED = ".staged-"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of data from which on a row group is written, and of file from which on a shard is closed."""

    row_group: int = 64 << 20
    shard: int = 256 << 20


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Staged:
    """A table written under hidden names in its folder, with the rows of each file."""

    folder: Path
    name: str
    files: tuple[Path, ...]
    rows: tuple[int, ...]


@contextmanager
def storage(path: Path) -> Generator[None]:
    """Turn what the disk refuses into one clear error.

    Raises:
        StorageError: the disk is full or not writable.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        fix = "Free space or choose another folder, then run the command again."
        raise StorageError(f"{path}: cannot be written ({reason}). {fix}") from error


def write_file(path: Path, content: bytes) -> None:
    """Write a small file so that readers see the old content or the new one, never a part.

    Raises:
        StorageError: the disk is full or not writable.
    """
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_name(_STAGED + path.name)
        staged.write_bytes(content)
        staged.replace(path)


def stage(
    folder: Path, name: str, schema: pa.Schema, tables: Iterable[pa.Table], limits: Limits = LIMITS
) -> Staged:
    """Write tables of that schema as one or more hidden files; no table at all gives one empty file.

    Raises:
        StorageError: the disk is full or not writable.
    """
    files: list[Path] = []
    rows: list[int] = []
    groups = _row_groups(schema, tables, limits.row_group)
    while (first := next(groups, None)) is not None:
        files.append(folder / f"{_STAGED}{name}-{len(files):05d}.parquet")
        with storage(folder):
            folder.mkdir(parents=True, exist_ok=True)
            rows.append(_write_shard(files[-1], first, groups, limits.shard))
    return Staged(folder, name, tuple(files), tuple(rows))


def _row_groups(schema: pa.Schema, tables: Iterable[pa.Table], limit: int) -> Iterator[pa.Table]:
    """The same rows in tables of about `limit` bytes each; at least one table, maybe empty."""
    waiting, size = [empty_table(schema)], 0
    for table in tables:
        waiting.append(table)
        size += table.nbytes
        if size >= limit:
            yield pa.concat_tables(waiting)
            waiting, size = [], 0
    if waiting:
        yield pa.concat_tables(waiting)


def _write_shard(path: Path, first: pa.Table, rest: Iterator[pa.Table], limit: int) -> int:
    """Write row groups into one file until it is large enough; the number of rows in it."""
    with path.open("wb") as file:
        sink = _Sink(file)
        with _parquet_writer(sink, first.schema) as writer:
            group, rows = first, 0
            while group is not None:
                if group.num_rows:  # `datasets` takes a file without row groups, but not an empty row group
                    writer.write_table(group, row_group_size=group.num_rows)
                    sink.check()
                rows += group.num_rows
                group = next(rest, None) if sink.tell() < limit else None
        sink.check()
    return rows


class _Sink:
    """A file for Arrow that keeps the disk's first refusal until `check` instead of raising it at once:
    Arrow's writer with content-defined chunking ends the whole process when a write fails under it."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = 0
        self._refusal: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write; after a refusal only count."""
        self._size += len(data)
        if self._refusal is None:
            try:
                self._file.write(data)
            except OSError as error:
                self._refusal = error
        return len(data)

    def tell(self) -> int:
        """Bytes handed over so far."""
        return self._size

    def flush(self) -> None:
        """Nothing: the file's owner closes it."""

    def close(self) -> None:
        """Nothing: the file's owner closes it."""

    def check(self) -> None:
        """Raises:
        OSError: a write was refused.
        """
        if self._refusal is not None:
            raise self._refusal


def _parquet_writer(file: Any, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        file, schema, compression="zstd", use_content_defined_chunking=True, write_page_index=True
    )


def place(root: Path, staged: Staged) -> tuple[Shard, ...]:
    """Give the staged files their final names. Older files of the same table must be gone.

    Raises:
        StorageError: the disk does not allow it.
    """
    count = len(staged.files)
    shards: list[Shard] = []
    with storage(staged.folder):
        for index, (file, rows) in enumerate(zip(staged.files, staged.rows, strict=True)):
            final = staged.folder / f"{staged.name}-{index:05d}-of-{count:05d}.parquet"
            shards.append(
                Shard(final.relative_to(root).as_posix(), rows, file.stat().st_size, file_hash(file))
            )
            file.replace(final)
    return tuple(shards)


def discard_staged(root: Path) -> None:
    """Remove what an interrupted write left under hidden names.

    Raises:
        StorageError: the disk does not allow it.
    """
    with storage(root):
        for file in (*root.glob(f"{_STAGED}*"), *root.glob(f"*/{_STAGED}*")):
            file.unlink()
