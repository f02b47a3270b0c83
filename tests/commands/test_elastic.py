"""Index, search, recall and collect against Elasticsearch, from the command line."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from elastic_stub import Engine, serving
from trajset.builder.dataset import LocalDataset

KEY = "c2VjcmV0LWtleQ=="


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("MY_KEY", KEY)
    with serving(Engine(key=KEY)) as address:
        yield address


def test_the_whole_way(world: Path, tmp_path: Path, url: str, launch, capsys) -> None:
    """The rows are those of the embedded index, but for the retriever's name; no server or key is in them."""
    spec, key = f"es:{url}/wiki", ("--es-api-key-env", "MY_KEY")
    corpus, questions = world / "corpus.jsonl", world / "questions.jsonl"
    assert launch("index", corpus, spec, *key, "--es-force-merge") == 0
    assert "passages of corpus@" in capsys.readouterr().out
    assert launch("index", corpus, spec, *key) == 0
    assert "unchanged, reused" in capsys.readouterr().out
    assert launch("search", spec, "river", "--k", 2, *key) == 0
    assert "rank" in capsys.readouterr().out
    assert launch("recall", spec, questions, *key) == 0
    assert "bm25-elasticsearch@" in capsys.readouterr().out
    asked = ["collect", "--questions", questions, "--teacher", "simulated", "--world", world]
    assert launch(*asked, "--index", spec, *key, "--out", tmp_path / "remote") == 0
    assert launch(*asked, "--index", tmp_path / "index", "--out", tmp_path / "local") == 0
    remote, local = (LocalDataset.open(tmp_path / name) for name in ("remote", "local"))
    assert [row.conversation for row in remote.rows()] == [row.conversation for row in local.rows()]
    assert {row.provenance.corpus for row in remote.rows()} == {row.provenance.corpus for row in local.rows()}
    files = [file for file in (tmp_path / "remote").rglob("*") if file.is_file()]
    assert not [file for file in files if KEY.encode() in file.read_bytes()]
    published = [file for file in files if file.name in ("manifest.json", "README.md")]
    assert len(published) == 2
    assert not [
        file for file in published if url.encode() in file.read_bytes() or b"MY_KEY" in file.read_bytes()
    ]


def test_another_index_is_no_resume(world: Path, tmp_path: Path, url: str, launch, capsys) -> None:
    spec, key = f"es:{url}/wiki", ("--es-api-key-env", "MY_KEY")
    asked = ["collect", "--questions", world / "questions.jsonl", "--teacher", "simulated", "--world", world]
    assert launch("index", world / "corpus.jsonl", spec, *key) == 0
    assert launch(*asked, "--index", spec, *key, "--out", tmp_path / "out") == 0
    assert launch("index", world / "corpus.jsonl", spec, *key, "--title-boost", 2) == 0
    capsys.readouterr()
    assert launch(*asked, "--index", spec, *key, "--out", tmp_path / "out", "--resume") == 2
    assert "retriever" in capsys.readouterr().err


def test_exit_codes(world: Path, url: str, launch, capsys) -> None:
    assert launch("search", f"es:{url}/wiki", "river") == 3
    assert "must accept the API key" in capsys.readouterr().err
    assert launch("search", f"es:{url}/wiki", "river", "--es-api-key-env", "MY_KEY") == 3
    assert "must exist" in capsys.readouterr().err
    assert launch("search", "es:http://elastic:hunter2@localhost/wiki", "river") == 2
    assert "hunter2" not in capsys.readouterr().err
    assert launch("index", world / "corpus.jsonl", "es:http://127.0.0.1:9/wiki", "--es-retries", 0) == 3
    assert "must be reachable" in capsys.readouterr().err
