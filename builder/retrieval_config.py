"""The options of an index, of fusing several, and of what is laid around a search engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from .option_types import Positive, Seed, Share
from .source_config import BY_DEFAULT, ElasticConfig


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class DenseConfig:
    """Settings of an index of embeddings (extra `[dense]`)."""

    dense: str | None = None
    """Embed with this sentence-transformers model (a name on the Hub, or a folder) instead of BM25."""
    dense_revision: str | None = None
    """Revision of the model on the Hub; the commit that it names is pinned either way."""
    query_prompt: str | None = None
    """Text put before a query. Without it the model's own, else that of its family (`query: ` for e5)."""
    passage_prompt: str | None = None
    """Text put before a passage, likewise."""
    similarity: Literal["auto", "cosine", "dot"] = "auto"
    """`cosine` normalises the embeddings; `auto` is what the model says."""
    max_length: Positive | None = None
    """Most tokens of a text that are read; without it the model's own limit."""
    faiss: str | None = None
    """An approximate index for large corpora, as a faiss factory string: `IVF4096,PQ64`, `HNSW32`, ..."""
    faiss_search: str | None = None
    """Search parameters of that index, as faiss writes them: `nprobe=32`, `efSearch=128`."""
    storage: Literal["float32", "float16"] = "float32"
    """Number format of the stored embeddings; float16 halves the disk space."""
    compute: Literal["float32", "float16", "bfloat16"] = "float32"
    """Number format that the model computes in; float16 and bfloat16 are for GPUs."""
    device: str | None = None
    """Where the model runs (`cpu`, `cuda`, `mps`, ...); without it a GPU where there is one."""
    batch_size: Positive = 64
    """Texts that are embedded at once."""


NOT_DENSE = DenseConfig()
"""BM25."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class IndexConfig:
    """Settings of an index: embedded BM25, or with `--dense` one of embeddings."""

    title_boost: Annotated[float, Parameter(validator=Number(gte=0))] = 0.5
    """BM25: weight of a match in the title beyond its weight as part of the passage (0: none)."""
    stemmer: str | None = "english"
    """BM25: language of stemmer and stop words; an empty text turns both off."""
    title_field: str = "title"
    """Name of the title column in the corpus."""
    text_field: str = "text"
    """Name of the text column in the corpus."""
    id_field: str | None = None
    """Name of the passage id column; without it `id` where it exists, else the passage's position."""
    name: str | None = None
    """Name of the corpus in the rows; without it that of the file, folder or repository."""
    embeddings: DenseConfig = NOT_DENSE


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class RetrievalConfig:
    """Settings of searching: fusion, the cache, and noise or faults laid over the results on purpose."""

    fusion_constant: Annotated[float, Parameter(validator=Number(gt=0))] = 60.0
    """The constant k of reciprocal rank fusion, where there are several indexes."""
    fusion_depth: Positive = 100
    """How many passages of each index are fused."""
    embedding_model: str | None = None
    """Folder of a dense index's model on this machine, where it is not where the index was built."""
    search_cache: Path | None = None
    """Folder that keeps search results from run to run. It never changes a result."""
    noise: tuple[str, ...] = ()
    """Spoil a share of the searches, as `KIND=SHARE`; the kinds are `drop` (a failed search), `empty`, `swap`
    (results of another query), `distract` (look-alikes ranked below) and `contradict` (names and numbers
    replaced)."""
    noise_seed: Seed = 0
    """Seed of the noise and the faults."""
    search_failures: Share = 0.0
    """Share of the calls to the search engine that fail as if it were down, to try out the infrastructure."""
    search_latency: Annotated[float, Parameter(validator=Number(gte=0))] = 0.0
    """Mean of an exponentially distributed delay in seconds added to every call to the search engine."""
    elastic: ElasticConfig = BY_DEFAULT


PLAIN = RetrievalConfig()
"""The search engine as it is."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class EvalRetrieval(RetrievalConfig):
    """How an evaluation searches: the noise is a curve. (It stands here because the types of what it inherits
    are looked up in its module.)"""

    noise: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = ()
    """Shares of spoilt searches for the mode `noisy`, as `KIND=SHARE`; each is a measurement of its own,
    several kinds at once stand with commas between (`drop=0.1,swap=0.1`). Kinds: `drop`, `empty`, `swap`,
    `distract`, `contradict`. Given any, `noisy` is among the modes; without any it is `drop=0.1`."""
