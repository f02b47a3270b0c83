"""The progress display of a collection run."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .collect import Report, Tally
from .notices import Notices
from .outage import Outage
from .schema import StopReason


@contextmanager
def shown_progress(console: Console) -> Generator[tuple[Report, Notices]]:
    """On a terminal, a bar: rate, time left, mean searches, and what ended otherwise than with an answer;
    what a server of ours is doing takes its place while it does not answer. What happened is printed
    everywhere."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[details]}"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("collecting", total=None, rate="", details="")
        started = progress.get_time()

        def report(tally: Tally) -> None:
            elapsed = max(progress.get_time() - started, 1e-9)
            progress.update(
                bar,
                description=escape(_doing(tally)),
                total=tally.total,
                completed=tally.finished,
                rate=f"{tally.made / elapsed:.1f}/s",
                details=details(tally),
            )

        def show(text: str) -> None:
            progress.update(bar, description=escape(text) or "collecting")

        yield report, Notices(lambda text: console.print(escape(text), soft_wrap=True), show)


def details(tally: Tally) -> str:
    """Mean searches, then the endings that are no answers, the most frequent first."""
    parts = [f"{tally.searches / tally.made:.1f} searches each"] if tally.made else []
    others = [(count, reason) for reason, count in tally.reasons.items() if reason is not StopReason.ANSWERED]
    parts += [f"{reason} {count}" for count, reason in sorted(others, reverse=True)]
    return ", ".join(parts)


def _doing(tally: Tally) -> str:
    if tally.draining:
        return f"stopping: {tally.under_way} under way are finished first, Ctrl-C again drops them"
    if tally.outage is not None:
        return waiting(tally.outage)
    return "collecting"


def waiting(outage: Outage) -> str:
    """How long nothing has worked, when the run gives up, and what broke last."""
    error = outage.error if len(outage.error) <= 100 else f"{outage.error[:100]}..."
    return f"waiting: nothing works for {outage.lasted_s:.0f} of at most {outage.limit_s:.0f} s ({error})"
