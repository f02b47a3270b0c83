"""Journals of workers: a second copy of each row, where the workers' folders lie beside the run's journal.

A worker commits a row before it hands it over. When the driver is killed, rows that were made and had not
arrived are taken over by the next run, here or on a cluster, with any number of workers.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from .chat.token_log import FILE_NAME as TOKEN_IDS
from .errors import TrajsetError
from .journal import FILE_NAME, Journal, Placed, Settings
from .scale_worker import FOLDER


def gather_token_ids(out: Path) -> None:
    """Put the token ids that workers wrote down behind those of the run, and delete the workers' files."""
    for path in sorted((out / FOLDER).glob(f"worker-*/{TOKEN_IDS}")):
        with path.open("rb") as source, (out / TOKEN_IDS).open("ab") as run:
            shutil.copyfileobj(source, run)
        path.unlink()


def adopt(journal: Journal, out: Path, settings: Settings) -> int:
    """Commit the rows that workers of an earlier run of these settings made, and delete their journals; how
    many rows were new.

    A worker's journal that cannot be read, or is still being written to, is left where it is: what it holds
    is made again, with the same ids.

    Raises:
        StorageError: the run's own journal cannot be written.
    """
    done = journal.done()
    taken = 0
    gather_token_ids(out)
    for path in _files(out):
        rows = _readable(path, settings)
        if rows is None:
            continue
        new = [(position, row) for position, row in rows if row.id not in done]
        journal.record(new)
        taken += len(new)
        _delete(path)
    _tidy(out)
    return taken


def discard(out: Path) -> None:
    """Delete the workers' journals: all that they hold is in the run's own. Token ids go there, logs stay."""
    gather_token_ids(out)
    for path in _files(out):
        _delete(path)
    _tidy(out)


def _readable(path: Path, settings: Settings) -> list[Placed] | None:
    """All rows of a journal: as many as one worker made since the last run; None where it cannot be read."""
    try:
        with Journal.look(path, settings) as journal:
            return list(journal.entries())
    except TrajsetError:
        return None


def _files(out: Path) -> list[Path]:
    return sorted((out / FOLDER).glob(f"worker-*/{FILE_NAME}"))


def _delete(path: Path) -> None:
    """A journal with what SQLite keeps beside it."""
    for file in path.parent.glob(f"{FILE_NAME}*"):
        file.unlink(missing_ok=True)


def _tidy(out: Path) -> None:
    """Delete folders of workers that hold nothing, such as a log, any more."""
    for folder in (out / FOLDER).glob("worker-*"):
        with suppress(OSError):
            folder.rmdir()
    if not any((out / FOLDER).glob("worker-*")):
        shutil.rmtree(out / FOLDER, ignore_errors=True)
