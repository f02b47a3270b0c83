"""Wikitext to plain text: what a reader of the article's paragraphs would read.

Out go references, templates (infoboxes, navigation boxes, notes), files, categories, headings, comments,
markup, tables and lists; the last two stay on demand. DPR's corpus was made the same way, with
WikiExtractor's defaults (github.com/facebookresearch/DPR/issues/138). A few templates that stand for words in
the middle of a sentence give them.

Wikitext is read by mwparserfromhell. Before, patterns take out what is flat, and so means the same to a
pattern and to a parser: a template without a brace in it, a link without a bracket. What is nested comes out
from the inside; whatever is left, odd or broken, goes to the parser. `by_parser` goes without these patterns:
the same words, several times as slowly.
"""

from __future__ import annotations

import html
import re
from typing import cast

from mwparserfromhell import nodes
from mwparserfromhell.nodes import Node, Tag, Template, Wikilink
from mwparserfromhell.parser import Parser
from mwparserfromhell.wikicode import Wikicode

from .rules import TextRule

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
    {"nowrap", "nobr", "small", "big", "abbr", "ill", "interlanguage link", "angbr", "mvar", "vanchor"}
)
_LAST_ARGUMENT = frozenset({"lang", "transliteration", "transl", "langx"})
_FIRST_TWO = frozenset({"convert", "cvt"})
_WITH_TEXT = "|".join(sorted(_FIRST_ARGUMENT | _LAST_ARGUMENT | _FIRST_TWO)).replace(" ", "[ _]")

_CUT = re.compile(
    r"<!--.*?(?:-->|\Z)|__[A-Z]+__"
    rf"|<({'|'.join(sorted(_NO_TEXT_TAGS))})\b(?:[^<>]*/\s*>|[^<>]*>.*?</\1\s*>)",
    re.DOTALL | re.IGNORECASE,
)
_LITERAL = re.compile(r"<(?:nowiki|pre|code|includeonly|noinclude)\b", re.IGNORECASE)
_TEMPLATE = re.compile(rf"(?<!\{{)\{{\{{(?!\s*(?:{_WITH_TEXT})\s*\|)[^{{}}]*\}}\}}", re.IGNORECASE)
_LINK = re.compile(r"\[\[([^\[\]|{}<>:\n]+)(?:\|([^\[\]|{}<>\n]*))?\]\]")
_TEXT_TEMPLATE = re.compile(rf"(?<!\{{)\{{\{{\s*({_WITH_TEXT})\s*\|([^{{}}\[\]<>]*)\}}\}}", re.IGNORECASE)
_URL_LINK = re.compile(r"(?<!\[)\[(?:https?:|ftp:)?//[^\s\[\]<>{}|\"]+(?:[ \t]+([^\[\]<>{}\n]*))?\]")
_INLINE_TAG = re.compile(
    r"</?(?:small|big|sub|sup|i|b|u|s|em|strong|span|div|center|font|cite|q|var|abbr|blockquote|p)"
    r"(?:\s[^<>{}\[\]|]*)?>",
    re.IGNORECASE,
)
_BREAK = re.compile(r"<br\s*/?\s*>", re.IGNORECASE)
_FILE = re.compile(rf"\[\[\s*(?:{'|'.join(sorted(_NO_TEXT_LINKS))})\s*:[^\[\]{{}}]*\]\]", re.IGNORECASE)
_TABLE = re.compile(r"^[ \t:]*\{\|[^{}]*?^[ \t]*\|\}", re.MULTILINE)
_HEADING = re.compile(r"^(={1,6})[^\n]+?\1[ \t]*$", re.MULTILINE)
_MARKUP_LEFT = re.compile(r"[\[{<]|://")
_DEEPEST = 40

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]\w{1,31});")
_QUOTES = re.compile("'{2,5}")
_RULER = re.compile(r"^-{4,}", re.MULTILINE)
_LIST_LINE = re.compile(r"^[*#;:]+[^\n]*\n?", re.MULTILINE)
_LIST_MARK = re.compile(r"^[*#;:]+[ \t]*", re.MULTILINE)
_EMPTY_BRACKETS = re.compile(r"[ \t]?\([\s,;:–-]*\)")
_BRACKET_START = re.compile(r"\([\s,;:]+")
_SPACE_BEFORE = re.compile(r"[ \t]+([,.;:])(?=\s|\Z)")
_SPACES = re.compile(r"[ \t\u00a0]{2,}")


def plain_text(wikitext: str, rule: TextRule) -> str:
    """The text, paragraphs parted by line breaks.

    Raises:
        ParserError: (mwparserfromhell's) it gave up on the page.
    """
    text = _CUT.sub("", wikitext)
    if not _LITERAL.search(text):
        text = _without_flat_markup(text, rule)
    return _tidy(_parsed(text, rule) if _MARKUP_LEFT.search(text) else text, rule)


def by_parser(wikitext: str, rule: TextRule) -> str:
    """The same text, read by the parser alone (references and comments apart).

    Raises:
        ParserError: (mwparserfromhell's) it gave up on the page.
    """
    return _tidy(_parsed(_CUT.sub("", wikitext), rule), rule)


def _without_flat_markup(text: str, rule: TextRule) -> str:
    text = _INLINE_TAG.sub("", _BREAK.sub("\n", text))
    text = _LINK.sub(_link_text, text)
    for _ in range(_DEEPEST):
        text, gone = _TEMPLATE.subn("", text)
        text, told = _TEXT_TEMPLATE.subn(_template_text, text)
        if not gone + told:
            break
        text = _LINK.sub(_link_text, text)
    text = _URL_LINK.sub(lambda match: match[1] or "", _FILE.sub("", text))
    if not rule.tables:
        text = _TABLE.sub("", text)
    return _HEADING.sub("", text)


def _link_text(match: re.Match[str]) -> str:
    return match[1].strip() if match[2] is None else match[2]


def _template_text(match: re.Match[str]) -> str:
    values = [value.strip() for value in match[2].split("|") if "=" not in value]
    return _words_of(match[1], values)


def _tidy(text: str, rule: TextRule) -> str:
    text = _LIST_MARK.sub("", text) if rule.lists else _LIST_LINE.sub("", text)
    text = _RULER.sub("", _QUOTES.sub("", text))
    text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    text = _BRACKET_START.sub("(", _EMPTY_BRACKETS.sub("", text))
    return _SPACES.sub(" ", _SPACE_BEFORE.sub(r"\1", text)).strip()


def _parsed(text: str, rule: TextRule) -> str:
    return _text(Parser().parse(text, skip_style_tags=True), rule)


def _text(code: Wikicode, rule: TextRule) -> str:
    return "".join(_piece(node, rule) for node in code.nodes)


def _piece(node: Node, rule: TextRule) -> str:
    match node:
        case nodes.Text():
            return node.value
        case nodes.Wikilink():
            return _link(node, rule)
        case nodes.Tag():
            return _tag(node, rule)
        case nodes.Template():
            return _template(node, rule)
        case nodes.ExternalLink():
            return _text(node.title, rule) if node.title is not None else ""
        case nodes.HTMLEntity():
            return str(node)
        case _:  # headings, comments, arguments of templates
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
    return _words_of(
        str(node.name), [_text(item.value, rule).strip() for item in node.params if not item.showkey]
    )


def _words_of(template: str, values: list[str]) -> str:
    """What a template stands for, given its unnamed arguments; mostly nothing."""
    name = template.strip().lower().replace("_", " ")
    if not values:
        return ""
    if name in _FIRST_ARGUMENT:
        return values[0]
    if name in _FIRST_TWO:
        return " ".join(values[:2])
    return values[1] if name in _LAST_ARGUMENT and len(values) > 1 else ""
