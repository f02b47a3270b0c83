"""From specs and options to a search engine: which engine, fused with what, wrapped in what."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from trajset.builder.collect_run import run_collect
from trajset.builder.config import CollectConfig, IndexConfig, WorldConfig
from trajset.builder.errors import ConfigError, DataError
from trajset.builder.retrieval.index_manifest import MANIFEST
from trajset.builder.retrieval.opening import open_index, open_retriever
from trajset.builder.retrieval.tantivy_index import TantivyRetriever, build_index
from trajset.builder.retrieval_config import RetrievalConfig
from trajset.builder.schema import StopReason
from trajset.builder.world.files import write_world
from trajset.builder.world.world import generate


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small world with two indexes over its corpus, and one over another."""
    folder = tmp_path_factory.mktemp("world")
    write_world(generate(WorldConfig(entities=60, questions=20)), folder)
    corpus = str(folder / "corpus.jsonl")
    build_index(corpus, folder / "index", IndexConfig())
    build_index(corpus, folder / "plain", IndexConfig(stemmer="", title_boost=0, name="other-name"))
    other = folder / "other.jsonl"
    other.write_text(json.dumps({"title": "a", "text": "b"}) + "\n")
    build_index(str(other), folder / "other", IndexConfig())
    return folder


@pytest.fixture
def config(world: Path, tmp_path: Path) -> CollectConfig:
    return CollectConfig(
        str(world / "questions.jsonl"),
        (str(world / "index"),),
        tmp_path / "out",
        "simulated",
        world=world,
    )


def test_one_index_is_opened_as_it_is(world: Path) -> None:
    assert isinstance(open_index([world / "index"]), TantivyRetriever)
    assert isinstance(open_index([str(world / "index")]), TantivyRetriever)


def test_several_are_fused_with_the_constant_and_depth_asked_for(world: Path) -> None:
    options = RetrievalConfig(fusion_constant=10, fusion_depth=7)
    fused = open_index([world / "index", world / "plain"], options)
    names = [open_index([world / name]).name for name in ("index", "plain")]
    assert fused.name == f"rrf-10-7({names[0]}+{names[1]})"
    assert len(fused.search(["film"], 5)[0]) == 5


def test_indexes_over_different_corpora_are_refused(world: Path) -> None:
    with pytest.raises(ConfigError, match="must be over one corpus"):
        open_index([world / "index", world / "other"])


def test_an_engine_of_a_later_version_is_named(world: Path, tmp_path: Path) -> None:
    values = json.loads((world / "other" / MANIFEST).read_bytes())
    (tmp_path / MANIFEST).write_text(json.dumps(values | {"engine": "oracle", "files": {}}))
    with pytest.raises(DataError, match="engine: must be one that exists; got 'oracle'"):
        open_index([tmp_path])


def test_wrappers_are_laid_around_in_one_order(world: Path, config: CollectConfig, tmp_path: Path) -> None:
    options = RetrievalConfig(
        noise=("swap=0.1",), noise_seed=3, search_failures=0.01, search_cache=tmp_path / "cache"
    )
    name = open_index([world / "index"]).name
    wrapped = open_retriever(replace(config, retrieval=options))
    assert wrapped.name == f"faults(fail=0.01,latency=0,seed=3)/noise(swap=0.1,seed=3)/{name}"
    quiet = open_retriever(replace(config, retrieval=RetrievalConfig(search_cache=tmp_path / "cache")))
    assert quiet.name == name


def test_dropped_searches_are_rows_and_not_outages(config: CollectConfig) -> None:
    plain = list(run_collect(config).rows())
    noisy = replace(config, out=config.out / "noisy", retrieval=RetrievalConfig(noise=("drop=0.5",)))
    rows = list(run_collect(noisy).rows())
    assert all(row.outcome.stop_reason is not StopReason.INFRASTRUCTURE for row in rows)
    failed = sum(row.search_use.n_failed_searches for row in rows)
    assert failed > sum(row.search_use.n_failed_searches for row in plain)
    assert {row.provenance.retriever for row in rows} != {row.provenance.retriever for row in plain}
    assert not {row.identity.id for row in rows} & {row.identity.id for row in plain}
    again = replace(noisy, out=config.out / "again", concurrency=1)
    assert [row.conversation for row in run_collect(again).rows()] == [row.conversation for row in rows]


def test_the_cache_leaves_the_rows_as_they_are(config: CollectConfig, tmp_path: Path) -> None:
    cached = RetrievalConfig(search_cache=tmp_path / "cache")
    runs = [
        replace(config, out=tmp_path / name, retrieval=options)
        for name, options in (("a", RetrievalConfig()), ("b", cached), ("c", cached))
    ]
    first, second, third = ([(row.identity, row.conversation) for row in run_collect(c).rows()] for c in runs)
    assert first == second == third


def test_bm25_needs_none_of_the_libraries_for_embeddings(world: Path) -> None:
    code = (
        "import sys; from trajset.builder.retrieval.opening import open_index;"
        f"open_index([{str(world / 'index')!r}]).search(['film'], 3);"
        "print([name for name in ('faiss', 'sentence_transformers', 'torch') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert shown.strip() == "[]"


def test_missing_libraries_are_named_with_their_extra(world: Path, tmp_path: Path) -> None:
    """In a Python that sees only this one's packages but faiss."""
    hidden = tmp_path / "sitecustomize.py"
    hidden.write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name == 'faiss' else find(name, package)\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    command = [
        sys.executable,
        "-m",
        "trajset",
        "index",
        world / "other.jsonl",
        tmp_path / "i",
        "--dense",
        "m",
    ]
    run = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert "pip install 'trajset[dense]'" in run.stderr
