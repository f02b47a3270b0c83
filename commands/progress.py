"""Progress on stderr, shown only where somebody watches."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

STDERR = Console(stderr=True, emoji=False)


@contextmanager
def counting(what: str) -> Generator[Callable[[int], None]]:
    """A counter of unknown length: the function takes how many came since the last call."""
    columns = (SpinnerColumn(), TextColumn("{task.completed:,} {task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=STDERR, transient=True, disable=not STDERR.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda count: bar.advance(task, count)


@contextmanager
def staged() -> Generator[Callable[[str, int | None], Callable[[int], None]]]:
    """A bar for each stage of a work: the function begins one, of a length or none, and gives its counter."""
    counted = TextColumn("{task.completed:,} {task.description}")
    columns = (SpinnerColumn(), counted, BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=STDERR, transient=True, disable=not STDERR.is_terminal) as bars:

        def begin(stage: str, total: int | None) -> Callable[[int], None]:
            task = bars.add_task(stage, total=total)
            return lambda count: bars.advance(task, count)

        yield begin
