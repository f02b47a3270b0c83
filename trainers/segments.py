"""From characters to tokens: which segment of the conversation a token is in, and whether it is learnt."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from .chat_tokenizer import ChatTokenizer, Tokens
from .layout import Layout, LayoutError, Piece, Placed
from .reasoning import THINK

SegmentKind = Literal[
    "template", "system", "user", "observation", "reasoning", "text", "call", "answer", "form", "end"
]
"""`template`: what the chat template writes around messages. The last six are the model's: `text` beside
calls and answer, `form` the tags and JSON around calls and reasoning, `end` the token that ends its turn."""

WRITTEN: frozenset[SegmentKind] = frozenset(("reasoning", "text", "call", "answer", "form", "end"))
MASKED = -100
"""The label of a token without loss."""


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `stop` of the rendered text."""

    start: int
    stop: int
    kind: SegmentKind


@dataclass(frozen=True, slots=True)
class Segment:
    """Tokens `start` to `stop`; they carry loss where the model wrote them."""

    start: int
    stop: int
    kind: SegmentKind

    @property
    def learnt(self) -> bool:
        """Whether its tokens carry loss."""
        return self.kind in WRITTEN


def spans_of(layout: Layout, placed: Placed, pieces: Sequence[Piece], text: str) -> list[Span]:
    """Whose every character is, in order and without gaps; empty spans are left out."""
    written = [placed.written(turn) for turn in layout.turns]
    spans: list[Span] = []
    for index, start in enumerate(placed.literals):
        spans += _literal_spans(start, start + len(layout.literals[index]), written)
        if index < len(placed.slots):
            spans += _slot_spans(placed.slots[index], pieces[layout.slots[index]], text)
    spans = [span for span in spans if span.start < span.stop]
    _check_turns(spans, written)
    return spans


def _literal_spans(start: int, stop: int, written: Sequence[tuple[int, int, int]]) -> Iterator[Span]:
    """A literal of the template, cut where a turn of the model begins or ends in it."""
    inside = {edge for turn in written for edge in turn if start < edge < stop}
    for left, right in pairwise(sorted({start, stop, *inside})):
        yield Span(left, right, _literal_kind(left, written))


def _literal_kind(at: int, written: Sequence[tuple[int, int, int]]) -> SegmentKind:
    for begin, end, stop in written:
        if begin <= at < stop:
            return "form" if at < end else "end"
    return "template"


_ACTION = re.compile(r"<(search|answer)>.*?</\1>", re.DOTALL)


def _slot_spans(span: tuple[int, int], piece: Piece, text: str) -> Iterator[Span]:
    start, stop = span
    if piece.kind != "text":
        yield Span(start, stop, piece.kind)
        return
    said = text[start:stop]
    thinking = THINK.match(said)
    after = thinking.end() if thinking else 0
    action = _ACTION.search(said, after)
    first, last = action.span() if action else (len(said), len(said))
    yield Span(start, start + after, "reasoning")
    yield Span(start + after, start + first, "text")
    yield Span(start + first, start + last, "call" if action and action[1] == "search" else "answer")
    yield Span(start + last, stop, "text")


def _check_turns(spans: Sequence[Span], written: Sequence[tuple[int, int, int]]) -> None:
    """Every character between the edges of a turn is the model's, and none outside."""
    for span in spans:
        inside = any(begin <= span.start and span.stop <= stop for begin, _, stop in written)
        if inside != (span.kind in WRITTEN):
            raise LayoutError(f"the template puts {span.kind} text where it does not belong")


def aligned(text: str, spans: Sequence[Span], tokenizer: ChatTokenizer) -> Tokens:
    """The text as tokens of which none is partly the model's and partly not.

    Where the tokenizer joins characters across such an edge, the stretches are tokenized one by one, as they
    are when a model goes on from a prompt.

    Raises:
        LayoutError: stretch by stretch the tokens say something else.
    """
    sides = pairwise(spans)
    edges = [right.start for left, right in sides if (left.kind in WRITTEN) != (right.kind in WRITTEN)]
    whole = tokenizer.tokens(text)
    if not _straddling(whole, edges, text):
        return whole
    ids: list[int] = []
    offsets: list[tuple[int, int]] = []
    for start, stop in pairwise([0, *edges, len(text)]):
        piece = tokenizer.tokens(text[start:stop])
        ids += piece.ids
        offsets += [(start + left, start + right) for left, right in piece.offsets]
    inner: Any = tokenizer.inner
    if inner.decode(ids) != inner.decode(whole.ids):
        raise LayoutError("the tokenizer joins the model's text with what stands beside it")
    return Tokens(tuple(ids), tuple(offsets))


def _straddling(tokens: Tokens, edges: Sequence[int], text: str) -> bool:
    """Whether a token holds more than white space beyond an edge that it crosses."""
    starts = [start for start, _ in tokens.offsets]
    for edge in edges:
        before = bisect_left(starts, edge) - 1
        if before >= 0 and text[edge : tokens.offsets[before][1]].strip():
            return True
    return False


def segments_of(tokens: Tokens, spans: Sequence[Span]) -> tuple[Segment, ...]:
    """The tokens by the span that their first character is in, neighbours of one span together."""
    starts = [start for start, _ in tokens.offsets]
    firsts = [0, *(bisect_left(starts, span.start) for span in spans[1:]), len(starts)]
    pairs = zip(pairwise(firsts), spans, strict=True)
    return tuple(Segment(first, last, span.kind) for (first, last), span in pairs if first < last)
