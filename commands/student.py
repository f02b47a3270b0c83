"""`trajset student`: a micro student from nothing."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from ..builder.errors import ConfigError, Problem
from ..builder.world.files import load_world
from ..trainers.student import make_student, world_texts


def make_micro_student(folder: Path, world: Path, seed: int, console: Console) -> None:
    """Make the student and say what it is.

    Raises:
        ConfigError: there is a model in the folder already.
        DataError: the other folder holds no demo world.
        MissingExtraError: torch or transformers is not installed.
    """
    if (folder / "config.json").exists():
        fix = "Name another folder, or delete that one."
        raise ConfigError(str(Problem("folder", "must hold no model yet", str(folder), fix)))
    student = make_student(folder, world_texts(load_world(world)), seed=seed)
    console.print(f"{folder}: {student.parameters:,} random weights, {student.tokens} tokens, not trained")
