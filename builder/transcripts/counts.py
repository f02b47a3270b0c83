"""What came in, per file: counts, and the table with which `trajset import` ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ..schema import Row, StopReason

_COLUMNS = ("rows", "not read", "answered", "no search", "mean searches", "judged")


@dataclass(frozen=True, slots=True)
class Taken:
    """A file, the format it was taken for, and whether that was found by looking into it."""

    file: str
    format: str
    sniffed: bool


@dataclass(frozen=True, slots=True)
class FileCounts:
    """What came in from one file. All but `rows` and `judged` are counted over the parsed rows."""

    taken: Taken
    rows: int
    parsed: int
    answered: int
    never_searched: int
    searches: int
    judged: int
    reasons: tuple[tuple[str, int], ...]
    """Why the rest could not be parsed, with counts, most frequent first."""

    @property
    def mean_searches(self) -> float | None:
        """Searches per parsed row; None where no row was parsed."""
        return self.searches / self.parsed if self.parsed else None


def count_rows(taken: Taken, rows: Sequence[Row], judged: int) -> FileCounts:
    """The counts of one file's rows, `judged` of which have a verdict from the source."""
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
        judged,
        tuple(reasons.most_common()),
    )


def counts_table(counts: Iterable[FileCounts]) -> Table:
    """One line a file and, where some records could not be read, the reasons with their counts below it."""
    table = Table(title="What came in", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("file: format", overflow="fold")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for file in counts:
        table.add_row(*_cells(file))
        for reason, count in file.reasons:
            table.add_row(Text(f"  {reason}"), "", str(count))
    return table


def _cells(file: FileCounts) -> tuple[str | Text, ...]:
    mean = "-" if file.mean_searches is None else f"{file.mean_searches:.2f}"
    numbers = (file.rows, file.rows - file.parsed, file.answered, file.never_searched)
    found = f"{file.taken.format} (found)" if file.taken.sniffed else file.taken.format
    return (Text(f"{file.taken.file}: {found}"), *map(str, numbers), mean, str(file.judged))
