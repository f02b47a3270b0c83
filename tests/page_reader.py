"""A page of a report as a test reads it: its tags, its text, and what no page of ours may do."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

VOID = {"meta", "link", "br", "img", "hr", "input"}
LOADS = {"src", "href", "srcset", "poster", "data", "action", "background", "xlink:href", "formaction"}
ACTIVE = {"script", "iframe", "object", "embed", "img", "image", "video", "audio", "form"}
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


class Page(HTMLParser):
    """The tags of a page, whether they are well nested, and its text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.mistakes: list[str] = []
        self.source = source
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.mistakes.append(tag)

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open[-1:]):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def check_loads_nothing(self) -> None:
        """No script, no handler, no address but of the page itself; and a policy that says so."""
        for tag, attributes in self.tags:
            assert tag not in ACTIVE
            for key, value in attributes.items():
                assert not key.startswith("on"), (tag, key)
                if key in LOADS:
                    assert value is not None
                    assert value.startswith("#") or value == "data:,", (tag, key, value)
        (style,) = re.findall(r"<style>(.*?)</style>", self.source, re.DOTALL)
        assert "url(" not in style
        assert "@import" not in style
        policies = [attributes for _, attributes in self.tags if "http-equiv" in attributes]
        assert policies[0]["content"] == POLICY

    def check_can_be_read(self, drawings: int) -> None:
        """Headings in order, so many drawings with words, tables to scroll by key, links that lead on."""
        assert ("html", {"lang": "en"}) in self.tags
        levels = [int(tag[1]) for tag, _ in self.tags if re.fullmatch(r"h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        drawn = [attributes for _, attributes in self.tags if attributes.get("role") == "img"]
        assert len(drawn) == drawings
        assert all(len(attributes["aria-label"] or "") > 30 for attributes in drawn)
        boxes = [attributes for _, attributes in self.tags if attributes.get("class") == "scroll"]
        assert all(box["aria-label"] and box["tabindex"] == "0" for box in boxes)
        ids = [attributes["id"] for _, attributes in self.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        links = {value for _, attributes in self.tags if (value := attributes.get("href"))} - {"data:,"}
        assert {link[1:] for link in links} <= set(ids)
