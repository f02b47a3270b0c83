"""Build an index of embeddings from a corpus. A crash costs one shard at most.

The next build goes on from the others. The folder has the layout of every index (`index_manifest`):
`manifest.json` last, the engine's files beside it. Passages lie there once, as text and as embedding;
`--faiss` adds an approximate index over the latter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import faiss
import numpy as np
import sentence_transformers
from numpy.typing import NDArray

from ..config import save_config
from ..corpus import CorpusDigest, PassageFields, read_passages
from ..errors import DataError, Problem
from ..identity import canonical_json, content_hash
from ..pooled import open_corpus
from ..retrieval_config import IndexConfig
from ..schema import JsonObject, Passage
from ..sources import Source
from .dense_ann import FILE as APPROXIMATE
from .dense_ann import build_approximate
from .dense_model import Encoder, open_encoder
from .dense_shards import DATA, LOG, ShardWriter, text_digest
from .dense_vectors import StoredVectors
from .index_folder import BuiltIndex, Progress, existing_index, replacing
from .index_manifest import DENSE, ENGINE_FOLDER, INDEX_FORMAT, MANIFEST, IndexManifest, file_sizes
from .passage_store import FILE as PASSAGES
from .passage_store import PassageWriter

SHARD = 8192
"""Passages in a shard: what a crash costs at most."""

_STEP = 512
"""Passages embedded between two reports of progress."""


def build_dense_index(
    source: str,
    out: Path,
    config: IndexConfig,
    progress: Progress = lambda passages: None,
    shard: int = SHARD,
) -> BuiltIndex:
    """Embed a corpus into the folder `out`, or find it done. An older index in `out` is replaced at the end.

    What a build that died had finished is in a hidden folder beside `out`; shards whose passages, model and
    prompts are the same are taken from there, or from the older index.

    Raises:
        ConfigError: the model cannot be loaded, or faiss refuses the options.
        DataError: the corpus cannot be read or breaks a rule (`corpus.read_passages`), the model gives no
            finite numbers, or `out` holds something that is not an index, or one of another engine.
        HubError: the corpus or the model is on the Hub, which cannot be reached or refuses.
        StorageError: the disk is full or not writable, or another build is writing `out`.
    """
    build = _Build(source, open_corpus(source), config, open_encoder(config.embeddings), shard)
    with replacing(out, resumable=True) as folder:
        if existing := existing_index(out, DENSE, build.key):
            return existing
        manifest = build.run(folder.start(), out / ENGINE_FOLDER, progress)
        folder.finish()
    return BuiltIndex(out, manifest, reused=False)


@dataclass(frozen=True, slots=True)
class _Build:
    source: str
    opened: Source
    config: IndexConfig
    encoder: Encoder
    shard: int

    @property
    def fields(self) -> PassageFields:
        """The columns of the corpus."""
        return PassageFields(self.config.title_field, self.config.text_field, self.config.id_field)

    @property
    def settings(self) -> JsonObject:
        """What decides the ranking of a given corpus, and where the model was."""
        wanted = self.config.embeddings
        return {
            **asdict(self.encoder.encoding),
            "storage": wanted.storage,
            "faiss": wanted.faiss,
            "faiss_search": wanted.faiss_search,
        }

    @property
    def ranking(self) -> str:
        """A hash over what decides the ranking, wherever the model lies."""
        return content_hash([INDEX_FORMAT, self.settings | {"model": self.encoder.encoding.short_name}])

    @property
    def key(self) -> str:
        """By which a rebuild is spared."""
        name = self.config.name or self.opened.name
        return content_hash([DENSE, name, self.opened.fingerprint(), self.fields, self.ranking])

    def run(self, folder: Path, previous: Path, progress: Progress) -> IndexManifest:
        """Fill the folder from what is there already, from the `previous` engine and from the corpus."""
        (folder / MANIFEST).unlink(missing_ok=True)
        engine = folder / ENGINE_FOLDER
        engine.mkdir(exist_ok=True)
        self._clear(engine)
        digest = CorpusDigest()
        passages = self._embed(engine, previous, digest, progress)
        self._add_approximate(engine, passages)
        save_config(self.config, folder / "config.toml")
        manifest = self._manifest(digest.hexdigest(), passages, file_sizes(engine))
        manifest.write(folder)
        return manifest

    def _clear(self, engine: Path) -> None:
        """Leave nothing in the folder but embeddings."""
        for path in engine.iterdir():
            if path.name not in (DATA, LOG):
                path.unlink()

    def _embed(self, engine: Path, previous: Path, digest: CorpusDigest, progress: Progress) -> int:
        count = 0
        key = content_hash([self.encoder.encoding.key, self.config.embeddings.storage])
        with PassageWriter(engine / PASSAGES) as store, ShardWriter(engine, key, previous) as shards:
            for passages in _in_shards(self._passages(digest), self.shard):
                store.add(passages)
                texts = text_digest([canonical_json(passage) for passage in passages])
                if shards.reuse(texts):
                    progress(len(passages))
                else:
                    shards.write(texts, self._vectors(passages, progress))
                count += len(passages)
        return count

    def _passages(self, digest: CorpusDigest) -> Iterator[Passage]:
        for passage in read_passages(self.opened, self.fields):
            digest.add(passage)
            yield passage

    def _vectors(self, passages: Sequence[Passage], progress: Progress) -> NDArray[np.floating]:
        parts: list[NDArray[np.floating]] = []
        for start in range(0, len(passages), _STEP):
            step = passages[start : start + _STEP]
            parts.append(self._checked(step))
            progress(len(step))
        return np.concatenate(parts)

    def _checked(self, passages: Sequence[Passage]) -> NDArray[np.floating]:
        vectors = self.encoder.passages(passages).astype(self.config.embeddings.storage)
        if not np.isfinite(vectors).all():
            bad = passages[int(np.argmin(np.isfinite(vectors).all(axis=1)))]
            fix = "Try --compute float32 and --storage float32."
            raise DataError(str(Problem("embedding", "must be finite numbers", bad.id, fix)))
        return vectors

    def _add_approximate(self, engine: Path, passages: int) -> None:
        wanted = self.config.embeddings
        if wanted.faiss:
            vectors = StoredVectors.open(engine, wanted.storage, passages)
            build_approximate(vectors, wanted.faiss, wanted.faiss_search, engine / APPROXIMATE)

    def _manifest(self, corpus_hash: str, passages: int, files: dict[str, int]) -> IndexManifest:
        return IndexManifest(
            format=INDEX_FORMAT,
            retriever=f"dense-{self.encoder.encoding.short_name}@{self.ranking[:8]}",
            corpus=f"{self.config.name or self.opened.name}@{corpus_hash[:8]}",
            corpus_hash=corpus_hash,
            passages=passages,
            source=self.source,
            settings=self.settings,
            engine=DENSE,
            engine_version=f"{faiss.__version__}, sentence-transformers {sentence_transformers.__version__}",
            build_key=self.key,
            files=files,
        )


def _in_shards(passages: Iterator[Passage], size: int) -> Iterator[list[Passage]]:
    while shard := list(islice(passages, size)):
        yield shard
