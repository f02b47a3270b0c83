"""Which servers a run started, one JSON line each, in `OUT/servers.jsonl`.

A server's version is kept here and in the manifest, not in the rows' `teacher_revision`: that enters the ids,
and a newer vLLM must not make a run that is half done impossible to finish.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from .schema import JsonObject
from .shards import storage

FILE_NAME = "servers.jsonl"
_OF_WORKERS = f"workers/worker-*/{FILE_NAME}"


@dataclass(frozen=True, slots=True)
class ServerStart:
    """A start that succeeded: what answered, as its own `/version` says, and the seconds it took. `group`
    is the process group of the server and its children."""

    server: str
    version: str | None
    model: str
    command: tuple[str, ...]
    seconds: float
    group: int


def record_start(folder: Path, start: ServerStart) -> None:
    """Append a start.

    Raises:
        StorageError: the disk refuses.
    """
    line = orjson.dumps(asdict(start) | {"at": datetime.now(UTC)}, option=orjson.OPT_APPEND_NEWLINE)
    with storage(folder), (folder / FILE_NAME).open("ab") as file:
        file.write(line)


def server_versions(folder: Path) -> str | None:
    """The servers that answered, such as "vllm 0.32.0", each once; None where trajset started none.

    Those that workers of a cluster started count too. A line that a crash or a full disk cut short does not:
    it must not stand between a finished run and its dataset.
    """
    files = [path for path in (folder / FILE_NAME, *sorted(folder.glob(_OF_WORKERS))) if path.is_file()]
    lines = (line for path in files for line in path.read_bytes().splitlines())
    starts = [start for line in lines if (start := _read(line)) is not None]
    if not starts:
        return None
    return ", ".join(dict.fromkeys(f"{start['server']} {start['version'] or '?'}" for start in starts))


def _read(line: bytes) -> JsonObject | None:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
