"""What decides which passages a piece of a source gives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlockRule:
    """How long passages are, in words, and whether they end with a sentence where they can (`blocks`)."""

    words: int = 100
    min_words: int = 10
    sentences: bool = False


@dataclass(frozen=True, slots=True)
class TextRule:
    """What of a page's wikitext is kept beside paragraphs (`wikitext`)."""

    lists: bool = False
    tables: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """All of them; `disambiguation` keeps disambiguation pages (`pages`)."""

    blocks: BlockRule
    text: TextRule
    disambiguation: bool
