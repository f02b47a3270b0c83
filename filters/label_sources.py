"""Labels that name a row by the transcript it was imported from: source file and place there.

Who audits transcripts before they are imported knows no row ids. The transcripts are read once more with the
settings that the dataset's manifest keeps; the ids that come out must be the dataset's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ..builder.config import ImportConfig
from ..builder.errors import DataError, Problem
from ..builder.manifest import Manifest
from ..builder.transcripts.files import bare_name
from ..builder.transcripts.importing import Progress, read_transcripts
from .label_csv import CsvLine, read_lines

COLUMNS = (
    "file",
    "index",
    "stratum",
    "stratum_size",
    "stratum_drawn",
    "annotator",
    "correct",
    "grounded",
    "note",
    "labelled_at",
)

Places = dict[tuple[str, str], str]
"""Bare file name (without .jsonl, .gz, ...) and index (place from 0, or key) -> row id."""


def names_sources(header: Sequence[str]) -> bool:
    """Whether a CSV file with these columns names rows by their source."""
    return "row_id" not in header and {"file", "index"} <= set(header)


def places_of(transcripts: Sequence[Path], manifest: Manifest, progress: Progress | None = None) -> Places:
    """Where each row of a dataset made by `trajset import` came from.

    Raises:
        DataError: the dataset was not imported; two transcripts of one name; or one cannot be read.
        ConfigError: the import named a teacher for each file, and these are not as many files.
    """
    if manifest.command != "import":
        fix = "Name rows by `row_id` instead (`trajset label export` shows how)."
        problem = Problem(
            "--transcripts", "must be what the dataset was imported from", manifest.command, fix
        )
        raise DataError(str(problem))
    names = [bare_name(path) for path in transcripts]
    if twice := [name for name in names if names.count(name) > 1]:
        rule = "must have names of their own"
        raise DataError(str(Problem("--transcripts", rule, twice[0], "Rename one of the files.")))
    imported = read_transcripts(transcripts, _config(manifest), datetime.now(UTC), progress)
    return {(bare_name(Path(place.file)), place.index): row for row, place in imported.sources.items()}


def _config(manifest: Manifest) -> ImportConfig:
    """What decides the row ids of an import, as the manifest keeps it."""
    kept, default = manifest.config, ImportConfig()
    return ImportConfig(
        format=kept.get("format", default.format),
        teacher=tuple(kept.get("teacher", default.teacher)),
        dataset=kept.get("dataset", default.dataset),
        search_tools=tuple(kept.get("search-tools", default.search_tools)),
    )


def read_source_lines(path: Path, places: Places) -> list[CsvLine]:
    """The records of a CSV file with `row_id` and `inclusion_probability` in place of what it says instead.

    Raises:
        DataError: as for `read_lines`; a record whose file or index is not among the transcripts.
    """
    return [_by_id(path, line, places) for line in read_lines(path, COLUMNS)]


def _by_id(path: Path, line: CsvLine, places: Places) -> CsvLine:
    values = dict(line.values)
    file, index = values.pop("file", ""), values.pop("index", "")
    row = places.get((bare_name(Path(file)), index))
    if row is None:
        fix = "Give all transcripts that the file speaks of with --transcripts."
        rule = "must be a record of the transcripts given"
        raise DataError(str(Problem(f"{path}, line {line.number}: file, index", rule, (file, index), fix)))
    drawn = values.pop("stratum_drawn", None)
    if drawn is not None:
        values["inclusion_probability"] = _chance(path, line, drawn)
    return CsvLine(line.number, values | {"row_id": row})


def _chance(path: Path, line: CsvLine, drawn: str) -> str:
    size = line.values.get("stratum_size", "")
    if not (drawn.isdecimal() and size.isdecimal() and 1 <= int(drawn) <= int(size)):
        place = f"{path}, line {line.number}: stratum_drawn"
        rule = "must be a whole number from 1 to stratum_size"
        raise DataError(str(Problem(place, rule, (drawn, size), "Mend it in the file.")))
    return str(int(drawn) / int(size))
