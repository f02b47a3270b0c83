"""`trajset status`: how far a run is, once or again and again, for people or for scripts."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..builder.run_status import RunStatus, read_status, status_json
from ..builder.totals import WINDOW_S

_STATES = {
    "running": "running",
    "silent": "holds its journal but has not reported for {age}: suspended, or its machine is overloaded",
    "stopped": "not running; go on with --resume",
    "complete": "complete",
}
_GOES_ON = ("running", "silent")


def show_status(folder: Path, *, as_json: bool, every_s: float | None, console: Console) -> None:
    """Print how far the run in a folder is; with `every_s` again and again until it is over.

    Raises:
        DataError: there is no run in the folder.
        StorageError: the run goes on and does not say how far it is.
    """
    if as_json:
        _print_json(folder, every_s, console)
    elif every_s is None:
        console.print(_shown(read_status(folder, time.time()), time.time()))
    else:
        with Live(console=console, auto_refresh=False) as live:
            while _put(live, folder).state in _GOES_ON:
                time.sleep(every_s)
        if not console.is_terminal:  # rich prints the last look there without the end of its line
            console.print()


def _put(live: Live, folder: Path) -> RunStatus:
    status = read_status(folder, time.time())
    live.update(_shown(status, time.time()), refresh=True)
    return status


def _print_json(folder: Path, every_s: float | None, console: Console) -> None:
    """One JSON object a line."""
    while True:
        status = read_status(folder, time.time())
        console.print(status_json(status).decode(), soft_wrap=True, highlight=False)
        if every_s is None or status.state not in _GOES_ON:
            return
        time.sleep(every_s)


def _shown(status: RunStatus, now: float) -> RenderableType:
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in _lines(status, now):
        table.add_row(name, Text(value, overflow="fold"))
    return Group(table, _errors(status, now)) if status.errors else table


def _lines(status: RunStatus, now: float) -> list[tuple[str, str]]:
    tokens = f"{status.prompt_tokens:,} read, {status.completion_tokens:,} written"
    lines = [
        ("state", _STATES[status.state].format(age=_span(now - status.at))),
        ("rollouts", _counts(status)),
        ("rate", _rate(status)),
        ("expected end", _end(status, now)),
        ("last row", "none yet" if status.last_row_at is None else f"{_span(now - status.last_row_at)} ago"),
        ("F1", "unknown" if status.f1 is None else f"{status.f1:.3f} over {status.scored:,} scored rows"),
        ("searches", "unknown" if status.searches is None else f"{status.searches:.2f} a rollout"),
        ("tokens", tokens),
        ("endings", ", ".join(f"{reason} {count:,}" for reason, count in status.reasons.items()) or "none"),
    ]
    return lines + ([("server", status.server)] if status.server else [])


def _counts(status: RunStatus) -> str:
    share = (status.done + status.failed) / status.total if status.total else 1.0
    parts = [f"{status.done:,} done", f"{status.failed:,} failed", f"{status.left:,} left"]
    under_way = f", {status.under_way:,} under way" if status.under_way is not None else ""
    return f"{', '.join(parts)} of {status.total:,} ({share:.1%}){under_way}"


def _rate(status: RunStatus) -> str:
    parts: list[str] = []
    if status.recent_rate is not None:
        parts.append(f"{_speed(status.recent_rate)} in the last {WINDOW_S / 60:.0f} minutes")
    if status.rate is not None:
        parts.append(f"{_speed(status.rate)} overall")
    return ", ".join(parts) or "unknown"


def _speed(rate: float) -> str:
    return f"{rate:.1f}/s" if rate >= 1 else f"{rate * 60:.1f}/min"


def _end(status: RunStatus, now: float) -> str:
    if status.ends_at is None:
        return "-" if status.state in ("stopped", "complete") else "unknown"
    at = datetime.fromtimestamp(status.ends_at, UTC).astimezone()
    return f"{at:%Y-%m-%d %H:%M} (in {_span(status.ends_at - now)})"


def _errors(status: RunStatus, now: float) -> Table:
    """The kinds of failure, that which came last first, with its last text."""
    table = Table("failed", "last", "error", box=None, pad_edge=False, title_justify="left")
    for failures in status.errors:
        text = Text(failures.last, overflow="fold")
        table.add_row(f"{failures.count:,}", f"{_span(now - failures.at)} ago", text)
    return table


def _span(seconds: float) -> str:
    return str(timedelta(seconds=max(round(seconds), 0)))
