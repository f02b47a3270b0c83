"""What a run has made so far, counted row by row: the numbers of `trajset status` and of a tracker.

The same counting serves a run that goes on (each row as it is committed, after those of earlier sessions) and
a journal at rest (all rows in the order in which they were committed), so both tell the same.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime

from .schema import Row, StopReason

WINDOW_S = 300.0
"""The last minutes, for the rate that tells when a run ends."""
PAUSE_S = 600.0
"""A longer time without any row is a pause between two sessions; it does not count to the overall rate."""
_MOST_KINDS = 20
_OTHER = "other"


@dataclass(frozen=True, slots=True)
class Fact:
    """What is counted of a row; `at` is when it was committed, in Unix seconds."""

    id: str
    reason: StopReason
    at: float
    f1: float | None
    searches: int
    prompt_tokens: int | None
    completion_tokens: int | None
    error: str | None

    @property
    def broken(self) -> bool:
        """Whether infrastructure broke it: a failure that can be tried again."""
        return self.reason is StopReason.INFRASTRUCTURE


def fact_of(row: Row) -> Fact:
    """What is counted of a row."""
    return Fact(
        row.id,
        row.outcome.stop_reason,
        row.provenance.created_at.timestamp(),
        row.scores.f1,
        row.search_use.n_searches,
        row.cost.prompt_tokens,
        row.cost.completion_tokens,
        row.outcome.error,
    )


FACTS_SQL = """
    SELECT id, stop_reason, json_extract(record, '$.created_at'), json_extract(record, '$.f1'),
        json_extract(record, '$.n_searches'), json_extract(record, '$.prompt_tokens'),
        json_extract(record, '$.completion_tokens'), json_extract(record, '$.error')
    FROM rollouts ORDER BY 3
"""
"""The facts of a journal's rows in the order in which they were committed, for `fact_from_sql`."""

SqlFact = tuple[str, str, str, float | None, int, int | None, int | None, str | None]


def fact_from_sql(values: SqlFact) -> Fact:
    """A fact from a row of `FACTS_SQL`."""
    name, reason, at, f1, searches, prompt_tokens, completion_tokens, error = values
    when = datetime.fromisoformat(at).timestamp()
    return Fact(name, StopReason(reason), when, f1, searches, prompt_tokens, completion_tokens, error)


@dataclass(slots=True)
class ErrorKind:
    """Errors that differ in numbers only: how many rows they broke, the last one's text and time."""

    count: int
    last: str
    at: float


@dataclass(slots=True)
class Totals:
    """Sums over facts that come in the order of their time. Searches and F1 are of rows that are not
    broken."""

    reasons: Counter[StopReason] = field(default_factory=Counter[StopReason])
    f1: float = 0.0
    scored: int = 0
    searches: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    active_s: float = 0.0
    commits: int = 0
    last_at: float | None = None
    recent: deque[float] = field(default_factory=deque[float])
    errors: dict[str, ErrorKind] = field(default_factory=dict[str, ErrorKind])
    _broken: dict[str, tuple[Fact, str]] = field(default_factory=dict[str, tuple[Fact, str]])

    @property
    def finished(self) -> int:
        """Rows, broken ones included."""
        return self.reasons.total()

    @property
    def failed(self) -> int:
        """Rows that infrastructure broke."""
        return self.reasons[StopReason.INFRASTRUCTURE]

    @property
    def rate(self) -> float | None:
        """Rows a second over all sessions, without the pauses between them; None before two rows."""
        return (self.commits - 1) / self.active_s if self.active_s > 0 else None

    def recent_rate(self, now: float, since: float) -> float | None:
        """Rows a second over the last minutes of a session that began at `since`; None before its
        first row."""
        begin = max(now - WINDOW_S, since)
        while self.recent and self.recent[0] < begin:
            self.recent.popleft()
        if self.last_at is None or self.last_at < since:
            return None
        return len(self.recent) / max(now - begin, 1.0)

    def add(self, fact: Fact) -> None:
        """Count a row; the broken one that it takes the place of counts no longer."""
        if fact.id in self._broken:
            self._forget(*self._broken.pop(fact.id))
        self.reasons[fact.reason] += 1
        self.prompt_tokens += fact.prompt_tokens or 0
        self.completion_tokens += fact.completion_tokens or 0
        self._clock(fact.at)
        if fact.broken:
            self._broken[fact.id] = (fact, self._kind(fact))
            return
        self.searches += fact.searches
        if fact.f1 is not None:
            self.f1 += fact.f1
            self.scored += 1

    def _kind(self, fact: Fact) -> str:
        """The name that its error is counted under."""
        name = kind_of(fact.error or "")
        if name not in self.errors and len(self.errors) >= _MOST_KINDS:
            name = _OTHER
        kind = self.errors.setdefault(name, ErrorKind(0, "", 0.0))
        kind.count, kind.last, kind.at = kind.count + 1, fact.error or "", fact.at
        return name

    def _forget(self, fact: Fact, kind: str) -> None:
        """Take a broken row out again; it has no score, and its searches were not counted."""
        self.reasons[fact.reason] -= 1
        self.prompt_tokens -= fact.prompt_tokens or 0
        self.completion_tokens -= fact.completion_tokens or 0
        self.errors[kind].count -= 1
        if not self.errors[kind].count:
            del self.errors[kind]

    def _clock(self, at: float) -> None:
        gap = 0.0 if self.last_at is None else max(at - self.last_at, 0.0)
        if gap <= PAUSE_S:
            self.active_s += gap
        self.commits += 1
        self.last_at = at
        self.recent.append(at)
        while self.recent[0] < at - WINDOW_S:
            self.recent.popleft()


def kind_of(error: str) -> str:
    """An error without what differs from case to case: its fix, numbers, long words."""
    text = re.sub(r"\d+", "#", error.partition("; got ")[0])
    return text if len(text) <= 120 else f"{text[:117]}..."
