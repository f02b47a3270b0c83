"""Journals of workers: a second copy of each row, where the workers' folders lie beside the run's journal.

A worker commits a row before it hands it over. When the driver is killed, rows that were made and had not
arrived are taken over by the next run, here or on a cluster, with any number of workers.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .errors import TrajsetError
from .journal import FILE_NAME, Journal, Settings
from .scale_worker import FOLDER


def adopt(journal: Journal, out: Path, settings: Settings) -> int:
    """Commit the rows that workers of an earlier run of these settings made; how many were new.

    A worker's journal that cannot be read, or is still being written to, is left where it is: what it holds
    is made again, with the same ids.

    Raises:
        StorageError: the run's own journal cannot be written.
    """
    done = journal.done()
    taken = 0
    for path in _files(out):
        try:
            with Journal.look(path, settings) as other:
                entries = [(position, row) for position, row in other.entries() if row.id not in done]
        except TrajsetError:
            continue
        for position, row in entries:
            journal.record(position, row)
            taken += 1
    return taken


def discard(out: Path) -> None:
    """Delete the workers' journals: all that they hold is in the run's own. Logs stay."""
    for path in _files(out):
        for file in path.parent.glob(f"{FILE_NAME}*"):
            file.unlink(missing_ok=True)
    for folder in (out / FOLDER).glob("worker-*"):
        with suppress(OSError):  # it holds a log
            folder.rmdir()
    if not any((out / FOLDER).glob("worker-*")):
        shutil.rmtree(out / FOLDER, ignore_errors=True)


def _files(out: Path) -> Iterator[Path]:
    yield from sorted((out / FOLDER).glob(f"worker-*/{FILE_NAME}"))
