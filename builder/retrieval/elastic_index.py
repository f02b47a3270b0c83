"""How a corpus lies in Elasticsearch: analysis, mapping, documents, queries, what an index says of itself.

As in the embedded index, a passage is searched as title and text together (field `body`) and once more by its
title alone, weighted; terms are runs of letters and digits, lower case, accents folded, stemmed; stop words
stay in the index and are dropped from queries. Lucene's BM25 has the same k1 = 1.2 and b = 0.75. The stemmer
(Snowball) is the same, the lists of stop words are not, so rankings are close, not equal.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..errors import ConfigError, DataError, Problem, unknown
from ..identity import content_hash
from ..retrieval_config import IndexConfig
from ..schema import JsonObject, Passage
from .elastic_client import Mode
from .fusion import CONSTANT, DEPTH
from .tantivy_engine import LANGUAGES as EMBEDDED_LANGUAGES
from .tantivy_engine import STOP_WORD_LANGUAGES

ENGINE = "elasticsearch"
INDEX_FORMAT = 1
"""Raised when mapping or documents change: older indices must be rebuilt."""
LANGUAGES = tuple(name for name in EMBEDDED_LANGUAGES if name not in ("greek", "tamil"))
"""Languages of Elasticsearch's Snowball filter."""

ALL_WORDS = "trajset_all_words"
NO_STOP_WORDS = "trajset_no_stop_words"
META_KEY = "trajset"
MAX_QUERY_TERMS = 500
"""Distinct words of a query that are searched for, in two fields; servers take at least 1,024 clauses."""

_CANDIDATES = 10
_MOST_CANDIDATES = 10_000
_LEAST_CANDIDATES = 200
_SHOWN = ["id", "title", "text"]
_LONGEST_WORD = 255


@dataclass(frozen=True, slots=True)
class VectorField:
    """Whose embeddings an index holds: the model's name, the length of its vectors, what opens it again."""

    model: str
    dims: int
    settings: JsonObject


@dataclass(frozen=True, slots=True)
class ElasticMeta:
    """What an index says of itself, in `_meta` of its mapping.

    `corpus` is the name for rows, `corpus_hash` the SHA-256 of the corpus, `settings` title boost and
    stemmer. `build_key` is the hash over all that decides what lies in the index. `complete` is set last.
    """

    format: int
    corpus: str
    corpus_hash: str
    passages: int
    settings: JsonObject
    build_key: str
    vector: VectorField | None = None
    complete: bool = False

    def retriever(self, mode: Mode) -> str:
        """The name of a ranking for rows, such as `bm25-elasticsearch@ab12cd34`."""
        parts: list[object] = [INDEX_FORMAT, mode]
        if mode != "dense":
            parts.append(self.settings)
        if mode != "bm25":
            parts.append(self.vector and [self.vector.model, self.vector.dims])
        if mode == "hybrid":
            parts += [CONSTANT, DEPTH]
        return f"{mode}-{ENGINE}@{content_hash(parts, 8)}"

    def index_name(self, alias: str) -> str:
        """`ALIAS-CORPUS-SETTINGS`, two hashes of 8 digits: another corpus or setting, another index."""
        settings = content_hash([self.format, self.corpus, self.settings, self.vector], 8)
        return f"{alias}-{self.corpus_hash[:8]}-{settings}"

    def to_json(self) -> JsonObject:
        """The value of `_meta`."""
        return {META_KEY: dataclasses.asdict(self)}


def read_meta(place: str, mapping: JsonObject) -> ElasticMeta:
    """What the mapping of an index says.

    Raises:
        DataError: the index is not one of ours, or of another format.
    """
    fix = "Build it with this version: trajset index CORPUS es:URL/ALIAS"
    values = (mapping.get("_meta") or {}).get(META_KEY)
    names = [field.name for field in dataclasses.fields(ElasticMeta)]
    if not isinstance(values, dict) or any(name not in values for name in names):
        raise DataError(str(Problem(place, "must be an index of trajset", "another one", fix)))
    if values["format"] != INDEX_FORMAT:
        rule = f"must be of format {INDEX_FORMAT}, which this version reads"
        raise DataError(str(Problem(place, rule, values["format"], fix)))
    fields: JsonObject = {name: values[name] for name in names}
    fields["vector"] = VectorField(**values["vector"]) if values["vector"] else None
    return ElasticMeta(**fields)


def check_language(language: str | None) -> None:
    """Whether there is a stemmer for a language; None and an empty text mean none.

    Raises:
        ConfigError: there is not.
    """
    if language and language not in LANGUAGES:
        raise ConfigError(str(unknown("stemmer", language, LANGUAGES)))


def index_settings(config: IndexConfig, shards: int) -> JsonObject:
    """Settings for the time of the build: no refresh, no replicas."""
    return {
        "number_of_shards": shards,
        "number_of_replicas": 0,
        "refresh_interval": "-1",
        "analysis": _analysis(config.stemmer or None),
    }


def _analysis(language: str | None) -> JsonObject:
    folded = ["lowercase", "asciifolding"]
    stop = ["trajset_stop"] if language in STOP_WORD_LANGUAGES else []
    stem = ["trajset_stem"] if language else []
    filters: JsonObject = {}
    if language:
        filters["trajset_stem"] = {"type": "snowball", "language": language.capitalize()}
    if stop:
        filters["trajset_stop"] = {"type": "stop", "stopwords": f"_{language}_"}
    analyser = {"type": "custom", "tokenizer": "trajset_words"}
    return {
        "tokenizer": {
            "trajset_words": {
                "type": "char_group",
                "tokenize_on_chars": ["whitespace", "punctuation", "symbol"],
            }
        },
        "filter": filters,
        "analyzer": {
            ALL_WORDS: analyser | {"filter": [*folded, *stem]},
            NO_STOP_WORDS: analyser | {"filter": [*folded, *stop, *stem]},
        },
    }


def index_mappings(meta: ElasticMeta) -> JsonObject:
    """An explicit mapping: a document with any other field is refused."""
    text = {"type": "text", "analyzer": ALL_WORDS, "search_analyzer": NO_STOP_WORDS, "index_options": "freqs"}
    unsearched = {"type": "keyword", "index": False, "doc_values": False}
    properties: JsonObject = {
        "position": {"type": "integer"},
        "id": unsearched,
        "title": text | {"copy_to": "body"},
        "text": {"type": "text", "index": False, "copy_to": "body"},
        "body": text,
    }
    if meta.vector is not None:
        properties["vector"] = {
            "type": "dense_vector",
            "dims": meta.vector.dims,
            "similarity": "cosine",
            "index_options": {"type": "int8_hnsw"},
        }
    return {"dynamic": "strict", "_meta": meta.to_json(), "properties": properties}


def to_document(position: int, passage: Passage, vector: Sequence[float] | None = None) -> JsonObject:
    """The document of a passage; `position` counts from 0 and is the document's id too."""
    document: JsonObject = {
        "position": position,
        "id": passage.id,
        "title": sendable(passage.title),
        "text": sendable(passage.text),
    }
    return document if vector is None else document | {"vector": list(vector)}


def sendable(text: str) -> str:
    """The text as UTF-8 can carry it: a lone surrogate, valid in Python, becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


class _Separators(dict[int, str]):
    """Characters as the index' tokenizer takes them: letters, marks and digits stay, all else is a space."""

    def __missing__(self, code: int) -> str:
        self[code] = chr(code) if unicodedata.category(chr(code))[0] in "LMN" else " "
        return self[code]


_SEPARATORS = _Separators()


def query_words(text: str) -> str:
    """The distinct words of a query as plain text, at most `MAX_QUERY_TERMS`; empty where there is none."""
    words = dict.fromkeys(sendable(text).translate(_SEPARATORS).casefold().split())
    return " ".join(islice((word for word in words if len(word) <= _LONGEST_WORD), MAX_QUERY_TERMS))


def bm25_search(words: str, size: int, title_boost: float, analyser: str = NO_STOP_WORDS) -> JsonObject:
    """Passages with any of the words: BM25 of the body plus `title_boost` times BM25 of the title."""
    clauses = [{"match": {"body": {"query": words, "analyzer": analyser}}}]
    if title_boost:
        title: JsonObject = {"query": words, "analyzer": analyser, "boost": title_boost}
        clauses.append({"match": {"title": title}})
    return {
        "query": {"bool": {"should": clauses}},
        "size": size,
        "_source": _SHOWN,
        "track_total_hits": False,
        "track_scores": True,
        "sort": [{"_score": "desc"}, {"position": "asc"}],
    }


def knn_search(vector: Sequence[float], size: int) -> JsonObject:
    """The nearest passages by cosine, among a few times as many candidates of each shard."""
    candidates = min(_MOST_CANDIDATES, max(_LEAST_CANDIDATES, _CANDIDATES * size))
    knn: JsonObject = {"field": "vector", "query_vector": list(vector), "k": size}
    knn["num_candidates"] = candidates
    return {"knn": knn, "size": size, "_source": _SHOWN, "track_total_hits": False}


def passage_of(source: dict[str, Any]) -> Passage:
    """The passage of a document."""
    return Passage(source["id"], source["title"], source["text"])
