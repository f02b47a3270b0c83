"""Lab: the paper's claims in miniature, in one command."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..dataset_cards.render import write_card
from ..eval.lab.places import End, Places
from ..eval.lab.plan import Task, plan
from ..eval.lab.run import Watch, run_tasks
from ..eval.lab.sizes import SMOKE, Sizes
from ..eval.lab.work import Hands
from ..eval.lab_config import LabConfig
from ..trainers.student_model import require_training
from .progress import STDERR, say
from .train import quiet


def run_lab(config: LabConfig, console: Console) -> None:
    """Do what is not done, write the report, and say the verdicts.

    Raises:
        ConfigError: the folder holds something else; or the extra is not installed.
        DataError, StorageError: what lies there is damaged, or the disk refuses.
        KeyboardInterrupt: it was stopped; the same command goes on.
    """
    require_training("trajset lab")
    sizes, places, tasks = SMOKE if config.smoke else Sizes(), Places(config.out), plan(config.seeds)
    places.enter(sizes, config.seeds)
    hands = Hands(config.out, sizes, write_card, quiet)
    with _watched(tasks, places) as watch:
        if not run_tasks(tasks, hands, config.workers, watch):
            console.print(f"{config.out}: stopped; the same command goes on.", soft_wrap=True)
            raise KeyboardInterrupt
    _report(config, tasks, console)


def _report(config: LabConfig, tasks: tuple[Task, ...], console: Console) -> None:
    from ..eval.lab.report import lab_report
    from ..eval.report.write import MARKDOWN, prepare, write_document

    places = Places(config.out)
    prepare(places.report)
    sizes = SMOKE if config.smoke else Sizes()
    found = lab_report(places, sizes, tasks, _command(config))
    written = write_document(found.evaluation, found.document, places.report)
    verdicts = Table("claim", "verdict", title="Simulated: micro students on the demo world")
    for claim in found.claims:
        verdicts.add_row(f"({claim.letter}) {claim.text}", str(claim.verdict))
    console.print(verdicts)
    console.print(
        f"\n{written.html}: the report for a browser; {MARKDOWN} and Parquet beside it", soft_wrap=True
    )


def _command(config: LabConfig) -> str:
    words = ["trajset", "lab"]
    if config.seeds != LabConfig().seeds:
        words += ["--seeds", str(config.seeds)]
    return shlex.join([*words, *(["--smoke"] if config.smoke else [])])


@contextmanager
def _watched(tasks: tuple[Task, ...], places: Places) -> Generator[Watch]:
    """A bar over the tasks, and what is under way; without a terminal a line for each that is done."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=STDERR, transient=True, disable=not STDERR.is_terminal) as bars:
        before = sum(places.end(task.name) is not None for task in tasks)
        bar = bars.add_task("", total=len(tasks), completed=before)
        under_way: list[str] = []

        def begun(task: Task) -> None:
            under_way.append(task.name)
            bars.update(bar, description=", ".join(under_way))

        def done(task: Task, end: End) -> None:
            under_way.remove(task.name)
            bars.update(bar, advance=1, description=", ".join(under_way))
            say(f"{task.name}: {end.reason or f'{end.seconds:,.0f} s'}")

        yield Watch(begun, done)
