"""An article's text as passages: disjoint blocks of 100 words, each kept with the article's title.

The unit is that of Dense Passage Retrieval (Karpukhin et al., EMNLP 2020, section 4.1: disjoint blocks of 100
words, title beside each). Words are what white space separates, as its authors say of their own corpus
(github.com/facebookresearch/DPR/issues/138), and paragraphs are run together, so a passage is one line.

The paper does not say what becomes of the words that are left at the end. Here the last block holds them;
fewer than `min_words` join the block before, so no text is lost and no passage is a fragment; an article that
has fewer in all has no passage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .rules import BlockRule

_SENTENCE_END = re.compile(r"""[.!?…。！？]["'”’»)\]]*\Z""")
_ABBREVIATION = re.compile(r"(?:[A-Z]|[Mm]rs?|Dr|St|Jr|Sr|vs|no|No|cf|ca|c|al|[A-Za-z]\.[A-Za-z])\.\Z")


def blocks(text: str, rule: BlockRule) -> Iterator[str]:
    """The text's blocks in order, words joined by single spaces; all words of the text or none of them."""
    words = text.split()
    if not words or len(words) < rule.min_words:
        return
    start = 0
    while start < len(words):
        end = _end(words, start, rule)
        yield " ".join(words[start:end])
        start = end


def _end(words: list[str], start: int, rule: BlockRule) -> int:
    end = start + rule.words
    if rule.sentences and end < len(words):
        end = _sentence_end(words, start, end)
    return end if len(words) - end >= max(rule.min_words, 1) else len(words)


def _sentence_end(words: list[str], start: int, end: int) -> int:
    """The last end of a sentence in the second half of the block, else the block's end."""
    for position in range(end, start + (end - start) // 2, -1):
        if _ends_sentence(words[position - 1], words[position]):
            return position
    return end


def _ends_sentence(word: str, following: str) -> bool:
    if not _SENTENCE_END.search(word) or _ABBREVIATION.match(word):
        return False
    return not following.lstrip("\"'“‘«([")[:1].islower()
