"""The recorded queries of rows searched once more in an index: what would a search show today?

A call is the same where the same passages come back in the same order with the same texts (by their hashes).
What the changed passages do to a row is told by the two columns that depend on them: `evidence_recall` and
`answer_in_evidence`, as if the model had asked the same queries. A row whose searches were summarised has no
new summaries, so its `answer_in_evidence` is not told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from .prompts import observation_text
from .retrieval.evaluate import look_up
from .retrieval.retriever import Retriever
from .schema import Hit, JsonObject, Row, SearchCall
from .scoring import answer_in_evidence, evidence_recall, observations

Change = Literal["same", "order", "text", "passages", "unknown"]
"""`order`: the same passages in another order; `text`: the same ids with another text; `passages`: others;
`unknown`: the same ids, and the record is older than text hashes."""

_ROWS = 64
"""Rows whose queries are searched at once."""


@dataclass(frozen=True, slots=True)
class CallAgain:
    """A recorded search made again: passages then and now, and how many are in both."""

    row_id: str
    call: int
    query: str
    change: Change
    then: int
    now: int
    both: int


@dataclass(frozen=True, slots=True)
class RowAgain:
    """The searches of a row made again, and the columns that follow from them, then and now."""

    row_id: str
    calls: tuple[CallAgain, ...]
    evidence_recall: tuple[float | None, float | None]
    answer_in_evidence: tuple[bool | None, bool | None]


@dataclass(slots=True)
class AgainCounts:
    """Sums over rows. A mean is over the rows that have the value then and now."""

    calls: Counter[str] = field(default_factory=Counter[str])
    kept: float = 0.0
    recall: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    answer: list[tuple[bool, bool]] = field(default_factory=list[tuple[bool, bool]])

    def add(self, row: RowAgain) -> None:
        """Count a row."""
        for call in row.calls:
            self.calls[call.change] += 1
            self.kept += call.both / call.then if call.then else float(call.now == 0)
        recall_then, recall_now = row.evidence_recall
        if recall_then is not None and recall_now is not None:
            self.recall.append((recall_then, recall_now))
        answer_then, answer_now = row.answer_in_evidence
        if answer_then is not None and answer_now is not None:
            self.answer.append((answer_then, answer_now))

    def to_json(self) -> JsonObject:
        """Counts of calls by change, the mean share of passages that came back, and the two means."""
        total = sum(self.calls.values())
        return {
            "calls": total,
            "changes": dict(self.calls),
            "passages_kept": self.kept / total if total else None,
            "evidence_recall": _means(self.recall),
            "answer_in_evidence": _means(self.answer),
        }


def _means(pairs: Sequence[tuple[float, float]]) -> JsonObject:
    """Rows, means then and now, and how many rows moved."""
    if not pairs:
        return {"rows": 0, "then": None, "now": None, "changed": 0}
    then, now = (sum(side) / len(pairs) for side in zip(*pairs, strict=True))
    return {"rows": len(pairs), "then": then, "now": now, "changed": sum(a != b for a, b in pairs)}


def search_again(rows: Iterable[Row], retriever: Retriever, k: int) -> Iterator[RowAgain]:
    """Search the queries of rows again, `k` passages each; failed searches are left as they are.

    Raises:
        RetrieverError: the engine failed.
    """
    left = iter(rows)
    while group := list(islice(left, _ROWS)):
        asked = [(row, place) for row in group for place in _searchable(row)]
        queries = [row.search_use.searches[place]["query"] for row, place in asked]
        found = look_up(retriever, queries, k) if queries else []
        by_call = {(row.id, place): call for (row, place), call in zip(asked, found, strict=True)}
        for row in group:
            yield _again(row, {place: by_call[row.id, place] for place in _searchable(row)})


def _searchable(row: Row) -> list[int]:
    return [place for place, record in enumerate(row.search_use.searches) if record.get("error") is None]


def _again(row: Row, found: dict[int, SearchCall]) -> RowAgain:
    records = row.search_use.searches
    calls = tuple(_compared(row.id, place, records[place], call.hits) for place, call in found.items())
    now = [record | {"titles": _titles(found, place, record)} for place, record in enumerate(records)]
    question, use = row.question, row.search_use
    recall = evidence_recall(now, question.supporting_titles)
    shown = _shown(row, found)
    answer = None if shown is None else answer_in_evidence(shown, question.gold_answers)
    return RowAgain(row.id, calls, (use.evidence_recall, recall), (use.answer_in_evidence, answer))


def _titles(found: dict[int, SearchCall], place: int, record: JsonObject) -> list[str]:
    return [hit.passage.title for hit in found[place].hits] if place in found else record["titles"]


def _shown(row: Row, found: dict[int, SearchCall]) -> list[str] | None:
    """What the model would have read; None where a summariser would have had to write it."""
    if any(record.get("summary") is not None for record in row.search_use.searches):
        return None
    old = observations(row.conversation.messages)
    return [observation_text(found[place]) if place in found else text for place, text in enumerate(old)]


def _compared(row_id: str, place: int, record: JsonObject, hits: tuple[Hit, ...]) -> CallAgain:
    then, now = record["passage_ids"], [hit.passage.id for hit in hits]
    both = sum((Counter(then) & Counter(now)).values())
    change = _change(record, hits)
    return CallAgain(row_id, place, record["query"], change, len(then), len(now), both)


def _change(record: JsonObject, hits: tuple[Hit, ...]) -> Change:
    then, now = record["passage_ids"], [hit.passage.id for hit in hits]
    if sorted(then) != sorted(now):
        return "passages"
    if "text_hashes" not in record:
        return "unknown" if then == now else "order"
    hashes = dict(zip(then, record["text_hashes"], strict=True))
    if any(hashes[hit.passage.id] != hit.text_hash for hit in hits):
        return "text"
    return "same" if then == now else "order"
