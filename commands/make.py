"""World, index, search, recall."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from ..builder.config import IndexConfig, WorldConfig
from ..builder.retrieval.evaluate import hits_table, look_up, recall_table
from ..builder.retrieval.evaluate import measure_recall as recall_of_index
from ..builder.retrieval.index_folder import BuiltIndex, Progress
from ..builder.retrieval.opening import open_index, require_dense
from ..builder.retrieval.retriever import Retriever
from ..builder.retrieval.tantivy_index import build_index
from ..builder.retrieval_config import RetrievalConfig
from ..builder.world.files import write_world
from ..builder.world.world import generate
from .progress import counting


def make_world(folder: Path, config: WorldConfig, console: Console) -> None:
    """Generate the demo world and write it."""
    made = generate(config)
    write_world(made, folder)
    console.print(f"{folder}: {made.id}, {config.entities:,} entities, {len(made.questions):,} questions")


def make_index(corpus: str, folder: Path, config: IndexConfig, console: Console) -> None:
    """Build the index, or say that it is there."""
    with counting("passages") as count:
        built = _build(corpus, folder, config, count)
    manifest = built.manifest
    state = "unchanged, reused" if built.reused else "indexed"
    console.print(
        f"{folder}: {manifest.passages:,} passages of {manifest.corpus} {state} ({manifest.retriever})"
    )


def _build(corpus: str, folder: Path, config: IndexConfig, count: Progress) -> BuiltIndex:
    if config.embeddings.dense is None:
        return build_index(corpus, folder, config, count)
    require_dense()
    from ..builder.retrieval.dense_index import build_dense_index

    return build_dense_index(corpus, folder, config, count)


@dataclass(frozen=True, slots=True)
class Searched:
    """What to search: one index, or several fused, with what the options lay around."""

    indexes: tuple[str, ...]
    options: RetrievalConfig

    def open(self) -> Retriever:
        """The search engine.

        Raises: what `open_index` raises.
        """
        return open_index(self.indexes, self.options)


def show_search(searched: Searched, query: str, k: int, console: Console) -> None:
    """Print the hits of one query."""
    for call in look_up(searched.open(), [query], k):
        console.print(hits_table(call))


def measure_recall(searched: Searched, questions: str, limit: int | None, console: Console) -> None:
    """Print recall and MRR of a search engine over questions with gold titles."""
    console.print(recall_table(recall_of_index(searched.open(), questions, limit)))
