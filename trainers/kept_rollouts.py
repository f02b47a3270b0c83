"""The rollouts of a training run become a dataset like any other: to be filtered, judged, published.

OUT/rollouts        all rollouts of the run, scored, one row each
OUT/rollout-steps   the same, step by step, while the run goes on
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from ..builder.dataset import Tables, write_dataset
from ..builder.manifest import MadeBy
from ..builder.prompts import Prompt
from ..builder.schema import JsonObject
from .step_store import StepStore

ROLLOUTS = "rollouts"
STEPS = "rollout-steps"

WriteCard = Callable[[Path], object]
"""Writes a dataset's card into its folder."""


def step_store(out: Path) -> StepStore:
    """Where a run in `out` keeps its rollouts while it goes on."""
    return StepStore(out / STEPS)


def close_rollouts(out: Path, made: MadeBy, card: WriteCard) -> None:
    """Make the dataset, in place of the files of the steps; nothing where that is done.

    Raises:
        StorageError: the disk is full or not writable.
    """
    store = step_store(out)
    if not store.steps:
        return
    write_dataset(out / ROLLOUTS, Tables(store.rows()), made)
    card(out / ROLLOUTS)
    shutil.rmtree(store.folder)


def made_by(method: str, options: JsonObject, prompt: Prompt) -> MadeBy:
    """What the dataset says of how it was made."""
    return MadeBy(f"trajset train {method}", datetime.now(UTC), options, {prompt.id: prompt.published})
