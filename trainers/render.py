"""A row becomes token ids, labels and a segment map for a model, in one pass.

Only what the model wrote carries loss: reasoning, tool calls, answer, and the token that ends its turn. What
the system, the user, a tool or the chat template wrote never does, nor what follows the end of a turn (a line
break, Phi's `<|endoftext|>`), which no model writes. What is missing in the loss is told, not fixed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..builder.chat.fitting import template_record
from ..builder.identity import canonical_json
from ..builder.schema import JsonObject, Row
from .chat_tokenizer import TemplateError, Tokens
from .layout import Layout, LayoutError, Slotted, forms, layout_of, place, slotted
from .segments import MASKED, Segment, SegmentKind, aligned, segments_of, spans_of
from .shorten import NOTE, shortened
from .spoken import Expected, GrammarError, spoken
from .target import Target


@dataclass(frozen=True, slots=True)
class Limits:
    """`max_length`: tokens that training sees of a row, from its start. `observation_tokens`: what is kept of
    every observation in a row that is longer. None: no limit."""

    max_length: int | None = None
    observation_tokens: int | None = None

    @property
    def rule(self) -> str | None:
        """The rule by which observations are shortened, in words; None where none is."""
        if self.observation_tokens is None or self.max_length is None:
            return None
        return (
            f"in a row longer than {self.max_length:,} tokens every observation keeps its first "
            f"{self.observation_tokens:,} tokens, followed by {NOTE!r}"
        )


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Rendered:
    """A row as T token ids and T labels (-100 where masked), its segments in order, from token 0 to T.

    `missing`: kinds of which something the model wrote is not in the loss. `forged`: kinds of segments, other
    than the template's, in which a control token stands. `shortened`: observations that were cut.
    """

    row_id: str
    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    segments: tuple[Segment, ...]
    missing: tuple[str, ...] = ()
    forged: tuple[SegmentKind, ...] = ()
    shortened: int = 0

    @property
    def loss_tokens(self) -> int:
        """Tokens that carry loss."""
        return sum(segment.stop - segment.start for segment in self.segments if segment.learnt)

    def cut_by(self, max_length: int) -> frozenset[SegmentKind]:
        """Kinds of which something lies beyond the first `max_length` tokens."""
        return frozenset(segment.kind for segment in self.segments if segment.stop > max_length)

    def truncated(self, max_length: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The first `max_length` ids and labels."""
        return self.input_ids[:max_length], self.labels[:max_length]


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be rendered, and why."""

    row_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders rows for a target. Layouts are kept: rows of one shape share theirs."""

    target: Target
    limits: Limits = NO_LIMITS
    _layouts: dict[bytes, Layout] = field(default_factory=dict[bytes, Layout], repr=False)

    def rows(self, rows: Iterable[Row]) -> Iterator[Rendered | Refused]:
        """One row after the other."""
        return map(self.render, rows)

    def render(self, row: Row) -> Rendered | Refused:
        """The row as tokens, or why not. Observations are shortened where the limits say so."""
        try:
            found = self._render(row, 0)
            most, keep = self.limits.max_length, self.limits.observation_tokens
            if most is None or keep is None or len(found.input_ids) <= most:
                return found
            shorter, cut = shortened(row, self.target.tokenizer, keep)
            return self._render(shorter, cut) if cut else found
        except (GrammarError, LayoutError) as error:
            return Refused(row.id, str(error))
        except TemplateError as error:
            return Refused(row.id, f"the chat template refuses the messages: {error}")

    def _render(self, row: Row, cut: int) -> Rendered:
        said = spoken(row, self.target)
        tokenizer = self.target.tokenizer
        slots = slotted(said.messages)
        layout = self._layout(slots, said.tools)
        text = tokenizer.text([template_record(message) for message in said.messages], said.tools)
        spans = spans_of(layout, place(layout, slots.pieces, text), slots.pieces, text)
        tokens = aligned(text, spans, tokenizer)
        segments = segments_of(tokens, spans)
        return Rendered(
            row.id,
            tokens.ids,
            _labels(tokens, segments),
            segments,
            tuple(_missing(said.expected, _loss_text(text, tokens, segments))),
            _forged(tokens, segments, tokenizer.control_tokens),
            cut,
        )

    def _layout(self, slots: Slotted, tools: Sequence[JsonObject]) -> Layout:
        key = canonical_json([list(slots.records), list(tools)])
        if key not in self._layouts:
            self._layouts[key] = layout_of(slots, tools, self.target.tokenizer)
        return self._layouts[key]


def _labels(tokens: Tokens, segments: Sequence[Segment]) -> tuple[int, ...]:
    labels = [MASKED] * len(tokens.ids)
    for segment in segments:
        if segment.learnt:
            labels[segment.start : segment.stop] = tokens.ids[segment.start : segment.stop]
    return tuple(labels)


def _loss_text(text: str, tokens: Tokens, segments: Sequence[Segment]) -> str:
    """The characters that tokens with loss cover, a line break between turns."""
    runs: list[tuple[int, int]] = []
    for segment in segments:
        if not segment.learnt:
            continue
        if runs and runs[-1][1] == segment.start:
            runs[-1] = (runs[-1][0], segment.stop)
        else:
            runs.append((segment.start, segment.stop))
    return "\n".join(text[tokens.offsets[start][0] : tokens.offsets[stop - 1][1]] for start, stop in runs)


def _missing(expected: Expected, learnt: str) -> Iterator[str]:
    """Kinds of which not everything occurs in the loss, in order."""
    wanted = {
        "reasoning": expected.reasoning,
        "text": expected.texts,
        "call": expected.calls,
        "answer": expected.answers,
    }
    for kind, values in wanted.items():
        at = 0
        for value in values:
            ends = [found + len(form) for form in forms(value) if (found := learnt.find(form, at)) >= 0]
            if not ends:
                yield kind
                break
            at = min(ends)


def _forged(
    tokens: Tokens, segments: Sequence[Segment], control: Mapping[int, str]
) -> tuple[SegmentKind, ...]:
    ours: tuple[SegmentKind, ...] = ("template", "form", "end")
    kinds: set[SegmentKind] = set()
    for segment in segments:
        inside = tokens.ids[segment.start : segment.stop]
        if segment.kind not in ours and not control.keys().isdisjoint(inside):
            kinds.add(segment.kind)
    return tuple(sorted(kinds))
