"""The published figures that an evaluation is held beside (`eval/published.toml`)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

MEASURES = ("f1", "searches", "latency", "noise", "failures")
"""F1 in points of 100; searches per question; seconds per question; points of F1 lost with 10 % of the
searches failing; wrong rows by cause."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What was published about a method: a number in the unit of its measure, or words."""

    measure: str
    method: str
    benchmark: str | None
    value: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark with figures; ours is the same where its name begins like one of `begins`."""

    key: str
    title: str
    begins: tuple[str, ...]

    def holds(self, name: str) -> bool:
        """Whether a benchmark of ours is this one, or a sample of it."""
        return name.lower().startswith(self.begins)


@dataclass(frozen=True, slots=True)
class Published:
    """The figures, where they are from, and what has to be said beside them."""

    source: str
    note: str
    benchmarks: tuple[Benchmark, ...]
    figures: tuple[Figure, ...]

    def measured(self, names: Iterable[str]) -> tuple[Benchmark, ...]:
        """The benchmarks with figures that are among ours."""
        ours = list(names)
        return tuple(one for one in self.benchmarks if any(map(one.holds, ours)))

    def of(self, measure: str, benchmark: str | None = None) -> tuple[Figure, ...]:
        """The figures of a measure, for F1 those of a benchmark."""
        return tuple(
            figure for figure in self.figures if figure.measure == measure and figure.benchmark == benchmark
        )


@cache
def published() -> Published:
    """The figures that ship with trajset."""
    package = (__package__ or "").rpartition(".")[0]
    table = tomllib.loads(files(package).joinpath("published.toml").read_text("utf-8"))
    benchmarks = tuple(
        Benchmark(key, entry["title"], tuple(entry["begins"])) for key, entry in table["benchmarks"].items()
    )
    figures = tuple(_figure(measure, entry) for measure in MEASURES for entry in table[measure])
    return Published(table["source"], table["note"].strip(), benchmarks, figures)


def _figure(measure: str, entry: dict[str, Any]) -> Figure:
    value = entry.get("value")
    text = entry["text"] if value is None else f"{value:g}"
    return Figure(measure, entry["method"], entry.get("benchmark"), value, text)
