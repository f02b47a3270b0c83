"""The embedded BM25 index: build it from a corpus, open it, search it.

A complete index is a folder with `manifest.json`; it appears under its name in one step, so a build that
dies leaves the previous index, or none, never half of one. The ranking depends on corpus and settings
alone: equal scores are ordered by the passages' position in the corpus.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import cast

import tantivy

from ..config import save_config
from ..corpus import CorpusDigest, PassageFields, read_passages
from ..errors import DataError, Problem, RetrieverError, StorageError
from ..identity import content_hash
from ..pooled import open_corpus
from ..retrieval_config import IndexConfig
from ..schema import Hit, JsonObject, Passage
from ..sources import Source
from .index_folder import BuiltIndex, Progress, existing_index, replacing
from .index_manifest import BM25 as ENGINE
from .index_manifest import ENGINE_FOLDER, INDEX_FORMAT, REBUILD, IndexManifest, file_sizes, read_manifest
from .tantivy_engine import Analysis, any_of, create_index, from_document, titled, to_document

_PROGRESS_STEP = 1000
_MARGIN = 8
_TITLED = 1000
"""Passages with the words of a title that are asked for at first."""
_POOL_FROM = 16
_POOL_THREADS = 8


def build_index(
    source: str, out: Path, config: IndexConfig, progress: Progress = lambda passages: None
) -> BuiltIndex:
    """Index a corpus into the folder `out`, or find it done. An older index in `out` is replaced at the end.

    Raises:
        ConfigError: an unknown stemmer language.
        DataError: the corpus cannot be read or breaks a rule (`corpus.read_passages`), or `out` holds
            something that is not an index, or one of another engine.
        HubError: the corpus is on the Hub, which cannot be reached or refuses.
        StorageError: the disk is full or not writable, or another build is writing `out`.
    """
    opened = open_corpus(source)
    build = _Build(source, opened, config, Analysis.of(config.stemmer), _build_key(opened, config))
    with replacing(out) as folder:
        if existing := existing_index(out, ENGINE, build.key):
            return existing
        manifest = build.run(folder.start(), progress)
        folder.finish()
    return BuiltIndex(out, manifest, reused=False)


def _settings(config: IndexConfig) -> JsonObject:
    """What changes the ranking of a given corpus."""
    return {"title_boost": config.title_boost, "stemmer": config.stemmer or None}


def _fields(config: IndexConfig) -> PassageFields:
    return PassageFields(config.title_field, config.text_field, config.id_field)


def _build_key(source: Source, config: IndexConfig) -> str:
    name = config.name or source.name
    engine = [INDEX_FORMAT, ENGINE, version(ENGINE)]
    return content_hash([name, source.fingerprint(), _fields(config), _settings(config), engine])


@dataclass(frozen=True, slots=True)
class _Build:
    source: str
    opened: Source
    config: IndexConfig
    analysis: Analysis
    key: str

    def run(self, folder: Path, progress: Progress) -> IndexManifest:
        """Fill an empty folder; the manifest comes last."""
        engine = folder / ENGINE_FOLDER
        engine.mkdir()
        digest = CorpusDigest()
        passages = self._index(engine, digest, progress)
        save_config(self.config, folder / "config.toml")
        manifest = self._manifest(digest.hexdigest(), passages, file_sizes(engine))
        manifest.write(folder)
        return manifest

    def _index(self, engine: Path, digest: CorpusDigest, progress: Progress) -> int:
        writer = create_index(engine, self.analysis)
        count = 0
        passages = read_passages(self.opened, _fields(self.config))
        while batch := list(islice(passages, _PROGRESS_STEP)):
            with _engine_writes():
                for position, passage in enumerate(batch, count):
                    digest.add(passage)
                    writer.add_document(to_document(position, passage))
            count += len(batch)
            progress(len(batch))
        with _engine_writes():
            writer.commit()
            writer.wait_merging_threads()
        return count

    def _manifest(self, corpus_hash: str, passages: int, files: dict[str, int]) -> IndexManifest:
        settings = _settings(self.config)
        return IndexManifest(
            format=INDEX_FORMAT,
            retriever=f"bm25-{ENGINE}@{content_hash([INDEX_FORMAT, settings], 8)}",
            corpus=f"{self.config.name or self.opened.name}@{corpus_hash[:8]}",
            corpus_hash=corpus_hash,
            passages=passages,
            source=self.source,
            settings=settings,
            engine=ENGINE,
            engine_version=version(ENGINE),
            build_key=self.key,
            files=files,
        )


@contextmanager
def _engine_writes() -> Generator[None]:
    """tantivy reports a full disk, like any failure of its writing thread, as a ValueError."""
    try:
        yield
    except ValueError as error:
        fix = "Free some space or choose another folder."
        raise StorageError(str(Problem("out", "must be writable", str(error), fix))) from error


@contextmanager
def _engine_answers() -> Generator[None]:
    """What the engine raises while it searches, as an error of ours."""
    try:
        yield
    except (ValueError, OSError) as error:
        fix = "Open the index again; if that fails, rebuild it."
        raise RetrieverError(str(Problem("search", "must succeed", str(error), fix))) from error


@dataclass(frozen=True, slots=True)
class TantivyRetriever:
    """A Retriever over an index on disk; safe to share between threads. Make it with `open`."""

    name: str
    corpus: str
    passages: int
    title_boost: float
    analysis: Analysis
    schema: tantivy.Schema
    searcher: tantivy.Searcher

    @classmethod
    def open(cls, path: Path) -> TantivyRetriever:
        """Open a complete index.

        Raises:
            DataError: not an index, an unfinished or damaged one, or one of an incompatible version.
        """
        manifest = read_manifest(path)
        try:
            index = tantivy.Index.open(str(path / ENGINE_FOLDER))
            searcher = index.searcher()
        except (ValueError, OSError) as error:
            rule = f"must be readable by {ENGINE} {version(ENGINE)} (built by {manifest.engine_version})"
            raise DataError(str(Problem(str(path), rule, str(error), REBUILD))) from error
        settings = manifest.settings
        return cls(
            name=manifest.retriever,
            corpus=manifest.corpus,
            passages=manifest.passages,
            title_boost=settings["title_boost"],
            analysis=Analysis.of(settings["stemmer"]),
            schema=index.schema,
            searcher=searcher,
        )

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """At most `k` hits a query, best first; scores are BM25. Any text is a valid query.

        The engine works outside the interpreter lock, so a large batch is spread over threads.

        Raises:
            RetrieverError: the engine failed, for instance because the index was deleted meanwhile.
        """
        one = partial(self._search, k=k)
        if len(queries) < _POOL_FROM:
            return [one(query) for query in queries]
        with ThreadPoolExecutor(min(_POOL_THREADS, os.cpu_count() or 1)) as pool:
            return list(pool.map(one, queries))

    def by_titles(self, titles: Sequence[str], most: int) -> dict[str, list[Passage]]:
        """At most `most` passages of exactly each title, in the order of the corpus.

        Raises:
            RetrieverError: the engine failed.
        """
        return {title: self._titled(title, most) for title in titles}

    def _titled(self, title: str, most: int) -> list[Passage]:
        terms = self.analysis.all_words.analyze(title.encode("utf-8", "replace").decode("utf-8"))
        if not terms:
            return []
        with _engine_answers():
            query, limit = titled(self.schema, terms), min(_TITLED, self.passages)
            hits = self.searcher.search(query, limit, count=False).hits
            while len(hits) == limit < self.passages:
                limit = min(10 * limit, self.passages)
                hits = self.searcher.search(query, limit, count=False).hits
            addresses = [address for _, address in hits]
            positions = cast("list[int]", self.searcher.fast_field_values("position", addresses))
            ranked = sorted(zip(positions, addresses, strict=True), key=lambda pair: pair[0])
            passages = (self._passage(address) for _, address in ranked)
            return list(islice((passage for passage in passages if passage.title == title), most))

    def _search(self, query: str, k: int) -> list[Hit]:
        terms = self.analysis.query_terms(query)
        if not terms or k < 1:
            return []
        with _engine_answers():
            ranked = self._ranked(any_of(self.schema, terms, self.title_boost), k)
            return [Hit(self._passage(address), score) for score, _, address in ranked]

    def _passage(self, address: tantivy.DocAddress) -> Passage:
        return from_document(self.searcher.doc(address))

    def _ranked(self, query: tantivy.Query, k: int) -> list[tuple[float, int, tantivy.DocAddress]]:
        """Score, position and address of the best `k`, equal scores in the order of the corpus.

        Within one segment that is the engine's own order. Among several it is not, so more than `k` are asked
        for, until a lower score shows that no passage of the k-th score is missing.
        """
        one_segment = self.searcher.num_segments == 1
        limit = k if one_segment else k + _MARGIN
        while True:
            limit = min(limit, self.passages)
            hits = self.searcher.search(query, limit, count=False).hits
            if one_segment or len(hits) < limit or limit == self.passages or hits[k - 1][0] > hits[-1][0]:
                break
            limit *= 4
        addresses = [address for _, address in hits]
        positions = cast("list[int]", self.searcher.fast_field_values("position", addresses))
        ranked = zip((score for score, _ in hits), positions, addresses, strict=True)
        return sorted(ranked, key=lambda hit: (-hit[0], hit[1]))[:k]
