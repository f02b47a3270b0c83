"""`trajset corpus`: a source of articles to a folder of passages."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ..builder.corpus_config import CorpusConfig
from ..builder.corpus_folder import CorpusManifest
from ..builder.wikipedia.build import Made, Report, build_corpus
from .progress import STDERR


def make_corpus(source: str, folder: Path, config: CorpusConfig, console: Console) -> None:
    """Make or finish the corpus, or say that it is there."""
    with _shown() as report:
        built = build_corpus(source, folder, config, report)
    state = "unchanged, reused" if built.reused else "written"
    manifest = built.manifest
    console.print(
        f"{folder}: {manifest.passages:,} passages of {manifest.articles:,} {_unit(manifest)} {state} "
        f"({manifest.content_hash[:8]})"
    )
    if manifest.dropped:
        left_out = ", ".join(f"{reason} {count:,}" for reason, count in manifest.dropped.items())
        console.print(f"left out: {left_out}")


def _unit(manifest: CorpusManifest) -> str:
    return "records" if manifest.source_kind == "passages" else "articles"


@contextmanager
def _shown() -> Generator[Report]:
    """On a terminal: pieces, articles and passages so far, and how many a second in this run."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=STDERR, transient=True, disable=not STDERR.is_terminal) as bar:
        task = bar.add_task("reading the source", total=None)
        started = bar.get_time()
        before = Made()

        def report(made: Made, fresh: bool) -> None:
            nonlocal before
            if not fresh:
                before = made
            bar.update(task, description=describe(made, before, bar.get_time() - started))

        yield report


def describe(made: Made, before: Made, elapsed_s: float) -> str:
    """Counts in all, and rates of what came since `before`."""
    elapsed_s = max(elapsed_s, 1e-9)
    articles = (made.articles - before.articles) / elapsed_s
    passages = (made.passages - before.passages) / elapsed_s
    return (
        f"{made.pieces:,} pieces, {made.articles:,} articles ({articles:,.0f}/s), "
        f"{made.passages:,} passages ({passages:,.0f}/s)"
    )
