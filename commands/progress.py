"""Progress on stderr, shown only where somebody watches."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

STDERR = Console(stderr=True, emoji=False)


class _Rate(ProgressColumn):
    """How many come in a second, over the last half minute."""

    def render(self, task: Task) -> Text:
        """E.g. `1,234/s`; nothing until two reports have come."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


@contextmanager
def counting(what: str) -> Generator[Callable[[int], None]]:
    """A counter of unknown length: the function takes how many came since the last call."""
    counted = TextColumn("{task.completed:,} {task.description}")
    columns = (SpinnerColumn(), counted, _Rate(), TimeElapsedColumn())
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


def say(text: str) -> None:
    """A line above the progress bar."""
    STDERR.print(text, markup=False, soft_wrap=True)
