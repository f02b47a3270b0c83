"""What a result text shows: the titles of the passages, or that the search failed."""

from __future__ import annotations

import math
import re
from html import unescape
from typing import cast

from ..schema import Hit, Passage, SearchCall
from .reading import json_in

UNANSWERED = "NoResult: the transcript holds no result for this search"
EMPTY = "EmptyResult: the search returned nothing"
_ERROR_LENGTH = 200

_LISTINGS = (
    re.compile(r'^\((?P<rank>\d+)\)(?P<quoted>")?Title: (?P<title>.*?) Text:', re.MULTILINE),
    re.compile(r'^Doc (?P<rank>\d+) ?\(Title: (?:"(?P<quoted>.*?)"|(?P<title>.*?))\)', re.MULTILINE),
    re.compile(r"^\[(?P<rank>\d+)\] (?P<title>.+)$", re.MULTILINE),
)
"""Numbered passages as R1-Searcher, Search-R1 and trajset print them."""

_FAILED = re.compile(
    r"(?:none|no results?(?: found)?)\.?\Z"
    r"|(?:could not find |the last page (?:retrieved|searched) was not found|you need to search first"
    r"|search (?:error|failed)\b|could not complete the \w+ search|invalid action\b"
    r"|the maximum search limit is exceeded|you have searched this query"
    r"|\(.{1,400}\) generated an exception: )",
    re.IGNORECASE,
)
"""Whole results, or their beginnings, by which FireAct, KnowAgent, Search-o1 and trajset report failure."""


def search_call(query: str, result: str | None) -> SearchCall:
    """The record of a search. `result` is the raw result text, None where the transcript has none.

    Ids and scores of passages are not shown in transcripts: ids are empty, scores unknown (NaN, null in the
    row). Only titles that the text shows are kept.
    """
    if result is None:
        return SearchCall(query, error=UNANSWERED)
    shown = result.strip()
    if not shown:
        return SearchCall(query, error=EMPTY)
    if _FAILED.match(shown):
        return SearchCall(query, error=f"SearchFailed: {shown[:_ERROR_LENGTH]}")
    return SearchCall(query, tuple(Hit(Passage("", title, ""), math.nan) for title in titles_in(result)))


def titles_in(result: str) -> list[str]:
    """Titles of the passages in a result text, in rank order; empty where it shows none.

    In numbered listings ranks must rise by one from 1, so that a number inside a passage adds no title. HTML
    entities in titles are resolved (`Dean &amp; Britta`), as gold titles have none.
    """
    for listing in _LISTINGS:
        titles = _numbered(listing, result)
        if titles:
            return [unescape(title) for title in titles]
    return _titles_of_json(result)


def _numbered(listing: re.Pattern[str], result: str) -> list[str]:
    titles: list[str] = []
    for match in listing.finditer(result):
        if int(match["rank"]) == len(titles) + 1:
            titles.append(_title(match))
    return titles


def _title(match: re.Match[str]) -> str:
    """R1-Searcher quotes whole passages as CSV does, doubling the quotes inside."""
    quoted = match.groupdict().get("quoted")
    if quoted == '"':
        return match["title"].replace('""', '"').strip()
    return (quoted or match["title"]).strip()


def _titles_of_json(result: str) -> list[str]:
    value = json_in(result) if result.lstrip()[:1] in ("[", "{") else None
    if isinstance(value, dict):
        hits = cast("dict[str, object]", value)
        value = next((hits[key] for key in ("results", "hits", "documents") if key in hits), [hits])
    items = cast("list[object]", value) if isinstance(value, list) else []
    titles = [cast("dict[str, object]", item).get("title") for item in items if isinstance(item, dict)]
    return [title for title in titles if isinstance(title, str)]
