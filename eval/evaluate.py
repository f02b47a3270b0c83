"""`trajset eval`: the same rollout loop over benchmarks, one cell after the other.

A cell is finished when its dataset is there and no server broke a rollout of it; it is not made again. One
that was interrupted goes on in its journal. A server that fails ends its cell, not the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import tomli_w

from ..builder.collect import Collected, Report, collect, collected
from ..builder.collect_job import settings_of
from ..builder.config import config_values
from ..builder.errors import ConfigError, DataError, Problem, ServiceError
from ..builder.event_loop import run_in_loop
from ..builder.journal import FILE_NAME
from ..builder.manifest import MANIFEST
from ..builder.notices import Notices
from ..builder.shards import write_file
from .cell_folder import holds, write_cell
from .matrix import PlannedCell
from .ready import ReadyCell, Shared

State = Literal["finished", "kept", "failed", "stopped"]
"""`kept`: it was finished before. `stopped`: a signal ended it; the same command goes on."""

Card = Callable[[Path], object]
"""Writes the card of a dataset."""


class Watch(Protocol):
    """Who looks on."""

    @property
    def notices(self) -> Notices:
        """Hears of servers that come and go."""
        ...

    def begin(self, cell: PlannedCell, place: int) -> Report:
        """A cell begins, the `place`-th from 0; gives what hears of its rollouts."""
        ...


@dataclass(frozen=True, slots=True)
class CellEnd:
    """How a cell ended; `error` says why it failed. `broken` rollouts may be tried again."""

    cell: PlannedCell
    state: State
    left_out: int = 0
    broken: int = 0
    error: ServiceError | None = None

    @property
    def folder(self) -> Path:
        """Where its dataset is, unless it failed or was stopped."""
        return self.cell.options.out / self.cell.slug


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nobody looks on."""

    notices: Notices = field(default_factory=Notices)

    def begin(self, cell: PlannedCell, place: int) -> Report:
        """Hears nothing."""
        return lambda _: None


def evaluate(
    cells: Sequence[PlannedCell], watch: Watch | None = None, card: Card = lambda _: None
) -> tuple[CellEnd, ...]:
    """Make all cells that are not finished, in order.

    Raises:
        InputError: a setting, a file, an index or a world is wrong, or a cell was begun with other settings;
            before anything is made.
        StorageError: the disk refuses; what was committed stays.
    """
    return run_in_loop(_Evaluation(watch or Quiet(), card).run(cells))


class _Evaluation:
    """One go at the cells."""

    def __init__(self, watch: Watch, card: Card) -> None:
        self._watch, self._card = watch, card
        self._shared = Shared(watch.notices)

    async def run(self, cells: Sequence[PlannedCell]) -> tuple[CellEnd, ...]:
        ends: list[CellEnd] = []
        try:
            ready = [self._ready(cell) for cell in cells]
            for place, one in enumerate(ready):
                if place and cells[place - 1].model != cells[place].model:
                    await self._shared.close(cells[place - 1].model)
                report = self._watch.begin(cells[place], place)
                ends.append(one if isinstance(one, CellEnd) else await self._made(one, report))
                if ends[-1].state == "stopped":
                    break
        finally:
            for model in dict.fromkeys(cell.model for cell in cells):
                await self._shared.close(model)
        return tuple(ends)

    def _ready(self, cell: PlannedCell) -> ReadyCell | CellEnd:
        """The cell, or how it ended before it could begin."""
        try:
            ready = self._shared.ready(cell)
        except ServiceError as error:
            return CellEnd(cell, "failed", error=error)
        done = _earlier(ready)
        if done is not None and done.complete and not done.progress.broken and holds(ready.config.out, done):
            return CellEnd(cell, "kept", ready.left_out)
        return ready

    async def _made(self, ready: ReadyCell, report: Report) -> CellEnd:
        out = ready.config.out
        out.mkdir(parents=True, exist_ok=True)
        write_file(out / "config.toml", tomli_w.dumps(_options(ready.cell)).encode())
        try:
            done = await collect(ready.job, report)
        except ServiceError as error:
            return CellEnd(ready.cell, "failed", ready.left_out, error=error)
        if done.complete and not holds(out, done):
            write_cell(ready, done)
            self._card(out)
        state: State = "finished" if done.complete else "stopped"
        return CellEnd(ready.cell, state, ready.left_out, done.progress.broken)


def _options(cell: PlannedCell) -> dict[str, Any]:
    """The options of a cell as a file for `--config`; the tables of the matrix are spent."""
    return {name: value for name, value in config_values(cell.options).items() if value != {}}


def _earlier(ready: ReadyCell) -> Collected | None:
    """What an earlier run left of a cell.

    Raises:
        ConfigError: it had other settings, or what lies there is no evaluation.
        StorageError: a run is writing to it.
    """
    out = ready.config.out
    if not (out / FILE_NAME).is_file():
        if (out / MANIFEST).is_file():
            fix = "Choose another --out."
            raise ConfigError(str(Problem("out", "must not hold another dataset", str(out), fix)))
        return None
    try:
        return collected(out, settings_of(ready.job))
    except ConfigError as error:
        raise ConfigError(f"{ready.cell.slug}: {error}") from error
    except DataError:  # it was killed before it had begun; whatever else it is, `collect` says
        return None
