"""The passages that a record of a public set brings along, and which of them its question rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from .schema import JsonObject, Passage

_ITEM_LISTS = (
    ("paragraphs", "title", "paragraph_text", None),
    ("gold_docs", "docid", "text", True),
    ("30_docs", "title", "text", False),
)
"""Columns with a list of objects, where these have title and text, and whether all of them support; None:
each says so itself."""


def supporting_passages(values: JsonObject, titles: Sequence[str]) -> tuple[Passage, ...]:
    """The passages in a record that its question rests on, in the record's order; none where it brings none.

    Those marked `is_supporting` where passages are so marked (MuSiQue), else those with a supporting title
    (HotpotQA, 2WikiMultiHopQA), else gold documents (BrowseComp-Plus).
    """
    return tuple(
        Passage(f"{place}", title, text)
        for place, (title, text, supports) in enumerate(_passages(values))
        if (title in titles if supports is None else supports)
    )


def all_passages(values: JsonObject) -> Iterator[tuple[str, str]]:
    """Title and text of every passage in a record."""
    return ((title, text) for title, text, _ in _passages(values))


def _passages(values: JsonObject) -> Iterator[tuple[str, str, bool | None]]:
    """Title, text, and whether it supports; None where the record does not mark it."""
    yield from ((title, text, None) for title, text in _context(values.get("context")))
    for column, title, text, support in _ITEM_LISTS:
        for item in _objects(values.get(column)):
            if isinstance(item.get(title), str) and isinstance(item.get(text), str):
                supports = bool(item.get("is_supporting")) if support is None else support
                yield item[title], item[text], supports


def _context(value: Any) -> Iterator[tuple[str, str]]:
    """`{"title": [...], "sentences": [[...]]}` as on the Hub, or `[[title, [sentence, ...]], ...]`."""
    if isinstance(value, dict):
        columns = cast("dict[str, Any]", value)
        pairs: Any = zip(columns.get("title") or (), columns.get("sentences") or (), strict=False)
    else:
        pairs = value if isinstance(value, list) else ()
    for pair in pairs:
        if isinstance(pair, list | tuple) and len(cast("Sequence[Any]", pair)) == 2:
            title, sentences = cast("Sequence[Any]", pair)
            if isinstance(title, str) and isinstance(sentences, list | tuple):
                yield title, "".join(map(str, cast("Sequence[Any]", sentences))).strip()


def _objects(value: Any) -> list[dict[str, Any]]:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]
