"""The old files of a dataset, kept while new ones take their place.

They are hard links in the folder's own `.trajset/previous`, so nothing is copied. Whoever opens a dataset
that has no manifest but such a folder (its writer was killed between two renames) gets the old one back.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from .locks import writing
from .manifest import MANIFEST, Manifest, read_manifest
from .shards import storage
from .upstream import OWN_FOLDER

PREVIOUS = f"{OWN_FOLDER}/previous"


@contextmanager
def kept_safe(folder: Path, manifest: Manifest) -> Generator[None]:
    """Around the swap of files: when the block fails, the dataset is put back as `manifest` describes it.

    The caller holds the folder's lock.

    Raises:
        StorageError: the disk is full or not writable.
    """
    kept = folder / PREVIOUS
    let_go(folder)
    with storage(folder):
        for name in (*(shard.path for shard in manifest.shards), MANIFEST):  # the manifest last: it is whole
            (kept / name).parent.mkdir(parents=True, exist_ok=True)
            _link(folder / name, kept / name)
    try:
        yield
    except BaseException:
        _put_back(folder)
        raise
    let_go(folder)


def let_go(folder: Path) -> None:
    """Forget the old files, their manifest first: what is left of them after a kill is no dataset to go back
    to, neither half of one nor one that is older than what was written since.

    Raises:
        StorageError: the disk is not writable.
    """
    kept = folder / PREVIOUS
    with storage(folder):
        (kept / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(kept, ignore_errors=True)


def recover(folder: Path) -> None:
    """Undo a swap that was killed half way; nothing where there was none.

    Raises:
        StorageError: another command holds the folder, or the disk is not writable.
    """
    if not _half_done(folder):
        return
    with writing(folder):
        if _half_done(folder):
            _put_back(folder)


def _half_done(folder: Path) -> bool:
    return not (folder / MANIFEST).is_file() and (folder / PREVIOUS / MANIFEST).is_file()


def _put_back(folder: Path) -> None:
    kept = folder / PREVIOUS
    with storage(folder):
        names = [shard.path for shard in read_manifest(kept).shards]
        for name in (*names, MANIFEST):
            (folder / name).unlink(missing_ok=True)
            _link(kept / name, folder / name)
    let_go(folder)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copy2(source, target)
