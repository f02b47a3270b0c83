"""A task, done in a process of its own: `perform` is what a worker runs."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path

from rich.console import Console

from ...builder.errors import TooFewRowsError
from .places import End, Places
from .plan import Task
from .sizes import Sizes

_LOOKS_S = 0.2

QUICK = {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "passive",
    "GOMP_SPINCOUNT": "0",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
}
"""Environment of a worker. So small a model is as quick on one thread as on two; the last three keep glibc
from giving memory back between steps, which takes longer than the steps (docs/students.md)."""


@dataclass(frozen=True, slots=True)
class Hands:
    """What a worker needs beside its task; `card` and `quiet` are functions of the command line's stage."""

    out: Path
    sizes: Sizes
    card: Callable[[Path], object]
    quiet: Callable[[], None]


Perform = Callable[[Task, Hands], bool]


def perform(task: Task, hands: Hands) -> bool:
    """Do a task, and note that it is done; False where a signal stopped it.

    Raises: what the stage behind the task raises.
    """
    import torch

    torch.set_num_threads(1)
    hands.quiet()
    started = time.monotonic()
    places = Places(hands.out)
    reason = next((end.reason for name in task.needs if (end := places.end(name)) and end.reason), "")
    try:
        finished = bool(reason) or _performed(task, places, hands)
    except TooFewRowsError as error:  # a student whose rows are not good enough for RFT is a result
        finished, reason = True, str(error)
    except KeyboardInterrupt:
        return False
    if finished:
        places.finish(task, End(round(time.monotonic() - started, 1), reason))
    return finished


def _performed(task: Task, places: Places, hands: Hands) -> bool:
    from ...trainers.training_run import Audience
    from .exams import examine
    from .inputs import make_inputs, make_rows
    from .training import Workshop

    if task.kind == "inputs":
        make_inputs(places, hands.sizes, hands.card)
        return True
    if task.kind == "rows":
        make_rows(places, task.seed or 0, hands.card)
        return True
    if task.kind == "exam":
        return examine(places, hands.sizes, task, hands.card)
    with (places.out / "log.txt").open("a", encoding="utf-8") as log:
        audience = Audience(Console(file=log, width=110), lambda text: print(text, file=log, flush=True))
        return Workshop(places, hands.sizes, audience, hands.card).train(task)


def begin_worker(parent: int, stop: Event) -> None:
    """Called once in a new worker: Ctrl-C reaches it as `stop` alone, and without its parent it ends."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["HF_HUB_OFFLINE"] = "1"  # everything is made here
    threading.Thread(target=_follow, args=(parent, stop), daemon=True).start()


def in_worker(perform: Perform, task: Task, hands: Hands) -> bool:
    """Do a task; only then does a signal interrupt the worker."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return perform(task, hands)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _follow(parent: int, stop: Event) -> None:
    """Let the task under way come to the end of its step when it is time; end when the parent is gone."""
    while os.getppid() == parent and not stop.wait(_LOOKS_S):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    while os.getppid() == parent or signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        time.sleep(_LOOKS_S)
    os._exit(0)
