"""Wikitext to plain text: what a reader of the article's paragraphs would read.

Out go references, templates (infoboxes, navigation boxes, notes), files, categories, headings, comments,
markup, tables and lists; the last two stay on demand. DPR's corpus was made the same way, with
WikiExtractor's defaults (github.com/facebookresearch/DPR/issues/138). A few templates that stand for words in
the middle of a sentence give them.

Comments and references are cut by pattern first, since they hold about half of an article's markup and
parsing them would be for nothing; everything else is left to mwparserfromhell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import cast

from mwparserfromhell import nodes
from mwparserfromhell.nodes import HTMLEntity, Node, Tag, Template, Wikilink
from mwparserfromhell.parser import Parser
from mwparserfromhell.wikicode import Wikicode

from .rules import TextRule

_CUT = re.compile(
    r"<!--.*?(?:-->|\Z)|<ref\b[^<>]*/\s*>|<ref\b[^<>]*>.*?</ref\s*>|__[A-Z]+__", re.DOTALL | re.IGNORECASE
)
_QUOTES = re.compile("'{2,5}")
_LIST_LINE = re.compile(r"^[*#;:]+[^\n]*\n?", re.MULTILINE)
_LIST_MARK = re.compile(r"^[*#;:]+[ \t]*", re.MULTILINE)
_EMPTY_BRACKETS = re.compile(r"[ \t]?\([\s,;:–-]*\)")
_BRACKET_START = re.compile(r"\([\s,;:]+")
_SPACE_BEFORE = re.compile(r"[ \t]+([,.;:])(?=\s|\Z)")
_SPACES = re.compile(r"[ \t\u00a0]{2,}")

_NO_TEXT_TAGS = frozenset(
    {"ref", "references", "gallery", "math", "chem", "ce", "syntaxhighlight", "source", "score", "timeline"}
    | {"imagemap", "mapframe", "maplink", "graph", "hiero", "inputbox", "categorytree", "templatestyles"}
    | {"templatedata", "style", "script", "section", "indicator"}
)
_NO_TEXT_LINKS = frozenset(
    {"file", "image", "media", "category", "fichier", "datei", "bild", "archivo", "imagen", "kategorie"}
    | {"catégorie", "categoría"}
)
_FIRST_ARGUMENT = frozenset(
    ("nowrap", "nobr", "small", "big", "abbr", "ill", "interlanguage_link", "angbr", "mvar", "vanchor")
)
_LAST_ARGUMENT = frozenset(("lang", "transliteration", "transl", "langx"))
_FIRST_TWO = frozenset(("convert", "cvt"))


def plain_text(wikitext: str, rule: TextRule) -> str:
    """The text, paragraphs parted by line breaks.

    Raises:
        ParserError: (mwparserfromhell's) it gave up on the page.
    """
    parsed = Parser().parse(_CUT.sub("", wikitext), skip_style_tags=True)
    return _tidy(_text(parsed, rule), rule)


def _tidy(text: str, rule: TextRule) -> str:
    text = _LIST_MARK.sub("", text) if rule.lists else _LIST_LINE.sub("", text)
    text = _BRACKET_START.sub("(", _EMPTY_BRACKETS.sub("", _QUOTES.sub("", text)))
    return _SPACES.sub(" ", _SPACE_BEFORE.sub(r"\1", text)).strip()


def _text(code: Wikicode, rule: TextRule) -> str:
    return "".join(piece for node in code.nodes for piece in _pieces(node, rule))


def _pieces(node: Node, rule: TextRule) -> Iterator[str]:
    match node:
        case nodes.Text():
            yield node.value
        case nodes.Wikilink():
            yield _link(node, rule)
        case nodes.Tag():
            yield _tag(node, rule)
        case nodes.Template():
            yield _template(node, rule)
        case nodes.ExternalLink():
            yield _text(node.title, rule) if node.title is not None else ""
        case nodes.HTMLEntity():
            yield _character(node)
        case _:  # headings, comments, arguments of templates
            yield "\n" if isinstance(node, nodes.Heading) else ""


def _character(node: HTMLEntity) -> str:
    """What `&ndash;` or `&#8211;` stands for; nothing where that is no character."""
    try:
        return node.normalize().encode("utf-8", "ignore").decode("utf-8")
    except (ValueError, OverflowError):
        return ""


def _link(node: Wikilink, rule: TextRule) -> str:
    target = str(node.title).strip()
    if target.split(":")[0].strip().lower() in _NO_TEXT_LINKS:
        return ""
    return _text(node.text, rule) if node.text is not None else target.lstrip(":")


def _tag(node: Tag, rule: TextRule) -> str:
    name = str(node.tag).strip().lower()
    if name in _NO_TEXT_TAGS or (name == "table" and not rule.tables):
        return ""
    if name in ("br", "hr"):
        return "\n"
    if node.wiki_markup in ("*", "#", ";", ":"):
        return node.wiki_markup  # the list's lines are taken out when templates of several lines are gone
    # Tags such as <br/> have no contents, whatever the library's types say.
    contents = cast("Wikicode | None", node.contents)
    inner = _text(contents, rule) if contents is not None else ""
    return f"{inner.strip()} " if name in ("td", "th", "tr", "li") else inner


def _template(node: Template, rule: TextRule) -> str:
    name = str(node.name).strip().lower().replace(" ", "_")
    values = [_text(item.value, rule).strip() for item in node.params if not item.showkey]
    if not values:
        return ""
    if name in _FIRST_ARGUMENT:
        return values[0]
    if name in _FIRST_TWO:
        return " ".join(values[:2])
    return values[1] if name in _LAST_ARGUMENT and len(values) > 1 else ""
