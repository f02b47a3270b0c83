"""The render audit of a split: what training would see, what it would not, and which rows are to blame."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..builder.errors import DataError, Problem
from ..builder.schema import JsonObject
from .render import NO_LIMITS, Limits, Refused, Rendered

_NAMED = 5
"""Rows named in an error; the report holds all."""
_LOST = ("answer", "call")
"""What no row may lose at `max_length` unless truncation is allowed."""


@dataclass(slots=True)
class RenderAudit:
    """Counts over the rows of a split, and the ids of the rows in which something is amiss.

    `kinds`: tokens of each segment kind. `refused`: rows that break the grammar or the template, by reason.
    `missing`: rows whose reasoning, text, call or answer is not in the loss, by kind. `cut`: rows of which
    a segment lies beyond `max_length`, by kind. `forged`: rows with a control token in a message, by kind.
    """

    limits: Limits = NO_LIMITS
    lengths: list[int] = field(default_factory=list[int])
    kinds: Counter[str] = field(default_factory=Counter[str])
    loss_tokens: int = 0
    kept_loss_tokens: int = 0
    refused: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict[str, list[str]](list))
    missing: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict[str, list[str]](list))
    cut: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict[str, list[str]](list))
    forged: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict[str, list[str]](list))
    over: list[str] = field(default_factory=list[str])
    shortened: list[str] = field(default_factory=list[str])
    unanswered: list[str] = field(default_factory=list[str])

    @property
    def rows(self) -> int:
        """Rows seen, the refused ones too."""
        return len(self.lengths) + sum(map(len, self.refused.values()))

    @property
    def tokens(self) -> int:
        """Tokens of all rendered rows, before truncation."""
        return sum(self.lengths)

    @property
    def tokens_cut(self) -> int:
        """Tokens beyond `max_length`."""
        most = self.limits.max_length
        return 0 if most is None else sum(max(0, length - most) for length in self.lengths)

    def add(self, one: Rendered | Refused) -> None:
        """Count a row."""
        if isinstance(one, Refused):
            self.refused[one.reason].append(one.row_id)
            return
        self.lengths.append(len(one.input_ids))
        self.loss_tokens += one.loss_tokens
        for segment in one.segments:
            self.kinds[segment.kind] += segment.stop - segment.start
        for kind in one.missing:
            self.missing[kind].append(one.row_id)
        for kind in one.forged:
            self.forged[kind].append(one.row_id)
        if one.shortened:
            self.shortened.append(one.row_id)
        if all(segment.kind != "answer" for segment in one.segments):
            self.unanswered.append(one.row_id)
        self._add_cut(one)

    def _add_cut(self, one: Rendered) -> None:
        most = self.limits.max_length
        if most is None or len(one.input_ids) <= most:
            self.kept_loss_tokens += one.loss_tokens
            return
        self.over.append(one.row_id)
        self.kept_loss_tokens += sum(
            max(0, min(segment.stop, most) - segment.start) for segment in one.segments if segment.learnt
        )
        for kind in one.cut_by(most):
            self.cut[kind].append(one.row_id)

    def check(self, *, allow_truncation: bool = False) -> None:
        """Refuse what would silently train on something else than the rows.

        Raises:
            DataError: there is no row; rows break the grammar; something the model wrote is missing; nothing
                would be learnt; an answer or a call lies beyond `max_length` and that is not allowed.
        """
        if not self.rows:
            raise DataError(str(Problem("rows", "must hold at least one row", 0, "Choose another split.")))
        for reason, ids in self.refused.items():
            fix = "Leave them out with a recipe; where the template refuses them, try --grammar tags."
            raise _named(f"must keep to the grammar and the template ({reason})", ids, fix)
        for kind, ids in self.missing.items():
            fix = "Use --grammar tags, or another chat template."
            raise _named(f"must have every {kind} in the loss after rendering", ids, fix)
        if not allow_truncation:
            self._check_cut()
        if not self.kept_loss_tokens:
            rule = "must leave a token to learn within max_length"
            fix = "Raise --max-length."
            raise DataError(str(Problem("rows", rule, self.limits.max_length, fix)))

    def _check_cut(self) -> None:
        ids = list(dict.fromkeys(row_id for kind in _LOST for row_id in self.cut.get(kind, ())))
        if ids:
            longest = max(self.lengths)
            fix = (
                f"Raise --max-length (the longest row has {longest:,} tokens), shorten observations with "
                "--observation-tokens, or give --allow-truncation."
            )
            rule = f"must not lose an answer or a call at max_length {self.limits.max_length:,}"
            raise _named(rule, ids, fix)

    def to_json(self) -> JsonObject:
        """All counts and ids, as lineage keeps them."""
        return {
            "rows": self.rows,
            "rendered": len(self.lengths),
            "tokens": self.tokens,
            "loss_tokens": self.loss_tokens,
            "kept_loss_tokens": self.kept_loss_tokens,
            "kinds": dict(self.kinds),
            "lengths": self.quantiles(),
            "max_length": self.limits.max_length,
            "observation_rule": self.limits.rule,
            "tokens_cut": self.tokens_cut,
            "over_max_length": self.over,
            "shortened": self.shortened,
            "unanswered": self.unanswered,
            "refused": dict(self.refused),
            "missing": dict(self.missing),
            "cut": dict(self.cut),
            "forged": dict(self.forged),
        }

    def quantiles(self) -> dict[str, int]:
        """Shortest, median, 95th percentile (nearest rank) and longest row in tokens; empty without rows."""
        if not self.lengths:
            return {}
        ordered = sorted(self.lengths)
        last = len(ordered) - 1
        places = {"min": 0, "median": last // 2, "p95": round(last * 0.95), "max": last}
        return {name: ordered[index] for name, index in places.items()}


def _named(rule: str, ids: Sequence[str], fix: str) -> DataError:
    shown = ", ".join(ids[:_NAMED]) + (f" and {len(ids) - _NAMED:,} more" if len(ids) > _NAMED else "")
    return DataError(f"rows: {rule}; broken by {len(ids):,} of them: {shown}. {fix}")
