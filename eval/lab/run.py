"""All tasks of a laboratory, by a few worker processes, each task as soon as what it needs is there."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event as Told
from threading import Event
from types import FrameType

from .places import End, Places
from .plan import Task, ready
from .work import QUICK, Hands, Perform, begin_worker, in_worker, perform

_LOOKS_S = 0.2
_FRESH = multiprocessing.get_context("spawn")

Submit = Callable[[Task], Future[bool]]


@dataclass(frozen=True, slots=True)
class Watch:
    """Who looks on: `begun` hears of every task that begins, `done` of each that ends, and how."""

    begun: Callable[[Task], object]
    done: Callable[[Task, End], object]


def run_tasks(
    tasks: tuple[Task, ...], hands: Hands, workers: int, watch: Watch, perform: Perform = perform
) -> bool:
    """Do what is not done yet; False where a signal stopped it. Workers import `perform` by its name.

    After SIGINT the tasks under way come to the end of their step, and the next call goes on from there.

    Raises: what a task raises; the others under way end first.
    """
    places = Places(hands.out)
    finished = frozenset(task.name for task in tasks if places.end(task.name) is not None)
    if len(finished) == len(tasks):
        return True
    told = _FRESH.Event()
    with _signals() as heard, _workers(workers, told) as pool:

        def submit(task: Task) -> Future[bool]:
            return pool.submit(in_worker, perform, task, hands)

        return _Scheduler(tasks, places, submit, watch).run(set(finished), workers, _Stop(heard, told))


@dataclass(frozen=True, slots=True)
class _Stop:
    """Whether a signal was heard here; what tells the workers."""

    heard: Event
    told: Told


class _Scheduler:
    """One go at the tasks."""

    def __init__(self, tasks: tuple[Task, ...], places: Places, submit: Submit, watch: Watch) -> None:
        self._tasks, self._places, self._submit, self._watch = tasks, places, submit, watch
        self._under_way: dict[Future[bool], Task] = {}

    def run(self, done: set[str], workers: int, stop: _Stop) -> bool:
        while len(done) < len(self._tasks):
            begun = frozenset(task.name for task in self._under_way.values())
            for task in ready(self._tasks, frozenset(done), begun)[: workers - len(begun)]:
                self._watch.begun(task)
                self._under_way[self._submit(task)] = task
            if stop.heard.is_set():
                stop.told.set()
                wait(self._under_way)
                return False
            if not self._wait(done):
                return False
        return True

    def _wait(self, done: set[str]) -> bool:
        """Until a task ends, or for a moment; False where one was stopped."""
        ended, _ = wait(self._under_way, _LOOKS_S, FIRST_COMPLETED)
        for future in ended:
            task = self._under_way.pop(future)
            if not future.result():
                return False
            done.add(task.name)
            self._watch.done(task, self._places.end(task.name) or End(0.0))
        return True


@contextmanager
def _signals() -> Generator[Event]:
    """Set by the first SIGINT, wherever it comes; a second one interrupts."""
    stop = Event()

    def heard(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, heard)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _workers(count: int, told: Told) -> Generator[ProcessPoolExecutor]:
    """Worker processes, started with the environment in which small models are quick."""
    before = {name: os.environ.get(name) for name in QUICK}
    os.environ.update(QUICK)
    pool = ProcessPoolExecutor(count, _FRESH, begin_worker, (os.getpid(), told))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
