"""Runs that consist of several: Mixed, and the rounds of RFT. The last stage's model becomes the run's."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from .lineage import Lineage, Progress, write_lineage
from .model_card import write_model_card
from .model_files import copy_model
from .plots import CURVES
from .run_folder import RunFolder


def close_stages(
    folder: RunFolder, lineage: Lineage, stages: Sequence[Path], lineages: Sequence[Lineage]
) -> Lineage:
    """Copy the last stage's model into the run's folder and say of what stages it was made.

    Raises:
        StorageError: the disk does not take it.
    """
    last = lineages[-1]
    done = dataclasses.replace(
        lineage,
        target=last.target,
        audit=last.audit,
        progress=_together([one.progress for one in lineages]),
        result=last.result,
        stages=tuple(_plain(one) for one in lineages),
        state="complete",
    )
    copy_model(stages[-1], folder.path)
    if (stages[-1] / CURVES).is_file():
        shutil.copyfile(stages[-1] / CURVES, folder.path / CURVES)
    write_model_card(folder.path, done)
    write_lineage(folder.path, done)
    return done


def _together(parts: Sequence[Progress]) -> Progress:
    """All stages' counts added up."""
    names = [field.name for field in dataclasses.fields(Progress)]
    return Progress(*(sum(getattr(part, name) for part in parts) for name in names))


def _plain(lineage: Lineage) -> Any:
    return orjson.loads(orjson.dumps(lineage))
