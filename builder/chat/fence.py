"""Text that somebody else wrote, put into a prompt so that it can only be read as data.

    === BEGIN answer 5f3a9c0d1e2b4c68 ===
    Oslo
    === END answer 5f3a9c0d1e2b4c68 ===

The mark is a hash of everything that is fenced, so no text can hold the mark of a prompt that it stands in:
a fence line forged inside a passage carries another mark, and `unfenced` reads it as part of the passage.
Control tokens of chat templates are broken up as in observations (`prompts.neutralise`). The same texts get
the same mark, so that equal prompts stay equal.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..identity import content_hash
from ..prompts import neutralise
from ..storable import storable

_MARK = r"[0-9a-f]{16}"
_NAME = r"[a-z][a-z0-9 ]*"
_FIRST = re.compile(rf"^=== BEGIN {_NAME} ({_MARK}) ===$", re.MULTILINE)
_BLOCK = re.compile(
    rf"^=== BEGIN ({_NAME}) ({_MARK}) ===\n(.*?)\n=== END \1 \2 ===$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Section:
    """A named piece of data. The name is ours: small letters, digits and spaces."""

    name: str
    text: str


def fenced(sections: Sequence[Section]) -> str:
    """The sections one after another, each between two lines with the common mark."""
    clean = [Section(section.name, neutralise(storable(section.text))) for section in sections]
    mark = _mark(clean)
    return "\n\n".join(
        f"=== BEGIN {section.name} {mark} ===\n{section.text}\n=== END {section.name} {mark} ==="
        for section in clean
    )


def unfenced(text: str) -> tuple[Section, ...]:
    """The sections of a text that begins with `fenced` ones; none where it has no fence.

    The first fence line is ours, and tells the mark of all others.
    """
    first = _FIRST.search(text)
    if first is None:
        return ()
    blocks = (match for match in _BLOCK.finditer(text) if match[2] == first[1])
    return tuple(Section(match[1], match[3]) for match in blocks)


def _mark(sections: Sequence[Section]) -> str:
    """A hash of the sections that stands in none of them."""
    marks = (
        content_hash([[section.name, section.text] for section in sections] + [[n]])
        for n in itertools.count()
    )
    return next(mark for mark in marks if not any(mark in section.text for section in sections))
