"""Drawings of a report as a test reads them: the elements, the words, and what no drawing of ours may do."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers.expat import ParserCreate

from trajset.filters.report.figure import NARROW, width

XLINK = "xlink:href"


def tree(source: str | bytes) -> Element:
    """The elements of well-formed XML; anything else raises."""
    builder, parser = TreeBuilder(), ParserCreate()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.Parse(source, True)
    return builder.close()


def words(drawing: str) -> list[str]:
    return [element.text or "" for element in tree(drawing).iter("text")]


def check_sound(drawing: str, name: str) -> None:
    """Ids under the plot's name, references to these alone, nothing active."""
    elements = list(tree(drawing).iter())
    ids = [element.get("id") for element in elements if element.get("id")]
    assert len(ids) == len(set(ids))
    assert all(found.startswith(f"{name}-") for found in ids if found)
    used = {link.removeprefix("#") for element in elements if (link := element.get(XLINK))}
    assert used | set(re.findall(r"url\(#([^)]+)\)", drawing)) <= set(ids)
    assert not re.search(r"<(script|image|style|metadata|foreignObject)\b", drawing)


def check_within_phone(drawing: str) -> None:
    """No text that begins at its place runs over the edge."""
    for element in tree(drawing).iter("text"):
        place = float(element.get("x") or 0)
        if "text-anchor" not in (element.get("style") or "") and element.get("transform") is None:
            assert place + 0.85 * width(element.text or "") < NARROW.width + 4, element.text
