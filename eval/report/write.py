"""The report of an evaluation as files; `evaluation.json` names them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...filters.report.folder import Claim, Report, prepare_folder, replace_report
from ...filters.report.plot import standalone
from ..results import Evaluation
from .beside import Beside
from .columns import facts_json, parquet_files
from .document import Document, document
from .pages import CLAIM, MADE_BY, html_page, markdown_page
from .section import Section

HTML = "report.html"
MARKDOWN = "report.md"
_CLAIM = Claim(CLAIM, MADE_BY)


def write_report(
    evaluation: Evaluation, folder: Path, lead: Sequence[Section] = (), beside: Beside = Beside.AUTO
) -> Report:
    """Write HTML, Markdown, plots, Parquet and JSON into a folder, in place of an earlier report there.

    `lead` are sections to stand above the others.

    Raises:
        DataError: a file of another origin has one of our names; nothing was changed.
        StorageError: the disk is full or not writable; an earlier report is as it was, or partly replaced if
            the disk failed between two renames.
    """
    return write_document(evaluation, document(evaluation, lead, beside), folder)


def write_document(evaluation: Evaluation, made: Document, folder: Path) -> Report:
    """The same for a document that is there already."""
    files = report_files(evaluation, made)
    replace_report(folder, files, _CLAIM)
    return Report(folder, folder / HTML, tuple(sorted(files)))


def report_files(evaluation: Evaluation, made: Document) -> dict[str, bytes]:
    """Every file of the report by its name in the folder: the same bytes for equal evaluations."""
    files = {
        HTML: html_page(made).encode(),
        MARKDOWN: markdown_page(made).encode(),
        **{f"plots/{plot.name}.svg": standalone(plot) for plot in made.plots},
        **parquet_files(evaluation),
    }
    return {CLAIM: facts_json(evaluation, made.lead, [CLAIM, *files]), **files}


def prepare(folder: Path) -> None:
    """Make the folder, and see whether a report may be written there, before anything is computed.

    Raises:
        DataError: a file of another origin has the name of a report.
        StorageError: the disk is full or not writable.
    """
    prepare_folder(folder, _CLAIM, (HTML, MARKDOWN))
