"""A corpus out of questions: the passages that the records of a benchmark bring, each once.

`pooled:hotpotqa:validation` is what `trajset index` takes for it. Such a corpus is far smaller than Wikipedia
and holds all that the questions rest on, so searching it is easier.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .errors import DataError, Problem
from .identity import content_hash, text_hash
from .question_passages import all_passages
from .question_sources import Reading, reading_of
from .source_config import QuestionFields
from .source_files import Record
from .sources import Source, open_source

PREFIX = "pooled:"


def open_corpus(text: str) -> Source:
    """The passages that a path, a Hub reference, or `pooled:QUESTIONS` names.

    Raises:
        DataError: nothing there, or passages that are encrypted with a canary.
        HubError: the Hub cannot be reached or refuses.
    """
    if not text.startswith(PREFIX):
        return open_source(text)
    reading = reading_of(text.removeprefix(PREFIX), QuestionFields())
    if reading.cipher is not None and reading.cipher.columns:
        rule = "must not be encrypted: an index lies on disk in clear"
        fix = "Index the corpus that the benchmark's authors publish for it."
        raise DataError(str(Problem("corpus", rule, text, fix)))
    return Pooled(reading, reading.open())


@dataclass(frozen=True, slots=True)
class Pooled:
    """The passages of all records of a source of questions; the same title and text count once."""

    reading: Reading
    source: Source

    @property
    def name(self) -> str:
        """The question set's name and `-pooled`."""
        return f"{self.reading.dataset or self.source.name}-pooled"

    def fingerprint(self) -> str:
        """Changes with the questions."""
        return content_hash([PREFIX, self.source.fingerprint()], 64)

    def records(self) -> Iterator[Record]:
        """Passages in the order in which they first stand, with `id`, `title` and `text`.

        Raises:
            DataError: the questions cannot be read.
            HubError: the Hub refuses.
        """
        seen: set[str] = set()
        for record in self.source.records():
            for title, text in all_passages(record.values):
                name = text_hash(f"{title}\n{text}")
                if name not in seen:
                    seen.add(name)
                    yield Record(record.place, {"id": name, "title": title, "text": text})
