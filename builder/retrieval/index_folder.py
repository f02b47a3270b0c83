"""Replace an index folder in one step: build beside it, then rename. Leftovers of a crash are cleaned up."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import DataError, Problem, StorageError
from .index_manifest import ENGINE_FOLDER, MANIFEST, IndexManifest, read_manifest

Progress = Callable[[int], None]
"""Told the number of passages taken in since the last call."""

_OURS = frozenset({MANIFEST, ENGINE_FOLDER, "config.toml"})


@dataclass(frozen=True, slots=True)
class BuiltIndex:
    """An index on disk; `reused` when it was there already, from the same corpus with the same settings."""

    path: Path
    manifest: IndexManifest
    reused: bool


def complete_index(out: Path) -> IndexManifest | None:
    """The manifest of the index in a folder, None where there is no complete one."""
    try:
        return read_manifest(out)
    except DataError:
        return None


def existing_index(out: Path, engine: str, build_key: str) -> BuiltIndex | None:
    """The complete index in a folder, where a build would only make the same again.

    Raises:
        DataError: it is one of another engine, which a forgotten option is not to destroy.
    """
    manifest = complete_index(out)
    if manifest is None:
        return None
    if manifest.engine != engine:
        fix = "Choose another folder, or delete this one first."
        rule = f"must not hold an index of another engine than {engine}"
        raise DataError(str(Problem(str(out), rule, manifest.retriever, fix)))
    return BuiltIndex(out, manifest, reused=True) if manifest.build_key == build_key else None


@dataclass(frozen=True, slots=True)
class Replacement:
    """A folder in the making. The old one stays where it is until `finish`.

    Of a `resumable` build the new folder outlives a crash, for the next build to go on with.
    """

    out: Path
    resumable: bool = False

    @property
    def partial(self) -> Path:
        """Where the new folder grows."""
        return self.out.with_name(f".{self.out.name}.building")

    @property
    def replaced(self) -> Path:
        """Where the old folder waits for the moment between two renames."""
        return self.out.with_name(f".{self.out.name}.replaced")

    def start(self) -> Path:
        """A folder to build in, empty unless the build is resumable.

        Raises:
            DataError: what lies at `out` is not an index, and so is not replaced.
        """
        _check_replaceable(self.out)
        self.partial.mkdir(exist_ok=self.resumable)
        return self.partial

    def finish(self) -> None:
        """Put the new folder in the place of the old one."""
        if self.out.exists():
            self.out.rename(self.replaced)
        self.partial.rename(self.out)
        shutil.rmtree(self.replaced, ignore_errors=True)

    def clean(self) -> None:
        """Undo what a crash left: an old folder comes back if its successor had not arrived."""
        if self.replaced.exists() and not self.out.exists():
            self.replaced.rename(self.out)
        for leftover in (self.replaced,) if self.resumable else (self.partial, self.replaced):
            shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def replacing(out: Path, *, resumable: bool = False) -> Generator[Replacement]:
    """Hold `out` against other builds; clean up before and after.

    Raises:
        StorageError: another build holds it, or the disk is full or not writable.
    """
    out = out.absolute()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(out.with_name(f".{out.name}.lock"), timeout=0):
            replacement = Replacement(out, resumable)
            replacement.clean()
            try:
                yield replacement
            finally:
                replacement.clean()
    except Timeout as error:
        fix = "Wait for it, or choose another folder."
        raise StorageError(
            str(Problem("out", "must not be in use by another build", str(out), fix))
        ) from error
    except OSError as error:
        fix = "Free some space or choose another folder."
        value = f"{out} ({error.strerror})"
        raise StorageError(str(Problem("out", "must be writable", value, fix))) from error


def _check_replaceable(out: Path) -> None:
    if not out.exists():
        return
    foreign = sorted(item.name for item in out.iterdir() if item.name not in _OURS) if out.is_dir() else []
    if foreign or not out.is_dir():
        fix = "It is left as it is; choose another folder."
        raise DataError(str(Problem(str(out), "must be absent, empty or an index", foreign or "a file", fix)))
