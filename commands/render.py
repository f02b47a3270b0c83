"""Render: rows as a model's training sees them, and the audit of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson
from rich.console import Console
from rich.text import Text

from ..builder.errors import ConfigError, DataError, Problem
from ..builder.manifest import RAW
from ..builder.refs import DatasetRef, open_ref
from ..builder.schema import Row
from ..trainers.audit import RenderAudit
from ..trainers.audit_lines import audit_lines
from ..trainers.chat_tokenizer import open_tokenizer
from ..trainers.render import Limits, Refused, Rendered, Renderer
from ..trainers.target import Target, choose_target
from .label_text import visible
from .progress import counting
from .render_config import RenderConfig

_LEARNT = "bold green"
_MASKED = "dim"
_END = 120
"""Characters shown at either end of a stretch without loss."""


def render_dataset(data: str, config: RenderConfig, console: Console) -> None:
    """Render a split, show rows and the audit.

    Raises:
        ConfigError: no such model or family, no usable template, or options that do not go together.
        DataError: no such dataset, split or row; the audit refuses the rows (after everything is shown).
        MissingExtraError: transformers or trl is not installed.
    """
    if config.observation_tokens is not None and config.max_length is None:
        rule = "must be given with max_length, as only rows longer than that are shortened"
        problem = Problem("observation_tokens", rule, config.observation_tokens, "Give --max-length.")
        raise ConfigError(str(problem))
    ref = DatasetRef.parse(data)
    dataset, split = open_ref(ref), ref.split or RAW
    tokenizer = open_tokenizer(config.model, config.model_revision, config.family)
    target = choose_target(tokenizer, config.grammar, config.reasoning)
    limits = Limits(config.max_length, config.observation_tokens)
    audit = _audit(_rows(dataset.rows(split), config), Renderer(target, limits), config, console)
    _say(audit, target, console)
    if config.out is not None:
        config.out.parent.mkdir(parents=True, exist_ok=True)
        report = {"dataset": str(ref), "split": split, "model": config.model}
        report |= {"target": target.to_json(), "audit": audit.to_json()}
        config.out.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    audit.check(allow_truncation=config.allow_truncation)


def _rows(rows: Iterator[Row], config: RenderConfig) -> Iterator[Row]:
    return islice(rows, config.limit)


def _audit(rows: Iterator[Row], renderer: Renderer, config: RenderConfig, console: Console) -> RenderAudit:
    """Count all rows, and show those asked for on the way.

    Raises:
        DataError: the row asked for is not among them.
    """
    audit = RenderAudit(renderer.limits)
    left = config.show if config.row is None else 1
    with counting("rows rendered") as progress:
        for one in renderer.rows(rows):
            if left and config.row in (None, one.row_id):
                _show(one, renderer, config, console)
                left -= 1
            audit.add(one)
            progress(1)
    if left and config.row is not None:
        fix = "See `trajset sql` for the ids."
        raise DataError(str(Problem("row", "must be the id of a row of the split", config.row, fix)))
    return audit


def _show(one: Rendered | Refused, renderer: Renderer, config: RenderConfig, console: Console) -> None:
    console.rule(f"row {one.row_id}", align="left")
    if isinstance(one, Refused):
        console.print(visible(one.reason), soft_wrap=True)
        return
    console.print(shown(one, renderer, full=config.full, marks=not console.is_terminal), soft_wrap=True)
    console.print(f"{len(one.input_ids):,} tokens, {one.loss_tokens:,} of them with loss")


def shown(one: Rendered, renderer: Renderer, *, full: bool, marks: bool) -> Text:
    """The row as its tokens say it, those with loss in green, `marks` also between ⟦ and ⟧; what lies beyond
    `max_length` is struck out."""
    inner: Any = renderer.target.tokenizer.inner
    most = renderer.limits.max_length or len(one.input_ids)
    text = Text()
    for start, stop, learnt in _runs(one, most):
        said = visible(inner.decode(one.input_ids[start:stop]))
        if not learnt and not full and len(said) > 3 * _END:
            said = f"{said[:_END]} [... {len(said) - 2 * _END:,} characters ...] {said[-_END:]}"
        style = _LEARNT if learnt else _MASKED
        said = f"⟦{said}⟧" if learnt and marks else said
        text.append(said, f"{style} strike" if start >= most else style)
    return text


def _runs(one: Rendered, most: int) -> Iterator[tuple[int, int, bool]]:
    """Stretches of tokens with loss or without: start, stop, whether with; cut at `most` too."""
    start = 0
    for place in range(1, len(one.labels) + 1):
        ends = place == len(one.labels) or place == most
        if ends or (one.labels[place] == -100) != (one.labels[start] == -100):
            yield start, place, one.labels[start] != -100
            start = place


def _say(audit: RenderAudit, target: Target, console: Console) -> None:
    console.rule("audit", align="left")
    for line in audit_lines(audit, target):
        console.print(line, soft_wrap=True)
