"""The benchmarks: where their questions come from, what they are searched over, by what they are judged."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..builder.errors import ConfigError, Problem
from ..builder.question_sources import public_sets
from ..builder.source_hub import HUB_PREFIX
from ..builder.world.files import QUESTIONS
from ..builder.world.questions import DATASET as DEMO_WORLD

_NAME = re.compile(r"(?P<name>[\w.-]+?)(?P<rest>[@:=].*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark. `split` is the one that is asked, of `questions` questions, None where that is open.

    `metric` is the column that its authors' own measure comes nearest to; `corpus` and `evidence` say in
    words what is searched and which passages `gold_evidence` hands over. `repo` and `licence` are those of
    `builder/question_sets/public.toml`.
    """

    name: str
    title: str
    split: str
    metric: str
    corpus: str
    evidence: str
    homepage: str
    paper: str | None = None
    questions: int | None = None
    repo: str | None = None
    licence: str | None = None
    canary: bool = False

    @property
    def source(self) -> str:
        """The questions, as `load_typed_questions` takes them."""
        return f"{self.name}:{self.split}" if self.split else self.name


@cache
def benchmarks() -> dict[str, Benchmark]:
    """All benchmarks by name."""
    text = files(__package__ or "").joinpath("benchmarks.toml").read_text("utf-8")
    return {name: _benchmark(name, values) for name, values in tomllib.loads(text).items()}


def _benchmark(name: str, values: dict[str, Any]) -> Benchmark:
    known = public_sets().get(name)
    if known is None:
        return Benchmark(name=name, licence="made by trajset", **values)
    has_canary = known.cipher is not None
    return Benchmark(name=name, repo=known.repo, licence=known.licence, canary=has_canary, **values)


def name_of(text: str) -> str:
    """The name of what `--benchmark` says: of a benchmark, or of a file or repository its last part."""
    if text.startswith(HUB_PREFIX):
        return re.split("[@:]", text.removeprefix(HUB_PREFIX))[0].rsplit("/", 1)[-1]
    if Path(text).exists():
        return Path(text).name.split(".")[0]
    match = _NAME.fullmatch(text)
    return match["name"] if match else text


def questions_of(text: str, world: Path | None) -> str:
    """What `--benchmark` says as a source of questions: a benchmark without a split is asked its own.

    Raises:
        ConfigError: the demo world without its folder.
    """
    known = benchmarks().get(text)
    if known is None or Path(text).exists():
        return text
    if text != DEMO_WORLD:
        return known.source
    if world is None:
        fix = f"Name the folder that `trajset world` wrote, or write {DEMO_WORLD}=FILE."
        raise ConfigError(str(Problem("world", f"must be given for --benchmark {DEMO_WORLD}", None, fix)))
    return f"{DEMO_WORLD}={world / QUESTIONS}"
