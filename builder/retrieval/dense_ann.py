"""The approximate index for large corpora: any faiss factory string, trained on a seeded sample."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np

from ..errors import ConfigError, Problem
from .dense_vectors import StoredVectors, Vectors

FILE = "approximate.faiss"
_TRAINING = 500_000
"""Most embeddings to train on; faiss takes at most 256 a centroid."""
_STEP = 65_536
_EXAMPLES = (
    "Examples: IVF4096,PQ64 or HNSW32; a factory string of faiss, for which the corpus is large enough."
)


def build_approximate(vectors: StoredVectors, factory: str, search: str | None, file: Path) -> None:
    """Train, fill and write it.

    Raises:
        ConfigError: faiss does not know the factory string or the parameters, or the corpus is too small.
        OSError: the disk refuses.
    """
    try:
        index = faiss.index_factory(vectors.stored.shape[1], factory, faiss.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            index.train(_sample(vectors))
        for start in range(0, len(vectors), _STEP):
            index.add(vectors.block(start, start + _STEP))
    except RuntimeError as error:
        raise ConfigError(
            str(Problem("--faiss", f"must suit faiss ({_told(error)})", factory, _EXAMPLES))
        ) from error
    _tune(index, search)
    faiss.write_index(index, str(file))


def open_approximate(file: Path, search: str | None) -> faiss.Index:
    """The written index, mapped into memory where its kind allows that.

    Raises:
        RuntimeError: it cannot be read.
    """
    index = faiss.read_index(str(file), faiss.IO_FLAG_MMAP)
    _tune(index, search)
    return index


def candidates(index: faiss.Index, queries: Vectors, count: int) -> np.ndarray:
    """Positions of about the best `count` passages a query, -1 where it found fewer."""
    return index.search(queries, count)[1]


def _tune(index: faiss.Index, search: str | None) -> None:
    if not search:
        return
    try:
        faiss.ParameterSpace().set_index_parameters(index, search)
    except RuntimeError as error:
        fix = "Examples: nprobe=32 for IVF, efSearch=128 for HNSW."
        raise ConfigError(
            str(Problem("--faiss-search", f"must suit the index ({_told(error)})", search, fix))
        ) from error


def _sample(vectors: StoredVectors) -> Vectors:
    """Embeddings drawn with a fixed seed, in the order of the corpus."""
    if len(vectors) <= _TRAINING:
        return vectors.block(0, len(vectors))
    drawn = np.random.default_rng(0).choice(len(vectors), _TRAINING, replace=False)
    return vectors.rows(np.sort(drawn))


def _told(error: RuntimeError) -> str:
    """What faiss says, without the place in its source."""
    return str(error).rsplit(": ", 1)[-1].strip()[:160]
