"""Where everything of a laboratory lies, and which tasks are done."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...builder.errors import ConfigError, DataError, Problem
from ...builder.identity import content_hash
from ...builder.shards import storage, write_file
from .plan import BASE, Task
from .sizes import Sizes, settings_of

SETTINGS = "lab.json"


@dataclass(frozen=True, slots=True)
class End:
    """A finished task: its seconds, and where nothing came of it the reason."""

    seconds: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Places:
    """The folders under `out`."""

    out: Path

    @property
    def world(self) -> Path:
        """The world that students are trained in."""
        return self.out / "world"

    @property
    def index(self) -> Path:
        """Its index."""
        return self.out / "index"

    @property
    def exam_world(self) -> Path:
        """The world of the exam."""
        return self.out / "exam-world"

    @property
    def exam_index(self) -> Path:
        """Its index."""
        return self.out / "exam-index"

    @property
    def blank(self) -> Path:
        """The student with random weights."""
        return self.out / "blank"

    def questions(self, use: str) -> Path:
        """The questions of one use: `tool`, `rows`, `new`."""
        return self.out / f"questions-{use}.jsonl"

    def rows(self, name: str) -> Path:
        """A dataset to learn from: `tool`, `memory`, or `raw-SEED`."""
        return self.out / "rows" / name

    def model(self, model: str, seed: int | None) -> Path:
        """A model; what all seeds share lies outside of theirs."""
        if seed is None or model == BASE:
            return self.out / "models" / model
        return self.out / "models" / f"seed-{seed}" / model

    def exams(self, seed: int) -> Path:
        """The measurements of a seed."""
        return self.out / "exams" / f"seed-{seed}"

    def probe(self, model: str, seed: int) -> Path:
        """The probe of a model."""
        return self.out / "probes" / f"seed-{seed}" / model

    @property
    def report(self) -> Path:
        """The report."""
        return self.out / "report"

    def end(self, task: str) -> End | None:
        """How a task ended; None where it is not finished.

        Raises:
            DataError: the note of it is damaged.
        """
        file = self.out / "done" / f"{task}.json"
        return End(**_read(file)) if file.is_file() else None

    def finish(self, task: Task, end: End) -> None:
        """Note that a task is done.

        Raises:
            StorageError: the disk refuses.
        """
        write_file(self.out / "done" / f"{task.name}.json", json.dumps(dataclasses.asdict(end)).encode())

    def enter(self, sizes: Sizes, seeds: int) -> None:
        """Make the folder, or go on in it.

        Raises:
            ConfigError: it holds another laboratory, or other files.
            StorageError: the disk refuses.
        """
        settings = settings_of(sizes)
        record = {"settings": content_hash([settings]), "seeds": seeds, **settings}
        file = self.out / SETTINGS
        if file.is_file():
            _check(file, record)
        elif self.out.is_dir() and any(self.out.iterdir()):
            fix = "Name a new folder."
            raise ConfigError(str(Problem("--out", "must be a laboratory or empty", str(self.out), fix)))
        with storage(self.out):
            self.out.mkdir(parents=True, exist_ok=True)
        write_file(file, json.dumps(record, indent=2).encode())


def _check(file: Path, record: dict[str, Any]) -> None:
    """A folder goes on with its own sizes; seeds may be added.

    Raises:
        ConfigError: it was begun with other sizes, or has more seeds.
    """
    earlier = _read(file)
    if earlier.get("settings") != record["settings"]:
        rule = "must go on with the sizes that the folder was begun with"
        fix = "Give --smoke or leave it out as before, or name another folder with --out."
        raise ConfigError(str(Problem("--out", rule, str(file.parent), fix)))
    if int(earlier.get("seeds", 0)) > record["seeds"]:
        rule = f"must not be fewer than the {earlier['seeds']} that the folder has"
        raise ConfigError(str(Problem("--seeds", rule, record["seeds"], "Name another folder with --out.")))


def _read(file: Path) -> dict[str, Any]:
    try:
        found: Any = json.loads(file.read_text("utf-8"))
        return dict(found)
    except (OSError, ValueError, TypeError) as error:
        fix = "Delete it, and what it is about is made again."
        raise DataError(
            str(Problem(str(file), "must be a JSON object that can be read", str(error), fix))
        ) from error
