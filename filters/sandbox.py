"""Read-only SQL over a dataset, for people and for untrusted text.

The query runs in a process of its own (`sandbox_worker`) with a clean environment, a closed DuckDB
connection, and limits of memory and time; only what `sandbox_check` knows to be harmless gets that far. Its
result comes back as Arrow data and is complete before anything of it is seen.

    table = query(dataset, "SELECT teacher, avg(f1) FROM rows GROUP BY teacher")
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

import pyarrow as pa
from pydantic import ByteSize

from ..builder.dataset import LocalDataset
from ..builder.errors import DataError, InputError, Problem, TrajsetError
from ..builder.manifest import RAW, Shard
from ..builder.schema import JUDGEMENT_FEATURES, LABEL_FEATURES
from .sandbox_protocol import DEFAULT, GRACE, Ending, Limits, Relation, Request, Status

__all__ = ["Answer", "Limits", "answer", "query"]

ROWS, JUDGEMENTS, LABELS = "rows", "judgements", "labels"

_KEPT = ("PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What Python and its libraries may need to start; nothing else of the environment reaches the query."""
_START = 60.0
"""Seconds that the worker may take before its own clock runs."""
_LONGEST = 1_000_000
_IN_MEMORY = 64 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """A result, to be read once; `more` says that `Limits.rows` left rows out."""

    reader: pa.RecordBatchReader
    more: bool


def query(dataset: LocalDataset, sql: str, limits: Limits = DEFAULT, split: str | None = None) -> pa.Table:
    """The result of one read-only query over `rows`, `judgements`, `labels` and the splits by name.

    With a split, `rows` is that split and the others cannot be read. JSON columns have the type `arrow.json`.

    Raises:
        InputError: the query is refused, is no SQL, fails, or reaches a limit; nothing else has happened.
        DataError: no such split, or a file of the dataset is missing or broken.
    """
    with answer(dataset, sql, limits, split) as found:
        return found.reader.read_all()


@contextmanager
def answer(
    dataset: LocalDataset, sql: str, limits: Limits = DEFAULT, split: str | None = None
) -> Generator[Answer]:
    """`query` for results that are read in pieces; they wait in memory, or beyond 64 MiB on disk.

    Raises:
        InputError, DataError: see `query`.
    """
    _check_text(sql)
    _check_limits(limits)
    request = Request(sql, _relations(dataset, split), limits)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
        status = _ask(request, spool)
        _raise_unless_done(status, limits, sql)
        spool.seek(0)
        with pa.ipc.open_stream(spool) as reader:
            yield Answer(reader, status.more)


def _check_text(sql: str) -> None:
    try:
        size = len(sql.encode())
    except UnicodeEncodeError as error:
        rule = "must be text that UTF-8 can say"
        raise InputError(str(Problem("sql", rule, sql, "Leave the broken character out."))) from error
    if size > _LONGEST or "\0" in sql:
        rule = f"must have at most {_LONGEST:,} bytes, none of them zero"
        raise InputError(str(Problem("sql", rule, f"{size:,} bytes", "Shorten it.")))


_LEAST_MEMORY = 64_000_000
_MOST_SECONDS = 86_400


def _check_limits(limits: Limits) -> None:
    if limits.memory < _LEAST_MEMORY:
        raise InputError(str(Problem("memory", "must be at least 64 MB", limits.memory, "Allow more.")))
    if not 0 < limits.seconds <= _MOST_SECONDS:
        rule = f"must be more than 0 and at most {_MOST_SECONDS:,} seconds"
        raise InputError(str(Problem("timeout", rule, limits.seconds, "Choose a time in between.")))
    if limits.rows is not None and limits.rows < 0:
        raise InputError(str(Problem("limit", "must not be negative", limits.rows, "Leave it out for all.")))


def _relations(dataset: LocalDataset, split: str | None) -> tuple[Relation, ...]:
    """`rows`, `judgements`, `labels`; each split by its name, where that is not one of these."""
    splits = {ROWS: split or RAW} | ({} if split else {name: name for name in dataset.splits})
    sides = {JUDGEMENTS: dataset.manifest.judgements, LABELS: dataset.manifest.labels}
    features = {JUDGEMENTS: JUDGEMENT_FEATURES, LABELS: LABEL_FEATURES}
    found = {
        name: Relation(name, tuple(str(file.resolve()) for file in dataset.shards(source)))
        for name, source in splits.items()
    }
    for name, shards in sides.items():
        schema = base64.b64encode(features[name].arrow_schema.serialize()).decode()
        found[name] = Relation(name, _files(dataset, shards), schema)
    return tuple(found.values())


def _files(dataset: LocalDataset, shards: tuple[Shard, ...]) -> tuple[str, ...]:
    return tuple(str((dataset.path / shard.path).resolve()) for shard in shards)


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def _ask(request: Request, spool: IO[bytes]) -> Status:
    """Run the worker and copy what it writes; whatever happens here, it is gone afterwards."""
    command = [sys.executable, "-B", "-P", "-m", f"{__package__}.sandbox_worker"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, cwd="/", env=_environment(), start_new_session=True
    ) as worker:
        last_resort = threading.Timer(_START + request.limits.seconds + GRACE, worker.kill)
        try:
            last_resort.start()
            return _converse(worker, request, spool)
        finally:
            last_resort.cancel()
            worker.kill()


def _converse(worker: subprocess.Popen[bytes], request: Request, spool: IO[bytes]) -> Status:
    if worker.stdin is None or worker.stdout is None or worker.stderr is None:
        raise TrajsetError("sandbox: the worker has no pipes")
    with suppress(BrokenPipeError):  # it died before it read; its status says why
        worker.stdin.write(request.to_line())
        worker.stdin.flush()
    shutil.copyfileobj(worker.stdout, spool)
    said = worker.stderr.read().decode(errors="replace").strip()
    return _status(worker.wait(), said)


def _status(code: int, said: str) -> Status:
    last = said.splitlines()[-1] if said else ""
    if code == 0 and (status := Status.from_line(last)):
        return status
    if code == -signal.SIGALRM:
        return Status(Ending.TIME)
    if code < 0:
        return Status(Ending.CRASH, signal.Signals(-code).name)
    raise TrajsetError(f"sandbox: the worker ended with code {code} ({last}). Please report this query.")


def _raise_unless_done(status: Status, limits: Limits, sql: str) -> None:
    match status.ending:
        case Ending.DONE:
            return
        case Ending.REFUSED:
            raise InputError(status.message)
        case Ending.FAILED:
            raise InputError(f"sql: {_harmless(status.message)}")
        case Ending.DATA:
            raise DataError(status.message)
        case _:
            raise InputError(str(Problem("sql", *_limit_reached(status, limits, sql))))


def _limit_reached(status: Status, limits: Limits, sql: str) -> tuple[str, str, str]:
    """Rule, value and fix of the problem that a query is too much."""
    if status.ending is Ending.TIME:
        return f"must end within {limits.seconds:g} s", sql, "Ask for less, or allow more time (--timeout)."
    fix = "Ask for fewer rows or columns, or allow more memory (--memory)."
    if status.ending is Ending.CRASH:
        return f"must not break the engine ({status.message})", sql, f"{fix} Or write it differently."
    memory = ByteSize(limits.memory).human_readable(decimal=True, separator=" ")
    if status.ending is Ending.SIZE:
        return f"must have a result of at most {memory}", sql, fix
    return f"must do with {memory} of memory", sql, fix


def _harmless(message: str) -> str:
    """Without what moves a terminal's cursor: DuckDB quotes values of the data."""
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in message)
