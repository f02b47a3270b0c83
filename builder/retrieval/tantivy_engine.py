"""How passages and queries become terms, and how tantivy scores them.

A passage is searched as title and text together (field `body`) and once more by its title alone (field
`title`, weighted). A query is plain words, never syntax: it goes through the same analyser, every distinct
term counts once, and any term may match (BM25 with tantivy's fixed k1 = 1.2, b = 0.75). Stop words stay in
the index and are dropped from queries that have other words, so "The Who" and "It" can still be found.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tantivy import (
    Document,
    Filter,
    Index,
    IndexWriter,
    Occur,
    Query,
    Schema,
    SchemaBuilder,
    TextAnalyzer,
    TextAnalyzerBuilder,
    Tokenizer,
)

from ..errors import ConfigError, unknown
from ..schema import Passage

MAX_QUERY_TERMS = 1024
"""Distinct terms of a query that are searched for; further ones are ignored (Lucene's customary limit)."""

STOP_WORD_LANGUAGES = (
    "danish", "dutch", "english", "finnish", "french", "german", "hungarian", "italian", "norwegian",
    "portuguese", "russian", "spanish", "swedish",
)  # fmt: skip
"""Languages for which tantivy has stop words."""

LANGUAGES = (*STOP_WORD_LANGUAGES, "arabic", "greek", "romanian", "tamil", "turkish")
"""Languages for which tantivy has a stemmer (Snowball)."""

_ANALYSER = "trajset"
_LONGEST_TERM = 255
_COUNTS = "freq"
WRITER_BYTES = 512_000_000
"""Most memory of the writer; taken as needed. One segment, hence the quickest search, up to about 800,000
passages of 80 words; more passages give several segments and the same ranking."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """Text to terms: split at what is no letter or digit, lower case, accents folded, stemmed."""

    all_words: TextAnalyzer
    no_stop_words: TextAnalyzer

    @classmethod
    def of(cls, language: str | None) -> Analysis:
        """For a language of `LANGUAGES`; None or an empty text: no stemming and no stop words.

        Raises:
            ConfigError: an unknown language.
        """
        if language and language not in LANGUAGES:
            raise ConfigError(str(unknown("stemmer", language, LANGUAGES)))
        return cls(
            _analyser(language or None, stop_words=False), _analyser(language or None, stop_words=True)
        )

    def query_terms(self, text: str) -> list[str]:
        """Distinct terms in the order they occur, at most `MAX_QUERY_TERMS`."""
        # A lone surrogate is valid in a Python text, not in UTF-8.
        text = text.encode("utf-8", "replace").decode("utf-8")
        terms = self.no_stop_words.analyze(text) or self.all_words.analyze(text)
        return list(islice(dict.fromkeys(terms), MAX_QUERY_TERMS))


def _analyser(language: str | None, stop_words: bool) -> TextAnalyzer:
    builder = TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.remove_long(_LONGEST_TERM))
    builder = builder.filter(Filter.lowercase()).filter(Filter.ascii_fold())
    if stop_words and language in STOP_WORD_LANGUAGES:
        builder = builder.filter(Filter.stopword(language))
    return (builder.filter(Filter.stemmer(language)) if language else builder).build()


def create_index(folder: Path, analysis: Analysis, writer_bytes: int = WRITER_BYTES) -> IndexWriter:
    """The writer of a new index in an empty folder: one thread, so that passages keep their order."""
    fields = SchemaBuilder()
    fields.add_bytes_field("id", stored=True)
    fields.add_text_field("title", tokenizer_name=_ANALYSER, index_option=_COUNTS)
    fields.add_text_field("body", stored=True, tokenizer_name=_ANALYSER, index_option=_COUNTS)
    fields.add_unsigned_field("position", fast=True)
    index = Index(fields.build(), path=str(folder))
    index.register_tokenizer(_ANALYSER, analysis.all_words)
    return index.writer(writer_bytes, num_threads=1)


def to_document(position: int, passage: Passage) -> Document:
    """The document of a passage. `body` has two values, the title and the text, and is what is stored."""
    document = Document()
    document.add_bytes("id", passage.id.encode())
    document.add_text("title", passage.title)
    document.add_text("body", passage.title)
    document.add_text("body", passage.text)
    document.add_unsigned("position", position)
    return document


def from_document(document: Document) -> Passage:
    """The inverse of `to_document`."""
    title, text = document.get_all("body")
    return Passage(bytes(document["id"][0]).decode(), title, text)


def any_of(schema: Schema, terms: list[str], title_boost: float) -> Query:
    """Passages with any of the terms; BM25 of the body plus `title_boost` times BM25 of the title."""
    clauses = [(Occur.Should, Query.term_query(schema, "body", term, _COUNTS)) for term in terms]
    if title_boost:
        titles = (Query.term_query(schema, "title", term, _COUNTS) for term in terms)
        clauses += [(Occur.Should, Query.boost_query(query, title_boost)) for query in titles]
    return Query.boolean_query(clauses)


def titled(schema: Schema, terms: list[str]) -> Query:
    """Passages whose title has all of the terms."""
    clauses = [(Occur.Must, Query.term_query(schema, "title", term, _COUNTS)) for term in terms]
    return Query.boolean_query(clauses)
