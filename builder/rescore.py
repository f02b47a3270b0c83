"""Scores and search use of a whole dataset, derived anew from its conversations by this version's scorer.

Nothing is sampled and nothing is searched: what is derived follows from the messages, the answer, the gold
answers and the record of the searches. Doing it twice changes nothing more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from .records import hints
from .schema import ARROW_SCHEMA, Row, Scores, SearchUse
from .scoring import score_answer, search_use

DERIVED = tuple(name for kind in (Scores, SearchUse) for name in hints(kind) if name != "searches")
"""The columns that are derived; the record of the searches is what they are derived from."""


@dataclass(frozen=True, slots=True)
class Rescored:
    """The columns that changed (with `id`, every row), and in how many of the rows each did."""

    rows: int
    columns: pa.Table | None
    changed: dict[str, int]
    changed_rows: int


def rescore(rows: Iterable[Row], progress: Callable[[int], None]) -> Rescored:
    """Derive the columns of all rows anew and compare; `progress` is told of every row."""
    ids: list[str] = []
    new: dict[str, list[Any]] = {name: [] for name in DERIVED}
    changed: Counter[str] = Counter()
    changed_rows = 0
    for row in rows:
        ids.append(row.id)
        moved = [name for name, old, now in _derived(row, new) if old != now]
        changed.update(moved)
        changed_rows += bool(moved)
        progress(1)
    return Rescored(len(ids), _table(ids, new, changed), dict(changed), changed_rows)


def _derived(row: Row, new: dict[str, list[Any]]) -> list[tuple[str, Any, Any]]:
    """Name, old and new value of every derived column; the new ones are put to the others."""
    scores = score_answer(row.outcome, row.question.gold_answers)
    use = search_use(row.conversation, row.search_use.searches, row.question)
    found: list[tuple[str, Any, Any]] = []
    for old, now in ((row.scores, scores), (row.search_use, use)):
        for name in hints(type(old)):
            if name != "searches":
                found.append((name, getattr(old, name), getattr(now, name)))
                new[name].append(getattr(now, name))
    return found


def _table(ids: list[str], new: dict[str, list[Any]], changed: Counter[str]) -> pa.Table | None:
    if not changed:
        return None
    arrays = {name: pa.array(new[name], ARROW_SCHEMA.field(name).type) for name in DERIVED if name in changed}
    return pa.table({"id": pa.array(ids, pa.string())} | arrays)
