"""Ablate: recipes and judges side by side, in the terminal and as a report."""

from __future__ import annotations

import dataclasses
import shlex
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console

from ..builder.dataset import LocalDataset
from ..builder.errors import ConfigError, Problem
from ..builder.readable import Readable, open_readable
from ..filters.ablate_config import AblateConfig
from ..filters.ablation import AblationPlan, ablate
from ..filters.ablation_types import Ablation, Target
from ..filters.report.facts import COMMAND
from ..filters.report.terminal import terminal_tables
from ..filters.report.write import MARKDOWN, prepare, write_report
from ..filters.sweeps import parse_sweep
from .label import bound
from .progress import STDERR


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
    _check_place(config.out, dataset)
    prepare(config.out)
    with STDERR.status("Comparing recipes") if STDERR.is_terminal else nullcontext():
        found = _with_command(ablate(dataset, plan, _public(data)), config)
        report = write_report(found, config.out)
    console.print(terminal_tables(found))
    console.print(
        f"\n{report.html}: the report for a browser; {MARKDOWN} and Parquet beside it", soft_wrap=True
    )


def _check_place(out: Path, dataset: Readable) -> None:
    if isinstance(dataset, LocalDataset) and out.resolve().is_relative_to(dataset.path.resolve()):
        rule = "must lie outside of the dataset, whose files are published"
        raise ConfigError(str(Problem("--out", rule, str(out), "Choose another folder.")))


def _public(place: str) -> str:
    """A place as a report may name it: reports get published, so of an absolute path only the last part."""
    return Path(place).name if Path(place).expanduser().is_absolute() else place


def _with_command(found: Ablation, config: AblateConfig) -> Ablation:
    """The ablation with the command that makes it again; on the Hub, from the version that was read."""
    on_hub = found.revision is not None
    pinned = f"{found.data.partition('@')[0]}@{found.revision}" if on_hub else found.data
    command = shlex.join(["trajset", "ablate", pinned, *_options(config)])
    return dataclasses.replace(found, config={COMMAND: command, **found.config})


def _options(config: AblateConfig) -> list[str]:
    """The options that differ from the defaults, and where the report goes."""
    words: list[str] = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name == "out" or value != field.default:
            given = value if isinstance(value, tuple) else (value,)
            words += [_OPTIONS.get(field.name, f"--{field.name}"), *(_public(str(item)) for item in given)]
    return words


_OPTIONS = {"settings": "--set"}
"""Options that are called otherwise than their field."""
