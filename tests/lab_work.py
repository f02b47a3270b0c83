"""Tasks of a laboratory that only leave a trace: workers import these by name."""

import os
import signal
import time

from trajset.builder.errors import DataError
from trajset.eval.lab.places import End, Places
from trajset.eval.lab.plan import Task
from trajset.eval.lab.work import Hands


def nothing(*_: object) -> None:
    """No card, no noise."""


def trace(task: Task, hands: Hands) -> bool:
    """Note begin and end, with the process and its threads' setting."""
    with (hands.out / "trace.txt").open("a", encoding="utf-8") as file:
        print(task.name, os.environ["OMP_NUM_THREADS"], file=file)
    Places(hands.out).finish(task, End(0.1))
    return True


def break_at_base(task: Task, hands: Hands) -> bool:
    """One task breaks."""
    if task.name == "base":
        raise DataError("the base broke")
    return trace(task, hands)


def stop_parent_at_base(task: Task, hands: Hands) -> bool:
    """At one task the user stops the run; it ends when it hears of it."""
    if task.name != "base":
        return trace(task, hands)
    os.kill(os.getppid(), signal.SIGINT)
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        return False
    raise AssertionError("nobody told the worker to stop")
