"""A report as files: made whole in memory, staged beside their places, then renamed one by one.

`ablation.json` names the files of a report and takes its place first: files that it names are ours to
replace, also after a kill half way. A file of another origin under one of our names is never overwritten.
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
from ..ablation_types import Ablation
from .columns import MADE_BY, facts_json, parquet_files
from .html import html_report
from .markdown_report import markdown_report
from .plots import drawn, standalone

CLAIM = "ablation.json"
HTML = "report.html"
MARKDOWN = "report.md"
_STAGED = ".staged-report"
_OURS = re.compile(r"(plots/)?[a-z0-9][a-z0-9_-]*\.(html|json|md|parquet|svg)")
"""Names that a report may give its files: what an `ablation.json` says beyond these is not believed."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report on disk: its folder, the page to open, and the names of all its files."""

    folder: Path
    html: Path
    files: tuple[str, ...]


def write_report(ablation: Ablation, folder: Path) -> Report:
    """Write HTML, Markdown, plots, Parquet and JSON into a folder, in place of an earlier report there.

    Raises:
        DataError: a file of another origin has one of our names; nothing was changed.
        StorageError: the disk is full or not writable; an earlier report is as it was, or partly replaced if
            the disk failed between two renames.
    """
    made = report_files(ablation)
    earlier = _earlier(folder, made)
    with storage(folder):
        _replace(folder, made)
        for name in earlier - made.keys():
            (folder / name).unlink(missing_ok=True)
    return Report(folder, folder / HTML, tuple(sorted(made)))


def report_files(ablation: Ablation) -> dict[str, bytes]:
    """Every file of the report by its name in the folder: the same bytes for equal ablations."""
    plots = drawn(ablation)
    figures = {f"plots/{plot.name}.svg": standalone(plot) for plot in plots}
    files = {
        HTML: html_report(ablation, plots).encode(),
        MARKDOWN: markdown_report(ablation, plots).encode(),
        **figures,
        **parquet_files(ablation),
    }
    return {CLAIM: facts_json(ablation, [CLAIM, *files]), **files}


def prepare(folder: Path) -> None:
    """Make the folder, and see whether a report may be written there, before anything is computed.

    Raises:
        DataError: a file of another origin has the name of a report.
        StorageError: the disk is full or not writable.
    """
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
    _earlier(folder, (CLAIM, HTML, MARKDOWN))


def _earlier(folder: Path, names: Iterable[str]) -> frozenset[str]:
    """The files of an earlier report of ours.

    Raises:
        DataError: a file that no report of ours named has one of the names.
    """
    ours = _claimed(folder)
    for name in names:
        if name not in ours and (folder / name).exists():
            fix = "Move it away, or choose another folder with --out."
            problem = Problem("out", "must not hold a file of another origin", str(folder / name), fix)
            raise DataError(str(problem))
    return ours


def _claimed(folder: Path) -> frozenset[str]:
    """The names in an `ablation.json` of ours; none where there is no such file."""
    try:
        found: Any = json.loads((folder / CLAIM).read_text("utf-8"))
    except (OSError, ValueError):
        return frozenset()
    if not isinstance(found, dict) or cast("dict[str, Any]", found).get("made_by") != MADE_BY:
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
