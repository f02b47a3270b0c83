"""Build an index in Elasticsearch from a corpus.

The corpus is read twice: once for its hash, by which the index is named, and once to send it. A passage's
document id is its position, so sending it again changes nothing; a build that died goes on in the same index
and passes over the batches that are there. `_meta.complete` is set last, and only then does the alias move,
in one step, from the index that it stood for to the new one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from ..corpus import CorpusDigest, PassageFields, read_passages
from ..errors import ConfigError, DataError, Problem, RetrieverError
from ..identity import content_hash
from ..pooled import open_corpus
from ..retrieval_config import IndexConfig
from ..schema import JsonObject, Passage
from ..source_config import ElasticBuildConfig, ElasticConfig
from ..sources import Source
from . import elastic_index as layout
from .elastic_client import Connection, ElasticSpec, connect
from .elastic_index import ElasticMeta, VectorField
from .embedder import Embedder

if TYPE_CHECKING:
    from elastic_transport import BaseNode

Progress = Callable[[int], None]
"""Told the number of passages that were dealt with since the last call."""
Stages = Callable[[str, int | None], Progress]
"""Told that a stage begins, and of how many passages if that is known; gives what its progress is told to."""

_BATCH = 1000
_RETRIES = 8
"""Tries of a document that the server rejects because it is overloaded, 1 to 60 seconds apart."""


@dataclass(frozen=True, slots=True)
class ElasticPlan:
    """How to build: what is indexed and how, the server, and the model for embeddings, if any."""

    index: IndexConfig
    server: ElasticConfig
    build: ElasticBuildConfig
    embedder: Embedder | None = None


@dataclass(frozen=True, slots=True)
class ElasticBuilt:
    """A complete index behind its alias. `reused`: it was there; `sent`: passages sent this time;
    `replaced`: indices that the alias stood for before."""

    name: str
    meta: ElasticMeta
    reused: bool
    sent: int
    replaced: tuple[str, ...]


def build_elastic(
    source: str,
    text: str,
    plan: ElasticPlan,
    stages: Stages = lambda stage, total: lambda passages: None,
    node_class: type[BaseNode] | None = None,
) -> ElasticBuilt:
    """Index a corpus behind the alias of a spec `es:URL/ALIAS`, or find it done.

    Raises:
        ConfigError: a bad spec or option, or the alias is the name of an index.
        DataError: the corpus cannot be read or breaks a rule (`corpus.read_passages`).
        HubError: the corpus is on the Hub, which cannot be reached or refuses.
        MissingExtraError: elasticsearch is not installed.
        RetrieverError: the server refuses or cannot be reached; the same command goes on later.
    """
    layout.check_language(plan.index.stemmer)
    connection = connect(ElasticSpec.parse(text), plan.server, node_class)
    build = _Build(connection, open_corpus(source), plan, stages)
    old = build.behind_alias()
    if (found := build.complete(old, build.key())) is not None:
        return found
    meta = build.describe()
    name = meta.index_name(connection.spec.alias)
    sent = 0 if build.finished(name) else build.fill(name, meta)
    return build.publish(name, meta, sent, [index for index in old if index != name])


@dataclass(frozen=True, slots=True)
class _Build:
    connection: Connection
    source: Source
    plan: ElasticPlan
    stages: Stages

    def key(self) -> str:
        """Hash over all that decides what lies in the index; known without reading the corpus."""
        kind = [layout.INDEX_FORMAT, layout.ENGINE, self._vector()]
        fingerprint = self.source.fingerprint()
        return content_hash([self._corpus_name(), fingerprint, self._fields(), self._settings(), kind])

    def behind_alias(self) -> dict[str, JsonObject]:
        """The indices that the alias stands for, with their mappings.

        Raises:
            ConfigError: an index, not an alias, has that name.
        """
        alias = self.connection.spec.alias
        with self.connection.errors():
            found = self.connection.client.options(ignore_status=404).indices.get(index=alias)
        if found.meta.status == 404:
            return {}
        if alias in found.body:
            fix = "Choose another alias; this index is left as it is."
            raise ConfigError(str(Problem(str(self.connection.spec), "must be free or an alias", alias, fix)))
        return {name: values["mappings"] for name, values in found.body.items()}

    def complete(self, behind: dict[str, JsonObject], key: str) -> ElasticBuilt | None:
        """The index behind the alias, if it is one, complete, and made from the same."""
        for name, mapping in behind.items():
            values = (mapping.get("_meta") or {}).get(layout.META_KEY)
            if len(behind) == 1 and values and values.get("complete") and values.get("build_key") == key:
                meta = layout.read_meta(str(self.connection.spec), mapping)
                return ElasticBuilt(name, meta, reused=True, sent=0, replaced=())
        return None

    def describe(self) -> ElasticMeta:
        """Read the corpus for its hash and size."""
        digest, progress, passages = CorpusDigest(), self.stages("passages read", None), 0
        for _, batch in self._batches(digest):
            passages += len(batch)
            progress(len(batch))
        sha256 = digest.hexdigest()
        return ElasticMeta(
            format=layout.INDEX_FORMAT,
            corpus=f"{self._corpus_name()}@{sha256[:8]}",
            corpus_hash=sha256,
            passages=passages,
            settings=self._settings(),
            build_key=self.key(),
            vector=self._vector(),
        )

    def finished(self, name: str) -> bool:
        """Whether an index of that name is there and complete (the alias points elsewhere)."""
        with self.connection.errors():
            found = self.connection.client.options(ignore_status=404).indices.get_mapping(index=name)
        if found.meta.status == 404:
            return False
        return layout.read_meta(name, found.body[name]["mappings"]).complete

    def fill(self, name: str, meta: ElasticMeta) -> int:
        """Make the index or go on with it; the number of passages sent."""
        there, digest = self._create(name, meta), CorpusDigest()
        sent = self._send(name, self._missing(name, there, digest, meta.passages))
        if digest.hexdigest() != meta.corpus_hash:
            fix = "Run the build again once nothing writes to it."
            problem = Problem(self.source.name, "must not change while it is read", meta.corpus, fix)
            raise DataError(str(problem))
        self._settle(name, meta)
        return sent

    def _create(self, name: str, meta: ElasticMeta) -> int:
        """The number of passages that are there already."""
        indices = self.connection.client.indices
        with self.connection.errors():
            if not indices.exists(index=name):
                indices.create(
                    index=name,
                    settings=layout.index_settings(self.plan.index, self.plan.build.es_shards),
                    mappings=layout.index_mappings(meta),
                )
                return 0
            indices.refresh(index=name)
            return self._count(name)

    def _missing(
        self, name: str, there: int, digest: CorpusDigest, total: int
    ) -> Iterator[tuple[int, list[Passage]]]:
        """The batches that are not whole in the index."""
        progress = self.stages("passages indexed", total)
        for start, batch in self._batches(digest):
            if not (there and self._holds(name, start, len(batch))):
                yield start, batch
            progress(len(batch))

    def _send(self, name: str, batches: Iterator[tuple[int, list[Passage]]]) -> int:
        """Send batches, some at once; the number of passages sent."""
        sent, threads = 0, self.plan.build.es_threads
        running: deque[Future[int]] = deque()
        with ThreadPoolExecutor(threads) as pool:
            try:
                for start, batch in batches:
                    running.append(pool.submit(self._bulk, name, self._documents(start, batch)))
                    if len(running) >= 2 * threads:
                        sent += running.popleft().result()
                return sent + sum(batch.result() for batch in running)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _batches(self, digest: CorpusDigest) -> Iterator[tuple[int, list[Passage]]]:
        passages, start = self._passages(), 0
        while batch := list(islice(passages, _BATCH)):
            for passage in batch:
                digest.add(passage)
            yield start, batch
            start += len(batch)

    def _documents(self, start: int, batch: Sequence[Passage]) -> list[JsonObject]:
        embedder = self.plan.embedder
        if embedder is None:
            return [layout.to_document(at, passage) for at, passage in enumerate(batch, start)]
        vectors = embedder.encode_passages([passage_text(passage) for passage in batch])
        pairs = zip(batch, vectors, strict=True)
        return [layout.to_document(at, one, vector.tolist()) for at, (one, vector) in enumerate(pairs, start)]

    def _bulk(self, name: str, documents: Sequence[JsonObject]) -> int:
        from elasticsearch.helpers import streaming_bulk

        actions = ({"_index": name, "_id": str(one["position"]), "_source": one} for one in documents)
        with self.connection.errors():
            for done, item in streaming_bulk(
                self.connection.client,
                actions,
                chunk_size=_BATCH,
                raise_on_error=False,
                max_retries=_RETRIES,
                initial_backoff=1,
                max_backoff=60,
            ):
                if not done:
                    raise self._rejected(item)
        return len(documents)

    def _rejected(self, item: JsonObject) -> RetrieverError:
        (result,) = item.values()
        error = result.get("error") or {}
        reason = f"{error.get('type')}: {error.get('reason')}" if isinstance(error, dict) else str(error)
        return self.connection.refusal(result.get("status", 500), f"document {result.get('_id')}: {reason}")

    def _holds(self, name: str, start: int, size: int) -> bool:
        with self.connection.errors():
            return self._count(name, {"range": {"position": {"gte": start, "lt": start + size}}}) == size

    def _count(self, name: str, query: JsonObject | None = None) -> int:
        return self.connection.client.count(index=name, query=query)["count"]

    def _settle(self, name: str, meta: ElasticMeta) -> None:
        """Make all searchable, check that all is there, and say so in the mapping, last."""
        client = self.connection.client
        with self.connection.errors():
            client.indices.refresh(index=name)
            if (count := self._count(name)) != meta.passages:
                fix = f"Delete the index {name} and build it again."
                problem = Problem(name, f"must hold {meta.passages} passages", count, fix)
                raise RetrieverError(str(problem))
            if self.plan.build.es_force_merge:
                client.options(request_timeout=None).indices.forcemerge(index=name, max_num_segments=1)
            settings = {"refresh_interval": None, "number_of_replicas": self.plan.build.es_replicas}
            client.indices.put_settings(index=name, settings=settings)
            client.indices.put_mapping(index=name, meta=replace(meta, complete=True).to_json())

    def publish(self, name: str, meta: ElasticMeta, sent: int, old: Sequence[str]) -> ElasticBuilt:
        """Point the alias at the index and at nothing else, in one step; delete the old ones if wanted."""
        alias, indices = self.connection.spec.alias, self.connection.client.indices
        actions: list[JsonObject] = [{"remove": {"index": index, "alias": alias}} for index in old]
        with self.connection.errors():
            indices.update_aliases(actions=[*actions, {"add": {"index": name, "alias": alias}}])
            if old and self.plan.build.es_delete_old:
                indices.delete(index=list(old))
        return ElasticBuilt(name, replace(meta, complete=True), reused=False, sent=sent, replaced=tuple(old))

    def _passages(self) -> Iterator[Passage]:
        return read_passages(self.source, self._fields())

    def _fields(self) -> PassageFields:
        config = self.plan.index
        return PassageFields(config.title_field, config.text_field, config.id_field)

    def _settings(self) -> JsonObject:
        return {"title_boost": self.plan.index.title_boost, "stemmer": self.plan.index.stemmer or None}

    def _corpus_name(self) -> str:
        return self.plan.index.name or self.source.name

    def _vector(self) -> VectorField | None:
        embedder = self.plan.embedder
        return None if embedder is None else VectorField(embedder.name, embedder.dims, embedder.settings)


def passage_text(passage: Passage) -> str:
    """What is embedded of a passage: title and text."""
    return layout.sendable(f"{passage.title}\n{passage.text}".strip())
