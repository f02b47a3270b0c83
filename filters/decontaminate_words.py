"""What of a question is compared: its words, in order, without case and punctuation."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r"\w+")


def words(text: str) -> tuple[str, ...]:
    """The words of a text: NFKC, case folded, everything but letters, digits and `_` a separator.

    Gentler than the normalisation of answers: articles stay (n-grams need every word) and a hyphen separates
    (`rock-band` is `rock band`). A language written without spaces comes out as one word a clause.
    """
    return tuple(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))
