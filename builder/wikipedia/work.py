"""One piece of a source to one shard: what a single process does, and the record that says it is done.

A piece's shard depends on the piece and the rules alone, so it does not matter who writes it, or how often.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from ..corpus import CorpusDigest
from ..identity import file_hash
from ..manifest import Shard
from ..schema import Passage
from ..shards import storage, write_file
from ..upstream import OWN_FOLDER
from .blocks import blocks
from .dump_files import DumpPiece
from .pages import Dropped, is_disambiguation, not_an_article, read_pages
from .records import RecordBatch
from .rules import Rules

Piece = DumpPiece | RecordBatch

SCHEMA = pa.schema([(name, pa.string()) for name in ("id", "title", "text")])
PIECES = f"{OWN_FOLDER}/pieces"


@dataclass(frozen=True, slots=True)
class Done:
    """What a piece gave. A piece without passages has no shard."""

    shard: Shard | None
    articles: int
    dropped: dict[str, int]
    content_hash: str

    @property
    def passages(self) -> int:
        """Rows of the shard."""
        return self.shard.rows if self.shard else 0


@dataclass(slots=True)
class Tally:
    """Articles that gave passages, and pages that gave none by reason, in one piece."""

    articles: int = 0
    dropped: Counter[str] = field(default_factory=Counter[str])


@dataclass(frozen=True, slots=True)
class Job:
    """A numbered piece with what is to be done with it."""

    folder: Path
    number: int
    piece: Piece
    rules: Rules

    def run(self) -> Done:
        """Write the piece's shard, then its record.

        Raises:
            DataError: the piece is damaged.
            StorageError: the disk is full or not writable.
        """
        tally, digest = Tally(), CorpusDigest()
        table = _table(passages(self.piece, self.rules, tally), digest)
        shard = _write_shard(self.folder, self.number, table) if table.num_rows else None
        done = Done(shard, tally.articles, dict(sorted(tally.dropped.items())), digest.hexdigest())
        write_file(_record_path(self.folder, self.number), orjson.dumps(dataclasses.asdict(done)))
        return done


def passages(piece: Piece, rules: Rules, tally: Tally) -> Iterator[Passage]:
    """A piece's passages in order; article 12 gives the ids 12-0, 12-1, ...; ready passages keep theirs."""
    if isinstance(piece, RecordBatch):
        return _of_records(piece, rules, tally)
    return _cut(_articles(piece, rules, tally), rules, tally)


def finished(folder: Path, number: int) -> Done | None:
    """What an earlier run recorded of a piece, where its shard is still there in full."""
    try:
        done = _DONE.validate_json(_record_path(folder, number).read_bytes())
        whole = done.shard is None or (folder / done.shard.path).stat().st_size == done.shard.bytes
    except (OSError, ValidationError):
        return None
    return done if whole else None


_DONE: TypeAdapter[Done] = TypeAdapter(Done)


def _record_path(folder: Path, number: int) -> Path:
    return folder / PIECES / f"{number:06d}.json"


def _articles(piece: DumpPiece, rules: Rules, tally: Tally) -> Iterator[Passage]:
    from mwparserfromhell.parser import ParserError

    from .wikitext import plain_text

    for page in read_pages(piece.xml(), piece.place):
        if reason := not_an_article(page, rules.disambiguation):
            tally.dropped[reason.value] += 1
            continue
        try:
            text = plain_text(page.text, rules.text)
        except (ParserError, RecursionError):
            tally.dropped[Dropped.UNREADABLE.value] += 1
            continue
        yield Passage(page.id, page.title, text)


def _of_records(batch: RecordBatch, rules: Rules, tally: Tally) -> Iterator[Passage]:
    if batch.kind == "passages":
        tally.articles += len(batch.items)
        yield from batch.items
        return
    kept = list[Passage]()
    for article in batch.items:
        if not rules.disambiguation and is_disambiguation(article.title, article.text):
            tally.dropped[Dropped.DISAMBIGUATION.value] += 1
        else:
            kept.append(article)
    yield from _cut(iter(kept), rules, tally)


def _cut(articles: Iterator[Passage], rules: Rules, tally: Tally) -> Iterator[Passage]:
    for article in articles:
        number = -1
        for number, text in enumerate(blocks(article.text, rules.blocks)):
            yield Passage(f"{article.id}-{number}", article.title, text)
        if number < 0:
            tally.dropped[Dropped.SHORT.value] += 1
        else:
            tally.articles += 1


def _table(found: Iterator[Passage], digest: CorpusDigest) -> pa.Table:
    columns = list[str](), list[str](), list[str]()
    for passage in found:
        digest.add(passage)
        for column, value in zip(columns, (passage.id, passage.title, passage.text), strict=True):
            column.append(value)
    return pa.table(dict(zip(SCHEMA.names, columns, strict=True)), SCHEMA)


def _write_shard(folder: Path, number: int, table: pa.Table) -> Shard:
    final = folder / f"passages-{number:06d}.parquet"
    # A process that a killed run left behind may be writing the same shard: each has a name of its own.
    staged = folder / f".staged-{number:06d}-{os.getpid()}.parquet"
    with storage(folder):
        pq.write_table(table, staged, compression="zstd")
        shard = Shard(final.name, table.num_rows, staged.stat().st_size, file_hash(staged))
        staged.replace(final)
    return shard
