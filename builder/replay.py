"""Replay: THE rollout loop run again from a row's own record, and what came out otherwise.

A row replays when the loop of this version, given the same model turns and the same search results, makes the
same conversation, ends for the same reason with the same answer, and derives the same record of searches and
the same scores. Ends that a server or a clock decided cannot be made again: the conversation up to there is,
and the outcome is taken from the row.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from .recorded import recorded_agent
from .rollout import rollout
from .schema import JsonObject, Message, Row, StopReason, Trajectory
from .scoring import score
from .sealed import unseal
from .storable import storable

_INDEX = re.compile(r"\[\d+\]")
_ENDED_OUTSIDE = (StopReason.INFRASTRUCTURE, StopReason.TIME_LIMIT)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of one row: why it was skipped, or in which columns it differs. `outcome_taken`: how it ended
    is taken from the row, not made again."""

    row_id: str
    skipped: str | None = None
    differences: tuple[str, ...] = ()
    outcome_taken: bool = False


@dataclass(slots=True)
class ReplayCounts:
    """What came of all rows; `different` keeps the rows that differ."""

    rows: int = 0
    replayed: int = 0
    outcome_taken: int = 0
    skipped: Counter[str] = field(default_factory=Counter[str])
    different: list[Replayed] = field(default_factory=list[Replayed])

    def add(self, one: Replayed) -> None:
        """Count a row."""
        self.rows += 1
        if one.skipped is not None:
            self.skipped[one.skipped] += 1
            return
        self.replayed += 1
        self.outcome_taken += one.outcome_taken
        if one.differences:
            self.different.append(one)

    def to_json(self) -> JsonObject:
        """The counts, and how many rows differ in which column."""
        columns = Counter(_INDEX.sub("", name) for row in self.different for name in row.differences)
        return {
            "rows": self.rows,
            "replayed": self.replayed,
            "outcome_taken": self.outcome_taken,
            "skipped": dict(self.skipped),
            "different": len(self.different),
            "columns": dict(columns),
        }


def why_not(row: Row) -> str | None:
    """Why a row cannot be replayed; None where it can."""
    if row.provenance.prompt_id is None or row.provenance.prompt_id.startswith("import:"):
        return "imported: another program's loop made it"
    if [message.role for message in row.conversation.messages[:2]] != ["system", "user"]:
        return "does not begin with a system prompt and a question"
    return None


def replay_rows(rows: Iterable[Row]) -> Iterator[Replayed]:
    """Replay one row after the other."""
    with asyncio.Runner() as runner:
        for row in rows:
            reason = why_not(row)
            yield Replayed(row.id, reason) if reason else runner.run(replay_row(row))


async def replay_row(row: Row) -> Replayed:
    """Run the rollout of a row again from its record and compare; a sealed one is opened in memory."""
    row = unseal(row)
    agent = recorded_agent(row)
    trajectory = storable(await rollout(row.question, agent, row.provenance.seed or 0))
    taken = row.outcome.stop_reason in _ENDED_OUTSIDE
    if taken:
        trajectory = replace(trajectory, outcome=row.outcome)
    differences = (
        *_in_messages(row.conversation.messages, trajectory.conversation.messages),
        *_in_fields(row.outcome, trajectory.outcome),
        *_in_searches(row.search_use.searches, [call.to_json() for call in trajectory.searches]),
        *_in_scores(row, trajectory),
        *([] if agent.prompt.id == row.provenance.prompt_id else ["prompt_id"]),
    )
    return Replayed(row.id, None, tuple(dict.fromkeys(differences)), taken)


def _in_messages(old: Sequence[Message], new: Sequence[Message]) -> list[str]:
    """The first message that is another, by its place."""
    if old == tuple(new):
        return []
    pairs = enumerate(zip(old, new, strict=False))
    place = next((place for place, (one, other) in pairs if one != other), min(len(old), len(new)))
    return [f"messages[{place}]"]


def _in_fields(old: Any, new: Any) -> list[str]:
    """The fields of a dataclass that differ, searches apart."""
    return [
        name
        for name in (field.name for field in fields(old))
        if name != "searches" and getattr(old, name) != getattr(new, name)
    ]


def _in_searches(old: Sequence[JsonObject], new: Sequence[JsonObject]) -> list[str]:
    """Keys that an older version did not record say nothing."""
    if len(old) != len(new):
        return ["searches"]
    return [
        f"searches[{place}].{key}"
        for place, (one, other) in enumerate(zip(old, storable(new), strict=True))
        for key in one
        if one[key] != other.get(key)
    ]


def _in_scores(row: Row, trajectory: Trajectory) -> list[str]:
    scores, use = score(trajectory)
    return [*_in_fields(row.scores, scores), *_in_fields(row.search_use, use)]
