"""World, index, search, recall."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from ..builder.config import IndexConfig, WorldConfig, config_values
from ..builder.errors import ConfigError, Problem
from ..builder.retrieval.elastic_build import ElasticBuilt, ElasticPlan, build_elastic
from ..builder.retrieval.elastic_client import ElasticSpec
from ..builder.retrieval.evaluate import hits_table, look_up, recall_table
from ..builder.retrieval.evaluate import measure_recall as recall_of_index
from ..builder.retrieval.index_folder import BuiltIndex, Progress
from ..builder.retrieval.opening import open_index, require_dense
from ..builder.retrieval.retriever import Retriever
from ..builder.retrieval.tantivy_index import build_index
from ..builder.retrieval_config import NOT_DENSE, RetrievalConfig
from ..builder.source_config import QuestionFields
from ..builder.world.files import write_world
from ..builder.world.wording import Style
from ..builder.world.world import generate
from .progress import counting, staged


def make_world(folder: Path, config: WorldConfig, style: Style, console: Console) -> None:
    """Generate the demo world and write it."""
    made = generate(config, style)
    write_world(made, folder)
    console.print(f"{folder}: {made.id}, {config.entities:,} entities, {len(made.questions):,} questions")


def make_index(corpus: str, folder: Path, config: IndexConfig, console: Console) -> None:
    """Build the index, or say that it is there.

    Raises:
        ConfigError: options of embeddings are given without a model.
    """
    _check_dense(config)
    with counting("passages") as count:
        built = _build(corpus, folder, config, count)
    manifest = built.manifest
    state = "unchanged, reused" if built.reused else "indexed"
    console.print(
        f"{folder}: {manifest.passages:,} passages of {manifest.corpus} {state} ({manifest.retriever})"
    )


def _check_dense(config: IndexConfig) -> None:
    given, plain = config_values(config.embeddings), config_values(NOT_DENSE)
    options = sorted(f"--{name}" for name in given if given[name] != plain.get(name))
    if config.embeddings.dense is None and options:
        fix = "Name the model, such as --dense intfloat/e5-large-v2, or leave them out."
        rule = f"must be given with {', '.join(options)}"
        raise ConfigError(str(Problem("dense", rule, None, fix)))


def _check_no_faiss(config: IndexConfig) -> None:
    for name in ("faiss", "faiss_search", "storage"):
        value = getattr(config.embeddings, name)
        if value != getattr(NOT_DENSE, name):
            fix = "Elasticsearch keeps vectors in its own way (int8_hnsw): leave it out, or name a folder."
            rule = "must be left out for an index in Elasticsearch"
            raise ConfigError(str(Problem(name, rule, value, fix)))


def _build(corpus: str, folder: Path, config: IndexConfig, count: Progress) -> BuiltIndex:
    if config.embeddings.dense is None:
        return build_index(corpus, folder, config, count)
    require_dense()
    from ..builder.retrieval.dense_index import build_dense_index

    return build_dense_index(corpus, folder, config, count)


def make_elastic_index(corpus: str, spec: str, plan: ElasticPlan, console: Console) -> None:
    """Build an index in Elasticsearch, or say that it is there.

    Raises:
        ConfigError: options of embeddings are given without a model, or are those of a folder.
    """
    _check_dense(plan.index)
    _check_no_faiss(plan.index)
    if plan.index.embeddings.dense is not None:
        require_dense()
        from ..builder.retrieval.dense_embedder import open_embedder

        plan = replace(plan, embedder=open_embedder(plan.index.embeddings))
    with staged() as stages:
        built = build_elastic(corpus, spec, plan, stages)
    console.print(_built(ElasticSpec.parse(spec), built), soft_wrap=True)
    if built.replaced:
        fate = "deleted" if plan.build.es_delete_old else "kept, without the alias"
        console.print(f"Before: {', '.join(built.replaced)} ({fate}).", soft_wrap=True)


def _built(spec: ElasticSpec, built: ElasticBuilt) -> str:
    meta = built.meta
    state = "unchanged, reused" if built.reused else f"indexed ({built.sent:,} sent now)"
    ranking = meta.retriever(spec.mode)
    return f"{spec} -> {built.name}: {meta.passages:,} passages of {meta.corpus} {state} ({ranking})"


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


@dataclass(frozen=True, slots=True)
class Asked:
    """Which questions, how many of them, and where they keep what."""

    questions: str
    limit: int | None
    fields: QuestionFields


def measure_recall(searched: Searched, asked: Asked, console: Console) -> None:
    """Print recall and MRR of an index over questions with gold titles."""
    report = recall_of_index(searched.open(), asked.questions, asked.limit, asked.fields)
    console.print(recall_table(report))
