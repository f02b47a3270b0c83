"""Progress on stderr, shown only where somebody watches."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

STDERR = Console(stderr=True, emoji=False)


@contextmanager
def counting(what: str) -> Generator[Callable[[int], None]]:
    """A counter of unknown length: the function takes how many came since the last call."""
    columns = (SpinnerColumn(), TextColumn("{task.completed:,} {task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=STDERR, transient=True, disable=not STDERR.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda count: bar.advance(task, count)


def say(text: str) -> None:
    """A line above the progress bar."""
    STDERR.print(text, markup=False, soft_wrap=True)
