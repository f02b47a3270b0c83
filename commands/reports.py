"""What commands that write a report have in common: where it may lie, and the command that makes it again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..builder.dataset import LocalDataset
from ..builder.errors import ConfigError, Problem
from ..builder.readable import Readable


def check_place(out: Path, dataset: Readable) -> None:
    """See that a report does not go into the dataset that it is about.

    Raises:
        ConfigError: it would.
    """
    if isinstance(dataset, LocalDataset) and out.resolve().is_relative_to(dataset.path.resolve()):
        rule = "must lie outside of the dataset, whose files are published"
        raise ConfigError(str(Problem("--out", rule, str(out), "Choose another folder.")))


def public(place: str) -> str:
    """A place as a report may name it: reports get published, so of an absolute path only the last part."""
    return Path(place).name if Path(place).expanduser().is_absolute() else place


def options_again(config: Any, names: Mapping[str, str]) -> list[str]:
    """The options of a frozen config that differ from the defaults, and where the report goes.

    `names` are of options that are called otherwise than their field.
    """
    words: list[str] = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name == "out" or value != field.default:
            given = value if isinstance(value, tuple) else (value,)
            option = names.get(field.name, f"--{field.name.replace('_', '-')}")
            words += [option, *(public(str(item)) for item in given)]
    return words
