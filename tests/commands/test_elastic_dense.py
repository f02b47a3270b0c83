"""A sentence-transformers model in Elasticsearch ranks as its embedded index does, and is found again."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("faiss")
pytest.importorskip("sentence_transformers")
pytest.importorskip("elasticsearch")

from elastic_stub import Engine, serving
from tiny_embedder import make_tiny_embedder
from trajset.builder.errors import DataError
from trajset.builder.retrieval.opening import open_index
from trajset.builder.retrieval_config import RetrievalConfig

WORDS = ["river", "lake", "film", "actor", "king", "queen", "song", "album", "city", "bridge", "war"]
QUERIES = ["a river near a film", "king and queen", "album 49"]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    records = (
        {"id": f"p{n}", "title": f"{WORDS[n % 11]} {n}", "text": f"A {WORDS[n * 7 % 11]} and {n * n}."}
        for n in range(200)
    )
    path = tmp_path / "things.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    texts = [" ".join(WORDS), "query: passage:", *QUERIES, *map(str, range(200))]
    return Path(make_tiny_embedder(tmp_path / "e5-tiny", texts))


@pytest.fixture
def url() -> Iterator[str]:
    with serving(Engine()) as address:
        yield address


def test_the_server_ranks_as_the_embedded_index(corpus: Path, model: Path, url: str, launch, capsys) -> None:
    folder, spec = corpus.parent / "index", f"es:{url}/things"
    assert launch("index", corpus, folder, "--dense", model) == 0
    assert launch("index", corpus, spec, "--dense", model) == 0
    assert "200 passages of things@" in capsys.readouterr().out
    assert launch("index", corpus, spec, "--dense", model) == 0
    assert "unchanged, reused" in capsys.readouterr().out
    here, there = open_index([folder]), open_index([f"{spec}#dense"])
    for mine, theirs in zip(here.search(QUERIES, 10), there.search(QUERIES, 10), strict=True):
        assert [hit.passage for hit in mine] == [hit.passage for hit in theirs]
        assert [(1 + hit.score) / 2 for hit in mine] == pytest.approx([hit.score for hit in theirs], abs=1e-5)
    assert here.corpus == there.corpus
    assert len(open_index([f"{spec}#hybrid"]).search(QUERIES[:1], 10)[0]) == 10


def test_a_model_that_moved_is_named_and_another_one_is_refused(
    corpus: Path, model: Path, url: str, launch
) -> None:
    spec = f"es:{url}/things"
    assert launch("index", corpus, spec, "--dense", model) == 0
    before = open_index([f"{spec}#dense"]).search(QUERIES, 5)
    moved = shutil.move(model, corpus.parent / "elsewhere" / model.name)
    options = RetrievalConfig(embedding_model=str(moved))
    assert open_index([f"{spec}#dense"], options).search(QUERIES, 5) == before
    other = make_tiny_embedder(corpus.parent / "other", ["quite different words", "query: passage:"])
    with pytest.raises(DataError, match="must be the model that the index was built with"):
        open_index([f"{spec}#dense"], RetrievalConfig(embedding_model=other))
