"""`trajset search` and `trajset recall` on one index and on several, with noise."""

from pathlib import Path


def test_search_and_recall_take_several_indexes_and_noise(world: Path, tmp_path: Path, launch, capsys):
    plain = tmp_path / "plain"
    assert launch("index", world / "corpus.jsonl", plain, "--stemmer", "") == 0
    capsys.readouterr()
    assert launch("recall", tmp_path / "index", world / "questions.jsonl", "--fuse", plain) == 0
    assert "rrf-60-100(" in capsys.readouterr().out.replace("\n", "")
    assert launch("search", tmp_path / "index", "film", "--fuse", plain, "--noise", "drop=1") == 0
    assert "the search engine did not answer" in capsys.readouterr().out
    assert launch("search", tmp_path / "index", "film", "--noise", "empty=1", "--k", "2") == 0
    assert "nothing found" in capsys.readouterr().out


def test_options_of_embeddings_without_a_model_are_told(world: Path, tmp_path: Path, launch, capsys):
    options = ("--faiss", "HNSW32", "--storage", "float16")
    for place in (tmp_path / "dense", "es:http://127.0.0.1:1/wiki"):
        assert launch("index", world / "corpus.jsonl", place, *options) == 2
        assert "dense: must be given with --faiss, --storage" in capsys.readouterr().err
    assert not (tmp_path / "dense").exists()
    place = ("es:http://127.0.0.1:1/wiki", "--dense", tmp_path / "model", "--faiss", "HNSW32")
    assert launch("index", world / "corpus.jsonl", *place) == 2
    assert "faiss: must be left out for an index in Elasticsearch" in capsys.readouterr().err


def test_what_cannot_be_fused_or_spoilt_is_told(world: Path, tmp_path: Path, launch, capsys):
    assert launch("search", tmp_path / "index", "film", "--fuse", tmp_path / "index") == 2
    assert "must not be fused with itself" in capsys.readouterr().err
    assert launch("search", tmp_path / "index", "film", "--noise", "dorp=1") == 2
    assert "Did you mean 'drop'" in capsys.readouterr().err.replace("\n", " ")
    assert launch("search", tmp_path / "none", "film") == 2
    assert "must be a folder with manifest.json" in capsys.readouterr().err.replace("\n", " ")


def test_the_index_stands_once_or_more_in_collect_and_in_its_config_file(world, tmp_path, launch):
    plain, config = tmp_path / "plain", tmp_path / "c.toml"
    assert launch("index", world / "corpus.jsonl", plain, "--stemmer", "") == 0
    asked = ["--questions", world / "questions.jsonl", "--teacher", "simulated", "--world", world]
    both = ["--index", tmp_path / "index", "--index", plain]
    assert launch("collect", *asked, *both, "--out", tmp_path / "a") == 0
    assert (tmp_path / "a" / "config.toml").read_text().count("/plain") == 1
    config.write_text(f'index = "{tmp_path / "index"}"\n')  # as older versions wrote it
    assert launch("--config", config, "collect", *asked, "--out", tmp_path / "b") == 0
    config.write_text(f'index = ["{tmp_path / "index"}", "{plain}"]\nnoise = ["drop=0.5"]\n')
    assert launch("--config", config, "collect", *asked, "--out", tmp_path / "c") == 0
    assert 'noise = [\n    "drop=0.5",\n]' in (tmp_path / "c" / "config.toml").read_text()
