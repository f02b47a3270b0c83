"""The pages of a piece of a MediaWiki XML dump, which of them are articles, and why the others are not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import cast
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from ..errors import DataError, Problem

_FEED = 1 << 20

_DISAMBIGUATION = re.compile(
    r"\{\{\s*(?!disambig[\w -]*needed)(?:disambig[\w -]*|hndis|geodis|dab|[\w ]+ disambiguation)"
    r"\s*(?:\||\}\})"
    r"|__DISAMBIG__",
    re.IGNORECASE,
)
_TITLE = re.compile(r"\(disambiguation\)\s*\Z", re.IGNORECASE)
_FIRST_LINE = re.compile(
    r"\A\s*[^\n]{0,120}\b(?:may|can|could) (?:also |most often )?refer to\s*:?\s*(?:\n|\Z)"
)


class Dropped(StrEnum):
    """Why a page gives no passage."""

    NAMESPACE = "namespace"
    """Talk, user, file, template and other pages that are no articles (`<ns>` is not 0)."""
    REDIRECT = "redirect"
    DISAMBIGUATION = "disambiguation"
    SHORT = "short"
    """Fewer than `min_words` words are left."""
    UNREADABLE = "unreadable"
    """The parser of wikitext gave up on the page."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page as the dump has it; `text` is wikitext."""

    id: str
    title: str
    namespace: str
    redirect: bool
    text: str


def read_pages(xml: bytes, place: str) -> Iterator[Page]:
    """The pages of a run of whole `<page>` elements, about one MB of them in memory at a time.

    The root element is ours, so no document type, and no entity of its own, can come in.

    Raises:
        DataError: no well-formed XML, or a page without id or title; `place` says where.
    """
    parser = XMLPullParser(["end"])
    try:
        for block in _wrapped(xml):
            parser.feed(block)
            for _, element in cast("Iterator[tuple[str, Element]]", parser.read_events()):
                if element.tag == "page":
                    yield _page(element, place)
                    element.clear()
        parser.close()
    except ParseError as error:
        fix = "Download the dump again and compare its checksum."
        raise DataError(str(Problem(place, "must be well-formed XML", str(error), fix))) from error


def _wrapped(xml: bytes) -> Iterator[bytes]:
    yield b"<mediawiki>"
    for start in range(0, len(xml), _FEED):
        yield xml[start : start + _FEED]
    yield b"</mediawiki>"


def _page(element: Element, place: str) -> Page:
    number, title = element.findtext("id"), element.findtext("title")
    if not number or title is None:
        fix = "Give a dump of pages (pages-articles), as dumps.wikimedia.org has them."
        raise DataError(str(Problem(place, "every page must have an id and a title", title, fix)))
    redirect = element.find("redirect") is not None
    text = element.findtext("revision/text") or ""
    return Page(number, title, element.findtext("ns") or "0", redirect, text)


def not_an_article(page: Page, keep_disambiguation: bool) -> Dropped | None:
    """Why a page of a dump is no article, by its namespace, redirect element, title and templates."""
    if page.namespace != "0":
        return Dropped.NAMESPACE
    if page.redirect:
        return Dropped.REDIRECT
    if not keep_disambiguation and (_TITLE.search(page.title) or _DISAMBIGUATION.search(page.text)):
        return Dropped.DISAMBIGUATION
    return None


def is_disambiguation(title: str, text: str) -> bool:
    """The same for plain text, where no template tells: by the title, or a first line that ends in
    "may refer to". Knows English only."""
    return bool(_TITLE.search(title) or _FIRST_LINE.match(text))
