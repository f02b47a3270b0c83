"""All tasks of a laboratory, by a few worker processes, each task as soon as what it needs is there."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from .places import End, Places
from .plan import Task, ready
from .work import QUICK, Hands, begin_worker, perform

Perform = Callable[[Task, Hands], bool]
Submit = Callable[[Task, Hands], Future[bool]]


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
    with _workers(workers) as pool:
        return _Scheduler(tasks, hands, partial(pool.submit, perform), watch).run(set(finished), workers)


class _Scheduler:
    """One go at the tasks."""

    def __init__(self, tasks: tuple[Task, ...], hands: Hands, submit: Submit, watch: Watch) -> None:
        self._tasks, self._hands, self._submit, self._watch = tasks, hands, submit, watch
        self._places = Places(hands.out)
        self._under_way: dict[Future[bool], Task] = {}

    def run(self, done: set[str], workers: int) -> bool:
        while len(done) < len(self._tasks):
            begun = frozenset(task.name for task in self._under_way.values())
            for task in ready(self._tasks, frozenset(done), begun)[: workers - len(begun)]:
                self._watch.begun(task)
                self._under_way[self._submit(task, self._hands)] = task
            if not self._wait(done):
                return False
        return True

    def _wait(self, done: set[str]) -> bool:
        """Until a task ends; False where it was stopped."""
        try:
            ended, _ = wait(self._under_way, return_when=FIRST_COMPLETED)
        except KeyboardInterrupt:
            _stop_workers()
            wait(self._under_way)
            return False
        for future in ended:
            task = self._under_way.pop(future)
            if not future.result():
                return False
            done.add(task.name)
            self._watch.done(task, self._places.end(task.name) or End(0.0))
        return True


def _stop_workers() -> None:
    """Let each task under way come to the end of its step."""
    for process in multiprocessing.active_children():
        if process.pid is not None:
            os.kill(process.pid, signal.SIGINT)


@contextmanager
def _workers(count: int) -> Generator[ProcessPoolExecutor]:
    """Worker processes, started with the environment in which small models are quick."""
    before = {name: os.environ.get(name) for name in QUICK}
    os.environ.update(QUICK)
    fresh = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, fresh, begin_worker, (os.getpid(),))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
