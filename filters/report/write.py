"""The report of an ablation as files; `ablation.json` names them."""

from __future__ import annotations

from pathlib import Path

from ..ablation_types import Ablation
from .columns import CLAIM, MADE_BY, facts_json, parquet_files
from .folder import Claim, Report, prepare_folder, replace_report
from .html import html_report
from .markdown_report import markdown_report
from .plot import standalone
from .plots import drawn

_CLAIM = Claim(CLAIM, MADE_BY)
HTML = "report.html"
MARKDOWN = "report.md"


def write_report(ablation: Ablation, folder: Path) -> Report:
    """Write HTML, Markdown, plots, Parquet and JSON into a folder, in place of an earlier report there.

    Raises:
        DataError: a file of another origin has one of our names; nothing was changed.
        StorageError: the disk is full or not writable; an earlier report is as it was, or partly replaced if
            the disk failed between two renames.
    """
    made = report_files(ablation)
    replace_report(folder, made, _CLAIM)
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
    prepare_folder(folder, _CLAIM, (HTML, MARKDOWN))
