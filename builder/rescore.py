"""Scores and search use of a whole dataset, derived anew from its conversations by this version's scorer.

Nothing is sampled and nothing is searched: what is derived follows from the messages, the answer, the gold
answers and the record of the searches. Doing it twice changes nothing more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import pyarrow as pa

from .records import hints
from .schema import ARROW_SCHEMA, Row, Scores, SearchUse
from .scoring import score_answer, search_use
from .sealed import canary_of, seal, unseal

DERIVED = tuple(name for kind in (Scores, SearchUse) for name in hints(kind) if name != "searches")
"""The columns that are derived; the record of the searches is what they are derived from."""

_ROWS = 1000
"""Rows held as Python objects at once."""


@dataclass(frozen=True, slots=True)
class Rescored:
    """The columns that changed (with `id`, every row), and in how many of the rows each did."""

    rows: int
    columns: pa.Table | None
    changed: dict[str, int]
    changed_rows: int


def rescore(rows: Iterable[Row], progress: Callable[[int], None]) -> Rescored:
    """Derive the columns of all rows anew and compare; `progress` is told of every row."""
    changed: Counter[str] = Counter()
    changed_rows = 0
    groups = [_columns([])]
    left = iter(rows)
    while group := list(islice(left, _ROWS)):
        derived = [_derived(row) for row in group]
        for row, now in zip(group, derived, strict=True):
            moved = [name for name, value in now.items() if value != _value(row, name)]
            changed.update(moved)
            changed_rows += bool(moved)
            progress(1)
        groups.append(_columns([{"id": row.id} | now for row, now in zip(group, derived, strict=True)]))
    columns = pa.concat_tables(groups)
    kept = columns.select(["id", *(name for name in DERIVED if name in changed)]) if changed else None
    return Rescored(columns.num_rows, kept, dict(changed), changed_rows)


def _derived(row: Row) -> dict[str, Any]:
    """The derived columns by name, from what they are derived from; those of a sealed row are sealed."""
    clear, canary = unseal(row), canary_of(row)
    scores = score_answer(clear.outcome, clear.question.gold_answers)
    use = search_use(clear.conversation, clear.search_use.searches, clear.question)
    derived = replace(clear, scores=scores, search_use=use)
    if canary is not None:
        derived = seal(derived, canary)
    return {name: _value(derived, name) for name in DERIVED}


def _value(row: Row, name: str) -> Any:
    return getattr(row.scores if name in hints(Scores) else row.search_use, name)


def _columns(records: list[dict[str, Any]]) -> pa.Table:
    """Records as a table: compact, so that a large dataset fits."""
    names = ("id", *DERIVED)
    arrays = {
        name: pa.array([record[name] for record in records], ARROW_SCHEMA.field(name).type) for name in names
    }
    return pa.table(arrays)
