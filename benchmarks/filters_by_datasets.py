"""The shipped recipes as Python lambdas for `datasets.Dataset.filter`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

NEEDED = {
    "f1_only": ["f1"],
    "llm_judge": ["llm_judge"],
    "llm_judge_reflect": ["llm_judge_reflect"],
    "f1_search": [
        "f1",
        "n_searches",
        "first_action",
        "n_memory_cues",
        "answer_in_evidence",
        "evidence_recall",
        "n_failed_searches",
        "hops",
    ],
}
RANKING = [
    "id",
    "dataset",
    "question_id",
    "sample_index",
    "f1",
    "n_searches",
    "prompt_tokens",
    "completion_tokens",
]


def enough_evidence(recall: float | None, searches: int, failed: int, hops: int | None) -> bool:
    if recall is not None:
        return recall >= 1.0
    return hops is None or searches - failed >= hops


LAMBDAS: dict[str, Callable[..., bool]] = {
    "f1_only": lambda f1: f1 is not None and f1 > 0.65,
    "llm_judge": lambda verdict: verdict is True,
    "llm_judge_reflect": lambda verdict: verdict is True,
    "f1_search": lambda f1, searches, first, cues, answered, recall, failed, hops: (
        f1 is not None
        and f1 > 0.65
        and searches >= 1
        and first == "search"
        and cues == 0
        and (answered is None or answered)
        and enough_evidence(recall, searches, failed, hops)
    ),
}


def tokens(row: dict[str, Any]) -> float:
    """Unknown ones come last."""
    known = row["prompt_tokens"] is not None and row["completion_tokens"] is not None
    return row["prompt_tokens"] + row["completion_tokens"] if known else float("inf")


ORDERS: dict[str, tuple[Callable[[dict[str, Any]], Any], int]] = {
    "best_of_n": (lambda row: (-row["f1"], row["n_searches"], tokens(row), row["id"]), 1),
    "cheapest_right": (lambda row: (tokens(row), row["n_searches"], -row["f1"], row["id"]), 1),
    "per_question": (lambda row: (-row["f1"], row["sample_index"], row["id"]), 4),
}


def first_of_each(
    rows: Iterable[dict[str, Any]], order: Callable[[dict[str, Any]], Any], most: int
) -> set[str]:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["dataset"], row["question_id"]), []).append(row)
    return {row["id"] for group in groups.values() for row in sorted(group, key=order)[:most]}


def within_budget(rows: Iterable[dict[str, Any]], budget: int) -> set[str]:
    known = [row for row in rows if tokens(row) != float("inf")]
    kept: set[str] = set()
    for row in sorted(known, key=lambda row: (-row["f1"], tokens(row), row["id"])):
        budget -= tokens(row)
        if budget < 0:
            break
        kept.add(row["id"])
    return kept


def by_datasets(folder: Path) -> dict[str, Any]:
    """Seconds for all recipes and overlaps, seconds to load, and the counts."""
    from datasets import disable_progress_bars, load_dataset

    disable_progress_bars()
    files = [str(path) for path in sorted(folder.glob("data/raw-*.parquet"))]
    with tempfile.TemporaryDirectory() as cache:
        start = time.perf_counter()
        rows = load_dataset("parquet", data_files=files, split="train", cache_dir=cache)
        loaded = time.perf_counter()
        counts = counted({name: set(kept["id"]) for name, kept in all_kept(rows).items()})
        return {"seconds": time.perf_counter() - loaded, "load_s": loaded - start, "counts": counts}


def all_kept(rows: Any) -> dict[str, Any]:
    kept = {name: rows.filter(LAMBDAS[name], input_columns=needed) for name, needed in NEEDED.items()}
    competing = kept["f1_search"].select_columns(RANKING).to_list()
    winners = {name: first_of_each(competing, *order) for name, order in ORDERS.items()}
    winners["token_budget"] = within_budget(competing, 10_000_000)
    for name, ids in winners.items():
        kept[name] = rows.filter(lambda row_id, ids=ids: row_id in ids, input_columns=["id"])
    return kept


def counted(kept: dict[str, set[str]]) -> dict[str, int]:
    pairs = combinations(sorted(kept), 2)
    counts = {name: len(kept[name]) for name in sorted(kept)}
    return counts | {f"{one} {other}": len(kept[one] & kept[other]) for one, other in pairs}
