"""The files of a report in a folder: staged beside their places, then renamed one by one.

A claim, such as `ablation.json`, names the files of a report and takes its place first: files that it names
are ours to replace, also after a kill half way. A file of another origin under one of our names is never
overwritten.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ...builder.errors import DataError, Problem
from ...builder.shards import storage

_STAGED = ".staged-report"
_OURS = re.compile(r"(plots/)?[a-z0-9][a-z0-9_-]*\.(html|json|md|parquet|svg)")
"""Names that a report may give its files: what a claim says beyond these is not believed."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The JSON file that names the files of a report, known as ours by what stands under `made_by`."""

    name: str
    made_by: str


@dataclass(frozen=True, slots=True)
class Report:
    """A report on disk: its folder, the page to open, and the names of all its files."""

    folder: Path
    html: Path
    files: tuple[str, ...]


def replace_report(folder: Path, files: Mapping[str, bytes], claim: Claim) -> None:
    """Write the files of a report, the claim first among them, in place of an earlier report there.

    Raises:
        DataError: a file of another origin has one of the names; nothing was changed.
        StorageError: the disk is full or not writable; an earlier report is as it was, or partly replaced if
            the disk failed between two renames.
    """
    earlier = _earlier(folder, claim, files)
    with storage(folder):
        _replace(folder, files)
        for name in earlier - files.keys():
            (folder / name).unlink(missing_ok=True)


def prepare_folder(folder: Path, claim: Claim, names: Iterable[str]) -> None:
    """Make the folder, and see whether a report with files of these names may be written there.

    Raises:
        DataError: a file of another origin has the name of a report.
        StorageError: the disk is full or not writable.
    """
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
    _earlier(folder, claim, (claim.name, *names))


def _earlier(folder: Path, claim: Claim, names: Iterable[str]) -> frozenset[str]:
    """The files of an earlier report of ours.

    Raises:
        DataError: a file that no report of ours named has one of the names.
    """
    ours = _claimed(folder, claim)
    for name in names:
        if name not in ours and (folder / name).exists():
            fix = "Move it away, or choose another folder with --out."
            problem = Problem("out", "must not hold a file of another origin", str(folder / name), fix)
            raise DataError(str(problem))
    return ours


def _claimed(folder: Path, claim: Claim) -> frozenset[str]:
    """The names in a claim of ours; none where there is no such file."""
    try:
        found: Any = json.loads((folder / claim.name).read_text("utf-8"))
    except (OSError, ValueError):
        return frozenset()
    if not isinstance(found, dict) or cast("dict[str, Any]", found).get("made_by") != claim.made_by:
        return frozenset()
    names = cast("dict[str, Any]", found).get("files")
    listed = cast("list[Any]", names) if isinstance(names, list) else []
    return frozenset(name for name in listed if isinstance(name, str) and _OURS.fullmatch(name))


def _replace(folder: Path, files: Mapping[str, bytes]) -> None:
    staged = folder / _STAGED
    shutil.rmtree(staged, ignore_errors=True)
    try:
        for name, content in files.items():
            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            (staged / name).write_bytes(content)
        for name in files:  # the claim first
            (folder / name).parent.mkdir(exist_ok=True)
            (staged / name).replace(folder / name)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
