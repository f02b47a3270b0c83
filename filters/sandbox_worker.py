"""The sandbox's child process: `python -m trajset.filters.sandbox_worker`, started by `sandbox`.

It checks the query (`sandbox_check`), registers the data, closes the connection (`locked`), gives up the
process's right to write files and to grow, and streams the rows out. Time is limited twice: an interrupt ends
a query that listens, SIGALRM the process of one that does not. Its environment holds no secrets.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import duckdb

from ..builder.errors import DataError, InputError
from .locked import lock
from .sandbox_check import check
from .sandbox_protocol import GRACE, Ending, Request, Status, TooLargeError

_DEEPEST = 5000
"""Levels of nesting that Python may follow into a query's tree."""
_LONGEST_MESSAGE = 4000
_ENGINE_SHARE = 0.8
"""Of the memory, what DuckDB may count as its own; the rest is for what it does not count."""
_ARENA = 64 << 20
"""Address space that glibc sets aside for each thread."""
_NO_MEMORY = ("out of memory", "bad_alloc", "bad allocation", "allocation failure", "malloc of size")


def main() -> None:
    """Answer the request on standard input, then end at once: no thread is waited for."""
    sys.excepthook = _end_with_bug
    request = Request.from_line(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.setrecursionlimit(_DEEPEST)
    for kind in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(kind, (0, 0))
    status = _answer(request, out)
    out.flush()
    sys.stderr.write(f"\n{status.to_line()}")
    sys.stderr.flush()
    os._exit(0)


def _end_with_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    traceback.print_exception(kind, error, trace)
    sys.stderr.flush()
    os._exit(1)


def _end_with_parent() -> None:
    sys.stdin.buffer.read(1)
    os._exit(1)


class _Clock:
    """Interrupts a connection from the moment its time is up; SIGALRM ends the process soon after."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, seconds: float) -> None:
        self.rang = False
        self._connection = connection
        self._seconds = seconds
        self._stopped = threading.Event()

    def start(self) -> None:
        self.alarm()
        threading.Thread(target=self._ring, daemon=True).start()

    def alarm(self) -> None:
        """Set, or set back, the hard end alone."""
        signal.setitimer(signal.ITIMER_REAL, self._seconds + GRACE)

    def stop(self) -> None:
        self._stopped.set()
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self) -> None:
        if not self._stopped.wait(self._seconds):
            self.rang = True
            while not self._stopped.wait(0.05):  # again: an interrupt between two batches is forgotten
                self._connection.interrupt()


def _answer(request: Request, out: BinaryIO) -> Status:
    connection = duckdb.connect()
    clock = _Clock(connection, request.limits.seconds)
    try:
        return _run(connection, request, out, clock)
    except DataError as error:
        return Status(Ending.DATA, str(error))
    except InputError as error:
        return Status(Ending.REFUSED, str(error))
    except TooLargeError:
        return Status(Ending.SIZE)
    except MemoryError:
        return Status(Ending.MEMORY)
    except (duckdb.Error, ValueError, OSError, RuntimeError) as error:
        # What DuckDB raises between two batches comes wrapped in an OSError or a ValueError by pyarrow.
        return _failure(clock, str(error))
    finally:
        clock.stop()


def _failure(clock: _Clock, message: str) -> Status:
    if clock.rang:
        return Status(Ending.TIME)
    if any(sign in message.lower() for sign in _NO_MEMORY):
        return Status(Ending.MEMORY)
    return Status(Ending.FAILED, message[:_LONGEST_MESSAGE])


def _run(connection: duckdb.DuckDBPyConnection, request: Request, out: BinaryIO, clock: _Clock) -> Status:
    clock.alarm()
    check(connection, request.sql, [relation.name for relation in request.relations])
    from .sandbox_rows import register, send  # pyarrow takes longer to load than a refusal to say

    register(connection, request.relations)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET memory_limit = '{int(request.limits.memory * _ENGINE_SHARE)}B'")
    lock(connection)
    _limit_growth(connection, request.limits.memory)
    clock.start()
    return Status(Ending.DONE, more=send(connection, request, out))


def _limit_growth(connection: duckdb.DuckDBPyConnection, memory: int) -> None:
    """Let the process grow by so many bytes. Only on Linux can this limit be relied on."""
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        (threads,) = connection.execute("SELECT current_setting('threads')").fetchall()[0]
        most = pages * resource.getpagesize() + memory + threads * _ARENA
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main()
