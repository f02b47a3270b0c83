"""One writer at a time: commands that change the same folder wait for each other."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from .errors import Problem, StorageError
from .upstream import OWN_FOLDER

LOCK = f"{OWN_FOLDER}/lock"
WAIT_S = 60.0
"""Longest wait for another writer, in seconds: cutting a split takes less, publishing may take more."""


@contextmanager
def writing(folder: Path, wait_s: float = WAIT_S, name: str = LOCK) -> Generator[None]:
    """Hold a dataset folder against other writers; it is made if there is none. Readers are not held up.
    A lock of another `name` holds back only those who take it too.

    What was read of the folder before may be out of date: read its manifest inside. The system lets go of
    the lock when the process ends, however it ends.

    Raises:
        StorageError: another command still holds it after `wait_s` seconds, or the disk is not writable.
    """
    path = folder / name
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=wait_s)
    except Timeout as error:
        fix = "Wait until it is done, then run this one again."
        problem = Problem("dataset", "must not be in use by another command", str(folder), fix)
        raise StorageError(str(problem)) from error
    except OSError as error:
        fix = "Choose another folder, or mend its rights."
        raise StorageError(f"{folder}: cannot be written ({error.strerror or error}). {fix}") from error
    try:
        yield
    finally:
        lock.release()
