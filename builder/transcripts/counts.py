"""What came in, per file: counts, and the table with which `trajset import` ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ..schema import Row, StopReason

_COLUMNS = ("rows", "not\nread", "answered", "no\nsearch", "mean\nsearches", "judged", "labelled")


@dataclass(frozen=True, slots=True)
class Taken:
    """A file, the format it was taken for, and whether that was found by looking into it."""

    file: str
    format: str
    sniffed: bool


@dataclass(frozen=True, slots=True)
class FileCounts:
    """What came in from one file. `rows`, `judged` and `labelled` count all rows, the others parsed ones."""

    taken: Taken
    rows: int
    parsed: int
    answered: int
    never_searched: int
    searches: int
    judged: int
    labelled: int
    reasons: tuple[tuple[str, int], ...]
    """Why the rest could not be parsed, with counts, most frequent first."""
    omitted: tuple[tuple[str, int], ...]
    """Why transcripts were left out, with counts, most frequent first."""

    @property
    def mean_searches(self) -> float | None:
        """Searches per parsed row; None where no row was parsed."""
        return self.searches / self.parsed if self.parsed else None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Rows of a file with a judge's verdict, and with a person's."""

    judged: int
    labelled: int


def count_rows(taken: Taken, rows: Sequence[Row], verdicts: Verdicts, omitted: Counter[str]) -> FileCounts:
    """The counts of one file's rows, and of what was left out beside them."""
    parsed = [row for row in rows if row.outcome.stop_reason is not StopReason.UNPARSED]
    reasons = Counter(
        row.outcome.error or "" for row in rows if row.outcome.stop_reason is StopReason.UNPARSED
    )
    return FileCounts(
        taken,
        len(rows),
        len(parsed),
        sum(row.outcome.answer is not None for row in parsed),
        sum(row.search_use.n_searches == 0 for row in parsed),
        sum(row.search_use.n_searches for row in parsed),
        verdicts.judged,
        verdicts.labelled,
        tuple(reasons.most_common()),
        tuple(omitted.most_common()),
    )


def counts_table(counts: Iterable[FileCounts]) -> Table:
    """One line a file; below the table why records could not be read or were left out, with their counts."""
    files = list(counts)
    table = Table(
        title="What came in",
        title_justify="left",
        caption=Text("\n").join([Text(note) for file in files for note in _notes(file)]),
        caption_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("file: format", overflow="fold")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for file in files:
        table.add_row(*_cells(file))
    return table


def _notes(file: FileCounts) -> Iterator[str]:
    for reason, count in file.reasons:
        yield f"{file.taken.file}: {count:,} not read, {reason}"
    for reason, count in file.omitted:
        yield f"{file.taken.file}: {count:,} left out, {reason}"


def _cells(file: FileCounts) -> tuple[str | Text, ...]:
    mean = "-" if file.mean_searches is None else f"{file.mean_searches:.2f}"
    numbers = (file.rows, file.rows - file.parsed, file.answered, file.never_searched)
    found = f"{file.taken.format} (found)" if file.taken.sniffed else file.taken.format
    verdicts = (str(file.judged), str(file.labelled))
    return (Text(f"{file.taken.file}: {found}"), *map(str, numbers), mean, *verdicts)
