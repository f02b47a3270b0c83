"""Ctrl-C in two steps: a handler is told of every SIGINT and SIGTERM instead of the process being ended."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress


@contextmanager
def signals_to(handler: Callable[[], None]) -> Generator[None]:
    """Call the handler in the running event loop for each signal, until the block ends.

    Where a loop takes no handlers (Windows, a thread that is not the main one) signals keep their meaning.
    """
    loop = asyncio.get_running_loop()
    caught: list[signal.Signals] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, handler)
            caught.append(number)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)
