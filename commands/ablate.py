"""Ablate: recipes and judges side by side, in the terminal and as a report."""

from __future__ import annotations

import dataclasses
import shlex
from contextlib import nullcontext

from rich.console import Console

from ..builder.readable import open_readable
from ..filters.ablate_config import AblateConfig
from ..filters.ablation import AblationPlan, ablate
from ..filters.ablation_types import Ablation, Target
from ..filters.report.facts import COMMAND
from ..filters.report.terminal import terminal_tables
from ..filters.report.write import MARKDOWN, prepare, write_report
from ..filters.sweeps import parse_sweep
from .label import bound
from .progress import STDERR
from .reports import check_place, options_again, public


def ablate_dataset(data: str, config: AblateConfig, console: Console) -> None:
    """Compare the recipes, write the report, and print its tables.

    Raises:
        ConfigError, DataError, RecipeError: an option, the dataset or a recipe is wrong; or the folder holds
            files of another origin under the report's names.
        HubError: the Hub refuses or cannot be reached.
        StorageError: the disk is full or not writable.
    """
    plan = AblationPlan(
        recipes=tuple(bound(config.recipes, config.settings)),
        annotator=config.annotator,
        target=Target(config.target),
        by=config.by,
        sweeps=tuple(map(parse_sweep, config.sweep)),
        examples=config.examples,
        engine=config.engine,
    )
    dataset = open_readable(data)
    check_place(config.out, dataset)
    prepare(config.out)
    with STDERR.status("Comparing recipes") if STDERR.is_terminal else nullcontext():
        found = _with_command(ablate(dataset, plan, public(data)), config)
        report = write_report(found, config.out)
    console.print(terminal_tables(found))
    console.print(
        f"\n{report.html}: the report for a browser; {MARKDOWN} and Parquet beside it", soft_wrap=True
    )


def _with_command(found: Ablation, config: AblateConfig) -> Ablation:
    """The ablation with the command that makes it again; on the Hub, from the version that was read."""
    on_hub = found.revision is not None
    pinned = f"{found.data.partition('@')[0]}@{found.revision}" if on_hub else found.data
    command = shlex.join(["trajset", "ablate", pinned, *options_again(config, _OPTIONS)])
    return dataclasses.replace(found, config={COMMAND: command, **found.config})


_OPTIONS = {"settings": "--set"}
"""Options that are called otherwise than their field."""
