"""Jobs over processes: a bounded number at a time, results as they come, no process left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for

from ..errors import ConfigError, Problem
from .work import Done, Job


def run_jobs(jobs: Iterable[Job], processes: int) -> Iterator[tuple[int, Done]]:
    """Number and result of each job, in the order in which they end. One process works right here.

    No more than `processes` + 1 jobs are taken from `jobs` ahead of those that are done.

    Raises:
        ConfigError: a process was killed from outside, as happens when memory runs out.
        DataError, StorageError: from a job; the other jobs under way are finished first.
    """
    if processes == 1:
        yield from ((job.number, job.run()) for job in jobs)
        return
    # A fork would copy locks that Arrow's threads may hold.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, initializer=_start_process)
    try:
        yield from _in_flight(pool, jobs, processes + 1)
    except BrokenProcessPool as error:
        fix = "Give a smaller number and run the command again; what is finished is kept."
        rule = "a process was killed, perhaps because memory ran out"
        raise ConfigError(str(Problem("--processes", rule, processes, fix))) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _in_flight(pool: ProcessPoolExecutor, jobs: Iterable[Job], most: int) -> Iterator[tuple[int, Done]]:
    under_way: dict[Future[Done], int] = {}
    for job in jobs:
        with _ctrl_c_waits():
            under_way[pool.submit(job.run)] = job.number
        while len(under_way) >= most:
            yield from _ended(under_way)
    while under_way:
        yield from _ended(under_way)


def _ended(under_way: dict[Future[Done], int]) -> Iterator[tuple[int, Done]]:
    for future in wait(under_way, return_when=FIRST_COMPLETED).done:
        yield under_way.pop(future), future.result()


@contextmanager
def _ctrl_c_waits() -> Generator[None]:
    """Hold Ctrl-C back for a moment. A process started meanwhile never hears of it, from its very first
    moment on: that is for the parent to act on."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_process() -> None:
    """When the parent is killed, the process ends too."""
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)
