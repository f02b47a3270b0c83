"""The laboratory's tasks: what is made from what, once or for each seed.

inputs ──> base; base, rows of seed 0 ──> teacher            shared by all seeds
   └─> rows; base, rows ──> unfiltered, standard, asp, grpo  for each seed
base, rows, teacher ──> opd, mixed;  asp ──> rft
each model ──> exam
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["inputs", "base", "teacher", "rows", "sft", "opd", "mixed", "rft", "grpo", "exam"]

SPLITS = {"unfiltered": "raw", "standard": "f1_only", "asp": "f1_search"}
"""The students of SFT, and the split that each learns from."""
METHODS = (*SPLITS, "opd", "mixed", "rft", "grpo")
"""The students of a seed."""
BASE = "base"
STUDENTS = (BASE, *METHODS)
"""All that are examined; the base by every seed."""


@dataclass(frozen=True, slots=True)
class Task:
    """Something to make. `model` is the student that it makes or examines; `seed` None for what all share."""

    name: str
    kind: Kind
    needs: tuple[str, ...] = ()
    model: str = ""
    seed: int | None = None


def plan(seeds: int) -> tuple[Task, ...]:
    """All tasks, each after those that it needs. What others wait for comes first."""
    shared = (
        Task("inputs", "inputs"),
        Task(BASE, "base", ("inputs",), BASE),
        Task("teacher", "teacher", (BASE, "rows-0"), "teacher"),
    )
    tasks = (*shared, *(task for seed in range(seeds) for task in _of_seed(seed)))
    return tuple(sorted(tasks, key=lambda task: _URGENT.index(task.kind)))


_URGENT: tuple[Kind, ...] = (
    *("inputs", "rows", "base", "teacher"),
    *("sft", "mixed", "rft", "opd", "grpo", "exam"),
)


def _of_seed(seed: int) -> Iterator[Task]:
    rows = f"rows-{seed}"
    yield Task(rows, "rows", ("inputs",), seed=seed)
    for model in SPLITS:
        yield Task(f"{model}-{seed}", "sft", (BASE, rows), model, seed)
    yield Task(f"opd-{seed}", "opd", (BASE, rows, "teacher"), "opd", seed)
    yield Task(f"mixed-{seed}", "mixed", (BASE, rows, "teacher"), "mixed", seed)
    yield Task(f"rft-{seed}", "rft", (f"asp-{seed}",), "rft", seed)
    yield Task(f"grpo-{seed}", "grpo", (BASE, rows), "grpo", seed)
    for model in STUDENTS:
        made = BASE if model == BASE else f"{model}-{seed}"
        yield Task(f"exam-{model}-{seed}", "exam", (made,), model, seed)


def ready(tasks: tuple[Task, ...], done: frozenset[str], begun: frozenset[str]) -> list[Task]:
    """The tasks that can begin, in order."""
    return [task for task in tasks if task.name not in begun | done and done.issuperset(task.needs)]
