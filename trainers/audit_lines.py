"""A render audit in words, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from .audit import RenderAudit
from .target import Target

_NAMED = 5
"""Rows named in a line; the JSON report holds all."""

_TEMPLATES = {"own": "the model's own chat template", "trl training": "trl's training template"}
_FORMS = {
    "native": "reasoning where the template puts it",
    "text": "reasoning as <think> in the text",
    "dropped": "reasoning left out",
}


def audit_lines(audit: RenderAudit, target: Target) -> Iterator[str]:
    """The audit line by line: how rows are rendered, tokens with and without loss, lengths, what is lost."""
    family = target.family.name if target.family else "none known"
    template = f"{_TEMPLATES[target.template]} ({target.template_hash})"
    yield f"family {family}, grammar {target.grammar}, {_FORMS[target.reasoning]}, {template}"
    yield f"{audit.rows:,} rows: {len(audit.lengths):,} rendered, {audit.rows - len(audit.lengths):,} refused"
    if audit.tokens:
        share = audit.loss_tokens / audit.tokens
        yield f"{audit.tokens:,} tokens, {audit.loss_tokens:,} with loss ({share:.1%})"
        yield "  " + ", ".join(f"{kind} {count:,}" for kind, count in sorted(audit.kinds.items()))
        told = audit.quantiles()
        yield "tokens a row: " + ", ".join(f"{name} {length:,}" for name, length in told.items())
    yield from _cut_lines(audit)
    for reason, ids in audit.refused.items():
        yield f"refused, {reason}: {_ids(ids)}"
    for kind, ids in audit.missing.items():
        yield f"{kind} not in the loss: {_ids(ids)}"
    for kind, ids in audit.forged.items():
        yield f"control tokens in {kind} text: {_ids(ids)}"
    if audit.unanswered:
        yield f"no answer: {_ids(audit.unanswered)}"


def _cut_lines(audit: RenderAudit) -> Iterator[str]:
    if audit.limits.max_length is None:
        return
    if audit.limits.rule:
        yield f"{audit.limits.rule}: {len(audit.shortened):,} rows shortened"
    lost = audit.loss_tokens - audit.kept_loss_tokens
    yield (
        f"{len(audit.over):,} rows longer than {audit.limits.max_length:,} tokens, "
        f"{audit.tokens_cut:,} tokens cut off, {lost:,} of them with loss"
    )
    for kind in ("answer", "call", "reasoning"):
        if ids := audit.cut.get(kind):
            yield f"  {kind} cut off: {_ids(ids)}"


def _ids(ids: list[str]) -> str:
    more = f" and {len(ids) - _NAMED:,} more" if len(ids) > _NAMED else ""
    return f"{len(ids):,} rows: {', '.join(ids[:_NAMED])}{more}"
