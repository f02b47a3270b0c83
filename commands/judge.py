"""Judge: a language model's verdicts on the answers."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..builder.errors import BudgetError, Problem
from ..builder.schema import Judgement
from ..dataset_cards.render import write_card
from ..filters.judge import Judged, judge_dataset
from ..filters.judge_config import SIMULATED, JudgeConfig
from ..filters.judge_open import open_job
from ..filters.judge_run import Asked, Report, Tally
from .progress import STDERR, say


def judge_answers(folder: Path, config: JudgeConfig, console: Console) -> None:
    """Judge, store the verdicts, bring splits and card up to date.

    Raises:
        BudgetError: the budget did not allow all rows; what was judged is stored.
        KeyboardInterrupt: the run was stopped; what was judged is stored.
    """
    with shown_progress(STDERR) as report:
        judged = judge_dataset(folder, open_job(config, say), report)
    write_card(folder)
    for line in summary(judged, config):
        console.print(line, soft_wrap=True)
    if judged.asked.next_usd is not None:
        raise BudgetError(str(_used_up(judged.asked, judged.asked.next_usd)))
    if judged.asked.tally.draining:
        raise KeyboardInterrupt


def summary(judged: Judged, config: JudgeConfig) -> list[str]:
    """What came of it, a line each: verdicts, rows without one, cost, splits that moved."""
    tally = judged.asked.tally
    lines = [_verdicts(name, judged.asked.judgements) for name in _names(judged.asked.judgements)]
    if judged.kept:
        lines.append(f"{judged.kept:,} rows had their verdict already.")
    if tally.broken:
        lines.append(f"{tally.broken:,} rows were broken by the server: --resume asks again.")
    if tally.unscored:
        lines.append(f"{tally.unscored:,} rows are unscored, for example: {_reason(judged.asked.judgements)}")
    if config.model == SIMULATED:
        lines.append("Simulated: the judge and its errors are made up, see the knobs in its name.")
    else:
        lines.append(_cost(judged.asked))
    return [*lines, *map(str, judged.moves)]


def _names(judgements: tuple[Judgement, ...]) -> list[str]:
    return list(dict.fromkeys(judgement.judge for judgement in judgements))


def _verdicts(name: str, judgements: tuple[Judgement, ...]) -> str:
    verdicts = [judgement.verdict for judgement in judgements if judgement.judge == name]
    right, wrong = verdicts.count(True), verdicts.count(False)
    return f"{name}: {right:,} correct, {wrong:,} incorrect, {len(verdicts) - right - wrong:,} unscored"


def _reason(judgements: tuple[Judgement, ...]) -> str:
    return next(judgement.rationale or "" for judgement in reversed(judgements) if judgement.verdict is None)


def _cost(asked: Asked) -> str:
    tally = asked.tally
    read, written = tally.spent.prompt_tokens, tally.spent.completion_tokens
    parts = [f"{tally.requests:,} requests in this run; these rows have cost {read:,} + {written:,} tokens"]
    if tally.usd is not None:
        parts.append(f"${tally.usd:.4f}")
    if tally.spent.unmetered:
        parts.append(f"and {tally.spent.unmetered:,} replies that did not say what they cost")
    return ", ".join(parts) + "."


def _used_up(asked: Asked, most: float) -> Problem:
    tally = asked.tally
    rule = f"must allow the next row, which can cost up to ${most:.4f} beside the ${tally.usd:.4f} spent"
    each = (tally.usd or 0) / tally.finished if tally.finished else 0
    rest = f", at the mean so far ${each * asked.left:.4f}" if each else ""
    fix = f"{asked.left:,} rows are left{rest}. Give a larger --budget and --resume."
    return Problem("budget", rule, tally.budget, fix)


@contextmanager
def shown_progress(console: Console) -> Generator[Report]:
    """On a terminal, a bar: rate, time left, cost, and rows without a verdict."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[details]}"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("judging", total=None, rate="", details="")
        started = progress.get_time()

        def report(tally: Tally) -> None:
            elapsed = max(progress.get_time() - started, 1e-9)
            progress.update(
                bar,
                description=_STOPPING if tally.draining else "judging",
                total=tally.total,
                completed=tally.finished + tally.broken,
                rate=f"{tally.finished / elapsed:.1f} rows/s",
                details=details(tally),
            )

        yield report


_STOPPING = "stopping: what is under way is finished first, Ctrl-C again drops it"


def details(tally: Tally) -> str:
    """Running cost, then what has no verdict."""
    tokens = tally.spent.prompt_tokens + tally.spent.completion_tokens
    of = "" if tally.budget is None else f" of ${tally.budget:g}"
    parts = [f"{tokens:,} tokens" if tally.usd is None else f"${tally.usd:.2f}{of}"]
    parts += [f"{tally.unscored:,} unscored"] if tally.unscored else []
    parts += [f"{tally.broken:,} broken"] if tally.broken else []
    return ", ".join(parts)
