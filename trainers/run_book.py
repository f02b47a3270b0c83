"""What a run keeps account of, and what it writes beside its weights: lineage, card, curves."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from ..builder.shards import write_file
from .lineage import Lineage, Progress, State, read_lineage, write_lineage
from .model_card import write_model_card
from .plots import write_curves
from .run_folder import RunFolder

HISTORY = "history.jsonl"
"""The points of all curves, one JSON object a line."""


@dataclass(slots=True)
class RunBook:
    """The account of a run: what was seen before this session, and since.

    `say` takes a line for the user; on other ranks than the first it takes none. `merge`: adapters are merged
    into the model that is saved at the end.
    """

    folder: RunFolder
    lineage: Lineage
    say: Callable[[str], None]
    merge: bool = False
    before: Progress = field(default_factory=Progress)
    _rows: int = 0
    _tokens: int = 0
    _loss_tokens: int = 0
    _since: float = field(default_factory=time.monotonic)

    def go_on(self, checkpoint: Path | None) -> None:
        """Begin to count, after what a checkpoint had seen; a run that goes on began when it first did."""
        if self.folder.earlier:
            self.lineage = replace(self.lineage, started_at=self.folder.earlier.started_at)
        self.before = read_lineage(checkpoint).progress if checkpoint else Progress()
        self._since = time.monotonic()

    def see(self, rows: int, tokens: int, loss_tokens: int) -> None:
        """Count what a batch of this process holds."""
        self._rows += rows
        self._tokens += tokens
        self._loss_tokens += loss_tokens

    def note(self, result: Mapping[str, Any]) -> None:
        """Put something into the lineage's result, to be written with the next checkpoint."""
        self.lineage = replace(self.lineage, result={**self.lineage.result, **result})

    def progress(self, state: Any) -> Progress:
        """How far the run is, over all processes (each has to ask)."""
        rows, tokens, loss_tokens = _summed((self._rows, self._tokens, self._loss_tokens))
        return Progress(
            step=int(state.global_step),
            steps=int(state.max_steps),
            epoch=round(float(state.epoch or 0.0), 6),
            rows_seen=self.before.rows_seen + rows,
            tokens_seen=self.before.tokens_seen + tokens,
            loss_tokens_seen=self.before.loss_tokens_seen + loss_tokens,
            seconds=round(self.before.seconds + time.monotonic() - self._since, 3),
        )

    def keep(
        self, folder: Path, trainer: Any, run_state: State, result: Mapping[str, Any] | None = None
    ) -> None:
        """Write lineage and card into a folder, and the curves into the run's; by the first process alone.

        Raises:
            StorageError: the disk does not take them.
        """
        progress = self.progress(trainer.state)
        if not trainer.is_world_process_zero():
            return
        history: list[dict[str, float]] = trainer.state.log_history
        found = dict(result or {}) | _last(history)
        self.lineage = self.lineage.advanced(progress, run_state, found)
        folder.mkdir(parents=True, exist_ok=True)
        write_lineage(folder, self.lineage)
        write_model_card(folder, self.lineage)
        if folder != self.folder.path:
            write_lineage(self.folder.path, self.lineage)
        write_file(
            self.folder.path / HISTORY,
            b"".join(orjson.dumps(one, option=orjson.OPT_SORT_KEYS) + b"\n" for one in history),
        )
        write_curves(self.folder.path, self.lineage.method, history, self._marks())

    def _marks(self) -> dict[int, str]:
        """What the curves show as vertical lines."""
        marks: dict[int, str] = {}
        for one in self.lineage.result.get("collapse") or ():
            step, what = one["step"], one["what"]
            marks[step] = f"{marks[step]}, {what}" if step in marks else what
        return marks


def _last(history: list[dict[str, float]]) -> dict[str, float]:
    """The last value of each loss."""
    found: dict[str, float] = {}
    for point in history:
        found |= {name: point[name] for name in ("loss", "eval_loss") if name in point}
    return found


def _summed(counts: tuple[int, int, int]) -> tuple[int, int, int]:
    """Counts over all processes of a distributed run."""
    import torch
    from torch import distributed

    if not (distributed.is_available() and distributed.is_initialized()):
        return counts
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "cpu"
    total = torch.tensor(counts, dtype=torch.int64, device=device)
    distributed.all_reduce(total)
    rows, tokens, loss_tokens = total.tolist()
    return rows, tokens, loss_tokens
