"""Eval: models on benchmarks, cell by cell."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from ..builder.collect import Report, Tally
from ..builder.collect_progress import details, waiting
from ..builder.errors import ServiceError
from ..builder.notices import Notices
from ..dataset_cards.render import write_card
from ..eval.cell_folder import Means, means_of
from ..eval.eval_config import EvalConfig
from ..eval.evaluate import CellEnd, evaluate
from ..eval.matrix import PlannedCell, plan_cells
from .progress import STDERR


def evaluate_models(config: EvalConfig, console: Console) -> None:
    """Make the cells that are not finished, and show what came of all of them.

    Raises:
        ServiceError: a server failed in some cells; the others are made by then.
        KeyboardInterrupt: the run was stopped; the same command goes on.
    """
    cells = plan_cells(config)
    if config.dry_run:
        console.print(cells_table(cells))
        return
    with _shown(STDERR, len(cells)) as watch:
        ends = evaluate(cells, watch, write_card)
    console.print(ends_table(ends))
    for line in remarks(ends, config.out):
        console.print(line, soft_wrap=True)
    if failed := [end.error for end in ends if end.error is not None]:
        rest = "The same command tries them again."
        raise ServiceError(
            f"{len(failed)} of {len(cells)} cells failed, the first because: {failed[0]} {rest}"
        )
    if any(end.state == "stopped" for end in ends):
        raise KeyboardInterrupt


def cells_table(cells: Sequence[PlannedCell]) -> Table:
    """The cells that would be made."""
    table = Table("folder", "model", "benchmark", "mode", "search", title=f"{len(cells)} cells")
    for cell in cells:
        searched = ", ".join(cell.collect_config().index) if cell.searches else ""
        mode = f"{cell.mode} {cell.noise}".strip()
        row = (cell.slug, cell.options.model[0], cell.options.benchmark[0], mode, searched)
        table.add_row(*map(escape, row))
    return table


def ends_table(ends: Sequence[CellEnd]) -> Table:
    """What came of each cell, a line each; means over the rows that could be scored."""
    table = Table("cell", "", "questions", "rows", "F1", "EM", "searches")
    table.columns[0].overflow = "fold"
    for column in table.columns[2:]:
        column.justify, column.no_wrap = "right", True
    for end in ends:
        means = means_of(end.folder) if end.state in ("finished", "kept") else None
        table.add_row(escape(end.cell.slug), end.state, *_cells(means))
    return table


def _cells(means: Means | None) -> tuple[str, ...]:
    if means is None:
        return ("",) * 5
    shown = [_number(value, digits) for value, digits in ((means.f1, 3), (means.em, 3), (means.searches, 2))]
    return (f"{means.questions:,}", f"{means.rows:,}", *shown)


def _number(value: float | None, digits: int) -> str:
    return "unknown" if value is None else f"{value:.{digits}f}"


def remarks(ends: Sequence[CellEnd], out: Path) -> list[str]:
    """What was left out, what broke, and the next command."""
    lines = [
        f"{end.cell.slug}: {end.left_out:,} questions without known supporting passages are left out."
        for end in ends
        if end.left_out
    ]
    lines += [
        f"{end.cell.slug}: {end.broken:,} rollouts were broken by a server; the same command tries again."
        for end in ends
        if end.broken
    ]
    if any(end.state in ("finished", "kept") for end in ends):
        lines.append(f"Next: trajset report {shlex.quote(str(out))}")
    return lines


@dataclass(slots=True)
class _Bars:
    """A bar over the cells and one over the rollouts of the cell under way."""

    progress: Progress
    cells: TaskID
    rollouts: TaskID
    notices: Notices

    def begin(self, cell: PlannedCell, place: int) -> Report:
        """Show that a cell begins; what hears of its rollouts."""
        self.progress.update(self.cells, completed=place, details=escape(cell.title))
        self.progress.reset(self.rollouts, description="rollouts", details="")

        def report(tally: Tally) -> None:
            doing = details(tally) if tally.outage is None else waiting(tally.outage)
            self.progress.update(
                self.rollouts,
                description="stopping" if tally.draining else "rollouts",
                total=tally.total,
                completed=tally.finished,
                details=escape(doing),
            )

        return report


@contextmanager
def _shown(console: Console, cells: int) -> Generator[_Bars]:
    """On a terminal, two bars; what happened to servers is printed everywhere."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[details]}"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        of_cells = progress.add_task("cells", total=cells, details="")
        of_rollouts = progress.add_task("rollouts", total=None, details="")
        notices = Notices(
            lambda text: console.print(escape(text), soft_wrap=True),
            lambda text: progress.update(of_rollouts, description=escape(text) or "rollouts"),
        )
        yield _Bars(progress, of_cells, of_rollouts, notices)
