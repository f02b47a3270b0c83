"""Callbacks of a run: how far it is, on stderr; and Ctrl-C, which keeps a checkpoint first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from transformers import TrainerCallback

_SHOWN = ("loss", "eval_loss", "reward", "rollouts/f1", "rollouts/searches")


class ShownProgress(TrainerCallback):
    """On a terminal a bar with the last numbers, elsewhere a line at every log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[numbers]}"),
        )
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("training", total=None, numbers="")

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Show the bar."""
        if state.is_world_process_zero:
            self._bar.start()
            self._bar.update(self._task, total=state.max_steps, completed=state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        """Move it; the last step's numbers are told whatever the interval is."""
        self._bar.update(self._task, completed=state.global_step)
        control.should_log = control.should_log or state.global_step >= state.max_steps
        return control

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Tell the last numbers."""
        if not state.is_world_process_zero or not state.log_history:
            return
        numbers = numbers_of(state.log_history[-1])
        self._bar.update(self._task, numbers=numbers)
        if not self._console.is_terminal and numbers:
            self._console.print(
                f"step {state.global_step:,} of {state.max_steps:,}: {numbers}", markup=False, soft_wrap=True
            )

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take it away."""
        self._bar.stop()

    def close(self) -> None:
        """Take it away, however training ended."""
        self._bar.stop()


def numbers_of(point: dict[str, float]) -> str:
    """The numbers of a log that people look at."""
    return ", ".join(f"{name} {point[name]:.4g}" for name in _SHOWN if point.get(name) is not None)


class StopOnSignal(TrainerCallback):
    """The first Ctrl-C or SIGTERM ends training after the step under way, with a checkpoint; the second at
    once."""

    def __init__(self) -> None:
        self.asked = False

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        """Save and stop where it was asked for, by any process."""
        if _anywhere(self.asked):
            self.asked = True
            control.should_save = state.global_step < state.max_steps
            control.should_training_stop = True
        return control

    @contextmanager
    def listening(self) -> Generator[None]:
        """Take the signals as long as the block goes on; outside the main thread they keep their meaning."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.getsignal(number) for number in numbers}
        for number in numbers:
            signal.signal(number, self._ask)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _ask(self, number: int, frame: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def _anywhere(asked: bool) -> bool:
    import torch
    from torch import distributed

    if not (distributed.is_available() and distributed.is_initialized()):
        return asked
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "cpu"
    flag = torch.tensor([int(asked)], device=device)
    distributed.all_reduce(flag)
    return bool(flag.item())
