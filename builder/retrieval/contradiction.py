"""Passages that say something else: names and numbers replaced by others of their kind.

Which value of a passage a question is after is not known, so all are replaced but those that the query and
the title name: the passage stays about its subject and is wrong about it. A value becomes the same other one
in all passages of a search, so that they agree. The substitutes come from passages ranked near, so that they
fit the topic. Names are told by capital letters, which suits English and languages like it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

from ..identity import text_hash
from ..schema import Hit, Passage
from .chance import chance

_YEAR = r"\b(?:1[0-9]|20)\d\d\b"
_NUMBER = r"\b\d+(?:[.,]\d+)*\b"
_NAME = r"\b[A-Z][\w'’-]+(?:(?: (?:of|the|de|von|van|and))* [A-Z][\w'’-]+)*"
_VALUE = re.compile(f"(?P<year>{_YEAR})|(?P<number>{_NUMBER})|(?P<name>{_NAME})")
_START = re.compile(r"(?:^|[.!?:;]\s+|\n\s*)$")
_WORD = re.compile(r"\w+")


def contradict(hits: Sequence[Hit], near: Sequence[Passage], query: str, seed: int) -> list[Hit]:
    """The hits with values replaced by values of the passages `near`; deterministic in all arguments.

    A passage that changes gets an id of its own, `ID~contradicted-HASH`: an id names one text.
    """
    pool = _pool([passage.text for passage in near])
    return [dataclasses.replace(hit, passage=_changed(hit.passage, pool, query, seed)) for hit in hits]


def _pool(texts: Sequence[str]) -> dict[str, list[str]]:
    """All values by kind, in the order of the alphabet."""
    pool: dict[str, set[str]] = {}
    for text in texts:
        for match in _values(text):
            pool.setdefault(match.lastgroup or "", set()).add(match[0])
    return {kind: sorted(values) for kind, values in pool.items()}


def _values(text: str) -> list[re.Match[str]]:
    """Years, other numbers, and names: one capitalised word at the start of a sentence is none."""
    return [match for match in _VALUE.finditer(text) if not _may_be_a_plain_word(match, text)]


def _may_be_a_plain_word(match: re.Match[str], text: str) -> bool:
    if match.lastgroup != "name" or " " in match[0]:
        return False
    return _START.search(text[max(0, match.start() - 8) : match.start()]) is not None


def _changed(passage: Passage, pool: Mapping[str, Sequence[str]], query: str, seed: int) -> Passage:
    kept = {word.lower() for word in _WORD.findall(f"{passage.title} {query}")}
    parts: list[str] = []
    end = 0
    for match in _values(passage.text):
        if not kept.intersection(word.lower() for word in _WORD.findall(match[0])):
            parts += [passage.text[end : match.start()], _other(match[0], pool[match.lastgroup or ""], seed)]
            end = match.end()
    text = "".join([*parts, passage.text[end:]])
    if text == passage.text:
        return passage
    return dataclasses.replace(passage, id=f"{passage.id}~contradicted-{text_hash(text, 8)}", text=text)


def _other(value: str, pool: Sequence[str], seed: int) -> str:
    """Another value of the pool; the value itself where there is no other."""
    others = [other for other in pool if other != value]
    return others[int(chance(seed, "value", value) * len(others))] if others else value
