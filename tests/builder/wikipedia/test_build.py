"""Corpora from every kind of source: same passages whatever the processes, whatever was killed."""

import gzip
import json
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from trajset.builder.config import IndexConfig
from trajset.builder.corpus import read_passages
from trajset.builder.corpus_config import CorpusConfig
from trajset.builder.errors import ConfigError, DataError, MissingExtraError, StorageError
from trajset.builder.identity import file_hash
from trajset.builder.retrieval.tantivy_index import build_index
from trajset.builder.schema import Passage
from trajset.builder.wikipedia import plan
from trajset.builder.wikipedia.build import Made, build_corpus
from wiki_dump import articles, multistream, packings, page, plain, words

ONE = CorpusConfig(processes=1, piece_kib=1)
TWO = CorpusConfig(processes=2, piece_kib=1)
PAGES = articles(30)


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    path = tmp_path / "simplewiki-1-pages-articles-multistream.xml.bz2"
    path.write_bytes(multistream(PAGES))
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """Every file that is not the folder's own business."""
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def expected() -> list[Passage]:
    return [
        Passage(
            f"{number}0-{place}",
            f"Title {number}0",
            " ".join(words(number, 250).split()[start : start + 100]),
        )
        for number in range(1, 31)
        for place, start in enumerate((0, 100, 200))
    ]


def test_a_dump_becomes_passages_of_a_hundred_words(dump: Path, tmp_path: Path) -> None:
    built = build_corpus(str(dump), tmp_path / "corpus", ONE)
    assert list(read_passages(str(tmp_path / "corpus"))) == expected()
    manifest = built.manifest
    assert (manifest.articles, manifest.passages) == (30, 90)
    assert manifest.dropped == {"namespace": 10, "redirect": 10}
    assert manifest.source == dump.name
    assert len(manifest.shards) > 2
    assert {shard.path: shard.sha256 for shard in manifest.shards} == {
        file.name: file_hash(file) for file in (tmp_path / "corpus").glob("*.parquet")
    }


def test_the_number_of_processes_changes_no_byte(dump: Path, tmp_path: Path) -> None:
    for name, config in (("one", ONE), ("two", TWO)):
        build_corpus(str(dump), tmp_path / name, config)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.parametrize("name", packings([]))
def test_the_packing_changes_no_passage(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(packings(PAGES)[name])
    build_corpus(str(tmp_path / name), tmp_path / "corpus", ONE)
    assert list(read_passages(str(tmp_path / "corpus"))) == expected()


def test_the_parts_of_a_dump_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    for part in (0, 1, 2, 9, 10):
        name = f"enwiki-1-pages-articles{part}.xml-p{part}p{part}.bz2"
        (folder / name).write_bytes(multistream([page(part + 1, words(part, 20))]))
    (folder / "enwiki-1-pages-articles-multistream-index.txt.bz2").write_bytes(b"no dump")
    build_corpus(str(folder), tmp_path / "corpus", ONE)
    ids = [passage.id for passage in read_passages(str(tmp_path / "corpus"))]
    assert ids == ["1-0", "2-0", "3-0", "10-0", "11-0"]
    build_corpus(str(folder), tmp_path / "first", CorpusConfig(processes=1, limit=4))
    assert [passage.id for passage in read_passages(str(tmp_path / "first"))] == ids[:4]


KILLED = """
import os, signal, sys
from pathlib import Path
from trajset.builder.corpus_config import CorpusConfig
from trajset.builder.wikipedia.build import build_corpus
if __name__ == "__main__":
    def report(made, fresh):
        print(made.pieces, fresh, flush=True)
        if made.pieces == int(sys.argv[4]):
            os.kill(os.getpid(), signal.SIGKILL)
    config = CorpusConfig(processes=int(sys.argv[3]), piece_kib=1)
    build_corpus(sys.argv[1], Path(sys.argv[2]), config, report)
"""


def run_killed(dump: Path, folder: Path, processes: int, at: int) -> list[str]:
    script = folder.parent / "run.py"
    script.write_text(KILLED)
    command = [sys.executable, str(script), str(dump), str(folder), str(processes), str(at)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    return done.stdout.splitlines()


@pytest.mark.parametrize("processes", [1, 2])
def test_a_killed_run_goes_on_and_gives_the_same_bytes(dump: Path, tmp_path: Path, processes: int) -> None:
    build_corpus(str(dump), tmp_path / "undisturbed", ONE)
    folder = tmp_path / "killed"
    run_killed(dump, folder, processes, 2)
    assert not (folder / "manifest.json").exists()
    (folder / ".staged-000001-1.parquet").write_bytes(b"what the kill left")
    run_killed(dump, folder, processes, 3)
    seen: list[tuple[int, bool]] = []
    build_corpus(str(dump), folder, ONE, lambda made, fresh: seen.append((made.pieces, fresh)))
    assert [count for count, _ in seen] == list(range(1, len(seen) + 1))
    assert [fresh for _, fresh in seen].count(False) >= 3
    assert contents(folder) == contents(tmp_path / "undisturbed")


def test_processes_end_with_a_parent_that_is_killed(dump: Path, tmp_path: Path) -> None:
    """They hold the other end of its output, which would stay open (and run into the time-out) with them."""
    assert run_killed(dump, tmp_path / "killed", 2, 1)[0] == "1 True"


def test_a_shard_that_is_damaged_is_made_again(dump: Path, tmp_path: Path) -> None:
    build_corpus(str(dump), tmp_path / "undisturbed", ONE)
    folder = tmp_path / "killed"
    run_killed(dump, folder, 1, 3)
    shard = folder / "passages-000001.parquet"
    shard.write_bytes(shard.read_bytes()[:-1])
    build_corpus(str(dump), folder, ONE)
    assert contents(folder) == contents(tmp_path / "undisturbed")


def test_a_finished_corpus_is_not_made_again(dump: Path, tmp_path: Path) -> None:
    build_corpus(str(dump), tmp_path / "corpus", ONE)
    before = contents(tmp_path / "corpus")
    seen: list[Made] = []
    again = build_corpus(str(dump), tmp_path / "corpus", TWO, lambda made, fresh: seen.append(made))
    assert again.reused
    assert not seen
    assert contents(tmp_path / "corpus") == before


def test_other_settings_or_another_source_are_refused(dump: Path, tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    run_killed(dump, folder, 1, 2)
    other = CorpusConfig(processes=1, piece_kib=1, words=50)
    with pytest.raises(DataError, match="must not hold a corpus of another source or with other settings"):
        build_corpus(str(dump), folder, other)
    build_corpus(str(dump), folder, ONE)
    dump.write_bytes(multistream(PAGES[:-1]))
    with pytest.raises(DataError, match="Choose another folder, or delete this one"):
        build_corpus(str(dump), folder, ONE)
    assert list(read_passages(str(folder))) == expected()


def test_a_foreign_folder_is_left_alone(dump: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("dear")
    with pytest.raises(DataError, match=r"must be absent, empty or a corpus; got \['notes.txt'\]"):
        build_corpus(str(dump), tmp_path / "mine", ONE)
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_an_unfinished_or_damaged_corpus_is_not_indexed(dump: Path, tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    run_killed(dump, folder, 1, 2)
    with pytest.raises(DataError, match=r"must be a finished corpus; got .* Run the same"):
        list(read_passages(str(folder)))
    build_corpus(str(dump), folder, ONE)
    assert build_index(str(folder), tmp_path / "index", IndexConfig()).manifest.passages == 90
    (folder / "passages-000001.parquet").unlink()
    with pytest.raises(DataError, match=r"passages-000001.parquet: must be there with .* bytes"):
        list(read_passages(str(folder)))


ARTICLES = [
    {"id": "12", "url": "u", "title": "A", "text": f"{words(1, 150)}\n\n{words(2, 60)}"},
    {"id": "13", "url": "u", "title": "B (disambiguation)", "text": words(3, 50)},
    {
        "id": "14",
        "url": "u",
        "title": "C",
        "text": "C may refer to:\n\nC, a letter with a long story of its own",
    },
    {"id": "15", "url": "u", "title": "D", "text": "short"},
    {"id": "16", "url": "u", "title": "E", "text": words(4, 20)},
]


def ids(folder: Path) -> list[str]:
    return [passage.id for passage in read_passages(str(folder))]


def test_articles_of_a_hub_dataset_as_parquet(tmp_path: Path) -> None:
    source = tmp_path / "20231101.en"
    source.mkdir()
    pq.write_table(pa.Table.from_pylist(ARTICLES[:3]), source / "train-00000-of-00002.parquet")
    pq.write_table(pa.Table.from_pylist(ARTICLES[3:]), source / "train-00001-of-00002.parquet")
    built = build_corpus(str(source), tmp_path / "one", ONE)
    assert ids(tmp_path / "one") == ["12-0", "12-1", "12-2", "16-0"]
    assert built.manifest.dropped == {"disambiguation": 2, "short": 1}
    build_corpus(str(source), tmp_path / "two", TWO)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    build_corpus(str(source), tmp_path / "kept", CorpusConfig(processes=1, disambiguation=True, limit=3))
    assert ids(tmp_path / "kept") == ["12-0", "12-1", "12-2", "13-0", "14-0"]


def test_the_dpr_passages_are_kept_as_they_are(tmp_path: Path) -> None:
    lines = ["id\ttext\ttitle", '1\t"Aaron ""was"" a prophet."\tAaron', '2\t"short"\t"A ""B"" C"']
    path = tmp_path / "psgs_w100.tsv.gz"
    path.write_bytes(gzip.compress("\n".join([*lines, ""]).encode()))
    build_corpus(str(path), tmp_path / "corpus", ONE)
    assert list(read_passages(str(tmp_path / "corpus"))) == [
        Passage("1", "Aaron", 'Aaron "was" a prophet.'),
        Passage("2", 'A "B" C', "short"),
    ]


def test_wiki_18_has_its_titles_in_the_contents(tmp_path: Path) -> None:
    records = [{"id": str(n), "contents": f'"Title {n}"\ntext "{n}"\nmore'} for n in range(3)]
    path = tmp_path / "wiki-18.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    build_corpus(str(path), tmp_path / "corpus", ONE)
    assert list(read_passages(str(tmp_path / "corpus"))) == [
        Passage(str(n), f"Title {n}", f'text "{n}"\nmore') for n in range(3)
    ]


def written(tmp_path: Path, records: list[dict[str, object]]) -> str:
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return str(path)


def test_columns_that_do_not_tell_need_a_kind(tmp_path: Path) -> None:
    source = written(tmp_path, [{"id": 1, "title": "T", "text": words(1, 120)}])
    with pytest.raises(ConfigError, match=r"--kind: must be named, the columns .* Say --kind articles"):
        build_corpus(source, tmp_path / "corpus", ONE)
    build_corpus(source, tmp_path / "cut", CorpusConfig(kind="articles", processes=1))
    assert ids(tmp_path / "cut") == ["1-0", "1-1"]
    build_corpus(source, tmp_path / "whole", CorpusConfig(kind="passages", processes=1))
    assert ids(tmp_path / "whole") == ["1"]


def test_other_column_names(tmp_path: Path) -> None:
    source = written(tmp_path, [{"n": 7, "name": "T", "body": words(1, 20)}])
    config = CorpusConfig("articles", title_field="name", text_field="body", id_field="n", processes=1)
    build_corpus(source, tmp_path / "corpus", config)
    assert list(read_passages(str(tmp_path / "corpus"))) == [Passage("7-0", "T", words(1, 20))]
    with pytest.raises(DataError, match=r"must have the column 'title'.*--title-field"):
        build_corpus(source, tmp_path / "other", CorpusConfig("articles", processes=1))


@pytest.mark.parametrize("processes", [1, 2])
def test_an_id_that_stands_twice_leaves_no_manifest(tmp_path: Path, processes: int) -> None:
    long = "x " * 2000
    source = written(tmp_path, [{"id": n % 5, "title": "T", "text": long} for n in range(7)])
    config = CorpusConfig("passages", processes=processes, piece_kib=1)
    with pytest.raises(DataError, match="an id must stand once in the corpus; got '0'"):
        build_corpus(source, tmp_path / "corpus", config)
    assert not (tmp_path / "corpus" / "manifest.json").exists()


def test_a_source_without_passages_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_bytes(plain([page(1, "too short"), page(2, "x", redirect=True)]))
    with pytest.raises(DataError, match=r"must give at least one passage; got \{'redirect': 1, 'short': 1\}"):
        build_corpus(str(path), tmp_path / "corpus", ONE)


@pytest.mark.parametrize("config", [ONE, TWO])
def test_a_damaged_piece_is_told_and_what_was_done_is_kept(
    dump: Path, tmp_path: Path, config: CorpusConfig
) -> None:
    content = dump.read_bytes()
    at = len(content) - 1500
    dump.write_bytes(content[:at] + bytes(30) + content[at + 30 :])
    with pytest.raises(DataError, match=r"xml\.bz2 bytes \d+-\d+: must be whole, sound bzip2 streams"):
        build_corpus(str(dump), tmp_path / "corpus", config)
    assert list((tmp_path / "corpus").glob("*.parquet"))


def test_a_missing_source_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="source: must exist"):
        build_corpus(str(tmp_path / "nowhere"), tmp_path / "corpus", ONE)
    with pytest.raises(DataError, match=r"source: must exist; .*Give a MediaWiki dump"):
        build_corpus(str(tmp_path / "enwiki.xml.bz2"), tmp_path / "corpus", ONE)
    with pytest.raises(DataError, match="must hold a MediaWiki dump"):
        build_corpus(str(tmp_path), tmp_path / "corpus", CorpusConfig("dump"))


def test_a_missing_extra_prints_its_install_line(
    dump: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "_DUMP_LIBRARIES", ("no-such-parser",))
    with pytest.raises(MissingExtraError, match=r"pip install 'trajset\[wiki\]'"):
        build_corpus(str(dump), tmp_path / "corpus", ONE)


FULL = """
import resource, sys
from pathlib import Path
from trajset.builder.corpus_config import CorpusConfig
from trajset.builder.errors import StorageError
from trajset.builder.wikipedia.build import build_corpus
if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        build_corpus(sys.argv[1], Path(sys.argv[2]), CorpusConfig(processes=int(sys.argv[3]), piece_kib=1))
    except StorageError as error:
        sys.exit(f"refused: {error}")
"""


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_full_disk_is_one_clear_error_and_the_next_run_goes_on(
    dump: Path, tmp_path: Path, processes: str
) -> None:
    script = tmp_path / "full.py"
    script.write_text(FULL)
    command = [sys.executable, str(script), str(dump), str(tmp_path / "full"), processes]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "refused: " in done.stderr
    assert "cannot be written" in done.stderr
    build_corpus(str(dump), tmp_path / "full", ONE)
    build_corpus(str(dump), tmp_path / "undisturbed", ONE)
    assert contents(tmp_path / "full") == contents(tmp_path / "undisturbed")


def test_nobody_else_writes_there(dump: Path, tmp_path: Path) -> None:
    from trajset.builder.locks import writing

    with writing(tmp_path / "corpus"), pytest.raises(StorageError, match="must not be in use"):
        build_corpus(str(dump), tmp_path / "corpus", ONE)


def test_the_manifest_says_nothing_of_this_machine(dump: Path, tmp_path: Path) -> None:
    build_corpus(str(dump), tmp_path / "corpus", ONE)
    text = (tmp_path / "corpus" / "manifest.json").read_text("utf-8")
    assert str(tmp_path) not in text
    assert set(json.loads(text)["settings"]) == {
        "limit", "piece-kib", "words", "min-words", "sentences", "disambiguation", "lists", "tables",
    }  # fmt: skip
