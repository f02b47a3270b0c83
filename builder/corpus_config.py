"""The options of `trajset corpus`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from .option_types import WHOLE, Count, Flag, Positive

Kind = Literal["auto", "dump", "articles", "passages"]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class CorpusConfig:
    """Settings of `trajset corpus`."""

    kind: Kind = "auto"
    """`dump`: MediaWiki XML; `articles`: records that are cut into passages; `passages`: records that are
    passages already. `auto` goes by the file's name or by the columns."""
    words: Annotated[int, WHOLE, Parameter(validator=Number(gte=10))] = 100
    """Words of a passage, words being what white space separates."""
    min_words: Count = 10
    """A last block of fewer words joins the block before it; an article of fewer words is left out."""
    sentences: Flag = False
    """End a passage at the last end of a sentence in its second half, where there is one."""
    lists: Flag = False
    """Keep the items of lists (dumps only)."""
    tables: Flag = False
    """Keep the text of tables (dumps only)."""
    disambiguation: Flag = False
    """Keep disambiguation pages."""
    limit: Positive | None = None
    """Read no more than the first so many pages, articles or passages of the source."""
    title_field: str = "title"
    """Name of the title column (articles and passages)."""
    text_field: str = "text"
    """Name of the text column (articles and passages)."""
    id_field: str | None = None
    """Name of the id column; without it `id` where it exists, else the record's position."""
    piece_kib: Positive = 8192
    """KiB of a multistream dump that one process takes at a time and writes as one shard; four times as much
    of unpacked XML, twice as many characters of records. The memory of a process, and what a crash costs."""
    processes: Positive = os.cpu_count() or 1
    """Processes at work; the result does not depend on it."""
