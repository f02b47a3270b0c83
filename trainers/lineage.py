"""`training.json`: what a checkpoint was made of. All of it may be published: no path, no address, no key.

method, state           which trainer; running, stopped or complete
dataset, model          repository, commit, split, recipe, fingerprints; of folders their own name
teacher, inputs         who is distilled; questions, recipe, search engine: what else goes in
target, audit           template and grammar; what the render audit counted
options                 the command's options, by which `trajset train --from-lineage` repeats it
progress                steps, epochs, rows, tokens, tokens with loss, seconds
result                  last losses; 16 hex digits over the SHA-256 of all weight files
versions, machine, git  libraries; device, threads; commit of the code around the run, and whether it was
                        changed
stages                  the lineages of earlier stages (Mixed, rounds of RFT)
"""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, cast

import orjson
from pydantic import TypeAdapter, ValidationError

from ..builder.errors import DataError, Problem
from ..builder.identity import content_hash, file_hash
from ..builder.schema import JsonObject
from ..builder.shards import write_file
from .options import WATCHING

LINEAGE = "training.json"
FORMAT = 1
State = Literal["running", "stopped", "complete"]
_LIBRARIES = (
    *("trajset", "torch", "transformers", "trl", "accelerate", "peft", "datasets", "tokenizers"),
    *("deepspeed", "vllm", "flash-attn"),
)
_WEIGHTS = (".safetensors", ".bin")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. Tokens and rows count every time that they were seen."""

    step: int = 0
    steps: int = 0
    epoch: float = 0.0
    rows_seen: int = 0
    tokens_seen: int = 0
    loss_tokens_seen: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a checkpoint was made of (see the module)."""

    method: str
    started_at: datetime
    dataset: JsonObject
    model: JsonObject
    options: JsonObject
    target: JsonObject = field(default_factory=dict)
    audit: JsonObject = field(default_factory=dict)
    teacher: JsonObject | None = None
    inputs: JsonObject = field(default_factory=dict)
    progress: Progress = Progress()
    result: JsonObject = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict[str, str])
    machine: JsonObject = field(default_factory=dict)
    git: JsonObject | None = None
    state: State = "running"
    stages: tuple[JsonObject, ...] = ()
    format: int = FORMAT

    @property
    def decides(self) -> JsonObject:
        """What decides the outcome, and a resumed run has to share: method, rows, models, rendering, options.

        A teacher behind a server may have no revision; then its name counts.
        """
        teacher = self.teacher or {}
        return {
            "method": self.method,
            "data": {key: self.dataset.get(key) for key in ("fingerprint", "split")},
            "model": {"revision": self.model.get("revision")},
            "teacher": teacher.get("revision") or teacher.get("name"),
            "inputs": self.inputs,
            "target": self.target,
            "options": _deciding(self.options),
        }

    def advanced(self, progress: Progress, state: State, result: Mapping[str, Any]) -> Lineage:
        """The lineage with how far the run is."""
        return replace(self, progress=progress, state=state, result={**self.result, **result})


def _deciding(options: JsonObject) -> JsonObject:
    """The options without those that only watch, in tables too."""
    return {
        key: _deciding(cast("JsonObject", value)) if isinstance(value, dict) else value
        for key, value in options.items()
        if key not in WATCHING
    }


_ADAPTER = TypeAdapter(Lineage)


def write_lineage(folder: Path, lineage: Lineage) -> None:
    """Write `training.json` into a folder.

    Raises:
        StorageError: the disk does not take it.
    """
    write_file(folder / LINEAGE, orjson.dumps(lineage, option=orjson.OPT_INDENT_2))


def read_lineage(path: Path) -> Lineage:
    """Read `training.json`, named itself or by its folder.

    Raises:
        DataError: there is none, it cannot be read, or a newer trajset wrote it.
    """
    file = path / LINEAGE if path.is_dir() else path
    if not file.is_file():
        fix = f"Name a {LINEAGE}, or the folder of a run or a checkpoint that holds one."
        raise DataError(str(Problem("lineage", "must be a file that exists", str(file), fix)))
    try:
        found = _ADAPTER.validate_json(file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        fix = "Restore the file from its repository."
        raise DataError(str(Problem(f"{file}: {place}", first["msg"], first["input"], fix))) from error
    if found.format != FORMAT:
        fix = f"Install trajset {found.versions.get('trajset', 'of its time')}."
        raise DataError(str(Problem(f"{file}: format", f"must be {FORMAT}", found.format, fix)))
    return found


def installed() -> dict[str, str]:
    """Versions of Python and of the libraries that have a say, of those that are installed."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_state(folder: Path) -> JsonObject | None:
    """Commit of the repository that a folder is in, and whether tracked files were changed; None without."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "changed": bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):  # no git, no repository, no answer
        return None
    return done.stdout.strip()


def weights_hash(folder: Path) -> str:
    """Sixteen hex digits over all weight files of a folder: equal where every bit is."""
    files = sorted(
        file for file in folder.iterdir() if file.suffix in _WEIGHTS and file.name != "training_args.bin"
    )
    return content_hash({file.name: file_hash(file) for file in files})
