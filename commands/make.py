"""World, index, search, recall."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from ..builder.config import IndexConfig, WorldConfig
from ..builder.retrieval.evaluate import hits_table, look_up, recall_table
from ..builder.retrieval.evaluate import measure_recall as recall_of_index
from ..builder.retrieval.tantivy_index import build_index
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
        built = build_index(corpus, folder, config, count)
    manifest = built.manifest
    state = "unchanged, reused" if built.reused else "indexed"
    console.print(
        f"{folder}: {manifest.passages:,} passages of {manifest.corpus} {state} ({manifest.retriever})"
    )


def show_search(folder: Path, query: str, k: int, console: Console) -> None:
    """Print the hits of one query."""
    for call in look_up(folder, [query], k):
        console.print(hits_table(call))


def measure_recall(folder: Path, questions: str, limit: int | None, console: Console) -> None:
    """Print recall and MRR of an index over questions with gold titles."""
    console.print(recall_table(recall_of_index(folder, questions, limit)))
