"""The embedded index: any text is a query, rankings repeat, builds are spared, finished or undone."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import tantivy
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st
from trajset.builder.config import IndexConfig
from trajset.builder.errors import ConfigError, DataError, RetrieverError, StorageError
from trajset.builder.retrieval.by_title import passages_titled
from trajset.builder.retrieval.cache import CachedRetriever
from trajset.builder.retrieval.fusion import FusedRetriever
from trajset.builder.retrieval.retriever import DictRetriever
from trajset.builder.retrieval.tantivy_engine import Analysis, create_index, to_document
from trajset.builder.retrieval.tantivy_index import TantivyRetriever, build_index
from trajset.builder.schema import Hit, Passage

PASSAGES = [
    ("Hamlet", "A tragedy by William Shakespeare about a prince of Denmark."),
    ("The Who", "An English rock band."),
    ("Beyoncé", "An American singer."),
    ("C++", "A programming language; see also Bjarne Stroustrup's books."),
    ("東京", "東京 is the capital of Japan."),
    ("Empty", ""),
    ("", "An untitled text about running and runners."),
    ("title:foo", "AND OR NOT - * \" ( ^ ~ are plain words here, and so is foo."),
]  # fmt: skip


def write_corpus(path: Path, passages: list[tuple[str, str]]) -> str:
    records = ({"id": f"p{n}", "title": title, "text": text} for n, (title, text) in enumerate(passages))
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return str(path)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    return build_index(write_corpus(folder / "small.jsonl", PASSAGES), folder / "index", IndexConfig()).path


@pytest.fixture(scope="module")
def retriever(index: Path) -> TantivyRetriever:
    return TantivyRetriever.open(index)


def titles(retriever: TantivyRetriever, query: str, k: int = 3) -> list[str]:
    return [hit.passage.title for hit in retriever.search([query], k)[0]]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("wrote: (hamlet?", "Hamlet"),
        ("HAMLET'S", "Hamlet"),
        ("the who", "The Who"),
        ("beyonce", "Beyoncé"),
        ("BEYONCÉ", "Beyoncé"),
        ("programs", "C++"),
        ("東京", "東京"),
        ("title:foo", "title:foo"),
        ('"foo AND (bar', "title:foo"),
        ("-hamlet", "Hamlet"),
        ("to run", ""),
        ("hamlet\x00", "Hamlet"),
        ("hamlet \ud800", "Hamlet"),
        ("foo " * 250_000, "title:foo"),
    ],
)
def test_any_text_is_plain_words(retriever: TantivyRetriever, query: str, first: str) -> None:
    assert titles(retriever, query)[0] == first


@pytest.mark.parametrize("query", ["", " ", "?!", "😀", "\x00", "\ud800", "zzz"])
def test_words_that_are_nowhere_find_nothing(retriever: TantivyRetriever, query: str) -> None:
    assert titles(retriever, query) == []


def test_stop_words_are_searched_where_there_is_nothing_else(retriever: TantivyRetriever) -> None:
    assert titles(retriever, "the")[0] == "The Who"
    assert "The Who" not in titles(retriever, "the hamlet", k=10)


def test_passages_come_back_whole(retriever: TantivyRetriever) -> None:
    hits = retriever.search(["hamlet", "empty", "untitled"], 1)
    found = [hit.passage for (hit,) in hits]
    assert found == [Passage(f"p{n}", *PASSAGES[n]) for n in (0, 5, 6)]
    assert all(hit.score > 0 for (hit,) in hits)


@pytest.mark.parametrize(("k", "count"), [(-1, 0), (0, 0), (1, 1), (100, 3), (10**15, 3)])
def test_any_k(retriever: TantivyRetriever, k: int, count: int) -> None:
    assert len(retriever.search(["an hamlet english american"], k)[0]) == count


words = st.sampled_from([word for title, text in PASSAGES for word in f"{title} {text}".split()])
queries = st.one_of(st.text(), st.lists(st.one_of(words, st.text(max_size=5))).map(" ".join))


@given(query=queries, k=st.integers(1, 20))
def test_any_query_gives_distinct_hits_in_falling_order(
    retriever: TantivyRetriever, query: str, k: int
) -> None:
    (hits,) = retriever.search([query], k)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert len({hit.passage.id for hit in hits}) == len(hits) <= k


@given(batch=st.lists(queries, max_size=40), k=st.integers(1, 5))
def test_a_batch_is_its_queries_one_by_one(retriever: TantivyRetriever, batch: list[str], k: int) -> None:
    assert retriever.search(batch, k) == [retriever.search([query], k)[0] for query in batch]


def tied_passages() -> list[tuple[str, str]]:
    """1,200 passages of which many score alike."""
    return [(f"Place {n % 7}", f"word{n % 3} town " + "filler " * (n % 5)) for n in range(1200)]


def test_threads_get_what_one_thread_gets(tmp_path: Path) -> None:
    built = build_index(write_corpus(tmp_path / "c.jsonl", tied_passages()), tmp_path / "i", IndexConfig())
    retriever = TantivyRetriever.open(built.path)
    asked = [f"town word{n % 4} place {n % 9}" for n in range(64)]
    expected = [retriever.search([query], 10)[0] for query in asked]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: retriever.search(asked, 10), range(8)))
    assert all(result == expected for result in results)


def open_engine(folder: Path, retriever: TantivyRetriever) -> TantivyRetriever:
    index = tantivy.Index.open(str(folder))
    return replace(retriever, schema=index.schema, searcher=index.searcher())


def write_engine(folder: Path, passages: list[tuple[str, str]], commits: int) -> None:
    """An engine of about as many segments as commits."""
    folder.mkdir()
    writer = create_index(folder, Analysis.of("english"), 15_000_000)
    step = -(-len(passages) // commits)
    for position, (title, text) in enumerate(passages):
        writer.add_document(to_document(position, Passage(f"p{position}", title, text)))
        if position % step == step - 1:
            writer.commit()
    writer.commit()
    writer.wait_merging_threads()


def test_the_ranking_does_not_depend_on_segments_and_a_smaller_k_gives_its_beginning(tmp_path: Path) -> None:
    passages = tied_passages()
    built = build_index(write_corpus(tmp_path / "c.jsonl", passages), tmp_path / "i", IndexConfig())
    whole = TantivyRetriever.open(built.path)
    write_engine(tmp_path / "parts", passages, commits=5)
    parts = open_engine(tmp_path / "parts", whole)
    assert (whole.searcher.num_segments, parts.searcher.num_segments) == (1, 5)
    for query in ("town", "place 3", "word1 town filler", "place", "word0 word1 word2 filler"):
        all_hits = whole.search([query], 1200)[0]
        order = [(-hit.score, int(hit.passage.id[1:])) for hit in all_hits]
        assert order == sorted(order)
        for k in (1, 3, 10, 100):
            assert whole.search([query], k)[0] == all_hits[:k] == parts.search([query], k)[0]


def test_two_builds_rank_alike(tmp_path: Path) -> None:
    source = write_corpus(tmp_path / "c.jsonl", tied_passages())
    one, two = (
        TantivyRetriever.open(build_index(source, tmp_path / name, IndexConfig()).path) for name in ("a", "b")
    )
    assert one.search(["place 2 town"], 50) == two.search(["place 2 town"], 50)
    assert (one.name, one.corpus) == (two.name, two.corpus)


def state(folder: Path) -> dict[str, tuple[int, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_ino) for path in files}


def test_an_unchanged_corpus_is_not_indexed_again(tmp_path: Path) -> None:
    source = write_corpus(tmp_path / "towns.jsonl", PASSAGES)
    counted: list[int] = []
    first = build_index(source, tmp_path / "index", IndexConfig(), counted.append)
    assert (first.reused, sum(counted), first.manifest.passages) == (False, len(PASSAGES), len(PASSAGES))
    before = state(first.path)
    again = build_index(source, tmp_path / "index", IndexConfig(), counted.append)
    assert (again.reused, again.manifest, sum(counted)) == (True, first.manifest, len(PASSAGES))
    assert state(first.path) == before
    assert first.manifest.corpus == f"towns@{first.manifest.corpus_hash[:8]}"


@pytest.mark.parametrize(
    "changed",
    [
        IndexConfig(title_boost=1.0),
        IndexConfig(stemmer=""),
        IndexConfig(name="other"),
        IndexConfig(title_field="id"),
    ],
)
def test_other_settings_build_anew(tmp_path: Path, changed: IndexConfig) -> None:
    source = write_corpus(tmp_path / "c.jsonl", PASSAGES)
    first = build_index(source, tmp_path / "index", IndexConfig())
    second = build_index(source, tmp_path / "index", changed)
    assert not second.reused
    ours, theirs = first.manifest, second.manifest
    assert (ours.retriever, ours.corpus) != (theirs.retriever, theirs.corpus)


def test_a_changed_corpus_is_indexed_anew_and_the_name_tells(tmp_path: Path) -> None:
    first = build_index(write_corpus(tmp_path / "c.jsonl", PASSAGES), tmp_path / "index", IndexConfig())
    source = write_corpus(tmp_path / "c.jsonl", [*PASSAGES, ("New", "A newcomer.")])
    second = build_index(source, tmp_path / "index", IndexConfig())
    assert not second.reused
    assert first.manifest.corpus != second.manifest.corpus
    assert titles(TantivyRetriever.open(tmp_path / "index"), "newcomer") == ["New"]


def test_a_name_and_a_move_do_not_change_the_content_hash(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    first = build_index(write_corpus(tmp_path / "c.jsonl", PASSAGES), tmp_path / "a", IndexConfig())
    moved = write_corpus(tmp_path / "elsewhere" / "c.jsonl", PASSAGES)
    assert build_index(moved, tmp_path / "a", IndexConfig()).reused
    named = build_index(moved, tmp_path / "b", IndexConfig(name="demo-world")).manifest
    assert named.corpus == f"demo-world@{first.manifest.corpus_hash[:8]}"


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_a_broken_corpus_leaves_the_older_index_and_nothing_else(tmp_path: Path) -> None:
    first = build_index(write_corpus(tmp_path / "c.jsonl", PASSAGES), tmp_path / "index", IndexConfig())
    before = state(first.path)
    (tmp_path / "bad.jsonl").write_text('{"title": "T", "text": "x"}\n[]\n')
    for out in ("index", "new"):
        with pytest.raises(DataError, match=r"bad\.jsonl:2"):
            build_index(str(tmp_path / "bad.jsonl"), tmp_path / out, IndexConfig())
    assert state(first.path) == before
    assert visible(tmp_path) == ["bad.jsonl", "c.jsonl", "index"]


CRASH = """
    import os, sys
    from pathlib import Path
    from trajset.builder.config import IndexConfig
    from trajset.builder.retrieval.tantivy_index import build_index
    build_index(sys.argv[1], Path(sys.argv[2]), IndexConfig(), lambda count: os.kill(os.getpid(), 9))
"""


@pytest.mark.parametrize("older", [True, False])
def test_a_killed_build_is_built_anew_and_the_older_index_stays(tmp_path: Path, older: bool) -> None:
    out = tmp_path / "index"
    if older:
        build_index(write_corpus(tmp_path / "old.jsonl", PASSAGES), out, IndexConfig())
    source = write_corpus(tmp_path / "c.jsonl", tied_passages())
    command = [sys.executable, "-c", textwrap.dedent(CRASH), source, str(out)]
    assert subprocess.run(command, check=False).returncode == -9
    assert (tmp_path / ".index.building").is_dir()
    if older:
        assert titles(TantivyRetriever.open(out), "hamlet") == ["Hamlet"]
    else:
        with pytest.raises(DataError, match=r"must be a folder with manifest\.json"):
            TantivyRetriever.open(out)
    assert build_index(source, out, IndexConfig()).manifest.passages == 1200
    assert [name for name in visible(tmp_path) if name.startswith(".")] == []


def test_a_crash_between_the_two_renames_loses_nothing(tmp_path: Path) -> None:
    built = build_index(write_corpus(tmp_path / "c.jsonl", PASSAGES), tmp_path / "index", IndexConfig())
    built.path.rename(tmp_path / ".index.replaced")
    again = build_index(str(tmp_path / "c.jsonl"), tmp_path / "index", IndexConfig())
    assert again.reused
    assert visible(tmp_path) == ["c.jsonl", "index"]


def damaged(index: Path) -> Iterator[tuple[str, str]]:
    """Ways to spoil an index, each with words of the message."""
    manifest = index / "manifest.json"
    whole = manifest.read_text()
    values = json.loads(whole)
    manifest.unlink()
    yield "must be a folder with manifest.json", "trajset index CORPUS"
    manifest.write_text(whole[:50])
    yield "must be JSON", "Build it anew"
    manifest.write_text("[]")
    yield "must be a JSON object", "Build it anew"
    manifest.write_text(json.dumps(values | {"format": 0}))
    yield "must be of format 1", "got 0"
    manifest.write_text(json.dumps({key: value for key, value in values.items() if key != "corpus"}))
    yield "must have the key 'corpus'", "Build it anew"
    manifest.write_text(whole)
    engine_file = next(path for path in (index / "engine").iterdir() if path.suffix == ".store")
    os.truncate(engine_file, 10)
    yield "must hold engine/", "got 10"
    engine_file.unlink()
    yield "must hold engine/", "got None"


def test_a_damaged_index_is_told_and_built_anew(tmp_path: Path) -> None:
    source = write_corpus(tmp_path / "c.jsonl", PASSAGES)
    pristine = build_index(source, tmp_path / "pristine", IndexConfig()).path
    shutil.copytree(pristine, tmp_path / "index")
    for rule, fix in damaged(tmp_path / "index"):
        with pytest.raises(DataError) as caught:
            TantivyRetriever.open(tmp_path / "index")
        assert rule in str(caught.value)
        assert fix in str(caught.value)
    assert not build_index(source, tmp_path / "index", IndexConfig()).reused
    assert titles(TantivyRetriever.open(tmp_path / "index"), "hamlet") == ["Hamlet"]


def test_an_engine_that_this_version_cannot_read_is_told(tmp_path: Path) -> None:
    built = build_index(write_corpus(tmp_path / "c.jsonl", PASSAGES), tmp_path / "index", IndexConfig())
    meta = built.path / "engine" / "meta.json"
    meta.write_text("x" * meta.stat().st_size)
    with pytest.raises(DataError, match=r"must be readable by tantivy .*Build it anew"):
        TantivyRetriever.open(built.path)


def test_what_is_no_index_is_never_replaced(tmp_path: Path) -> None:
    source = write_corpus(tmp_path / "c.jsonl", PASSAGES)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("precious")
    (tmp_path / "file").write_text("precious")
    for name, value in (("mine", r"\['thesis.tex'\]"), ("file", "'a file'")):
        with pytest.raises(DataError, match=rf"must be absent, empty or an index; got {value}\. It is left"):
            build_index(source, tmp_path / name, IndexConfig())
    assert (tmp_path / "mine" / "thesis.tex").read_text() == (tmp_path / "file").read_text() == "precious"
    (tmp_path / "empty").mkdir()
    assert not build_index(source, tmp_path / "empty", IndexConfig()).reused


def test_two_builds_of_one_folder_do_not_meet(tmp_path: Path) -> None:
    source = write_corpus(tmp_path / "c.jsonl", PASSAGES)
    with (
        FileLock(tmp_path / ".index.lock"),
        pytest.raises(StorageError, match="must not be in use by another build"),
    ):
        build_index(source, tmp_path / "index", IndexConfig())


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    source = write_corpus(tmp_path / "c.jsonl", PASSAGES)
    with pytest.raises(StorageError, match=r"out: must be writable; got .*Free some space"):
        build_index(source, tmp_path / "c.jsonl" / "index", IndexConfig())


FULL_DISK = """
    import resource, signal, sys
    from pathlib import Path
    from trajset.builder.config import IndexConfig
    from trajset.builder.errors import StorageError
    from trajset.builder.retrieval.tantivy_index import build_index
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    try:
        build_index(sys.argv[1], Path(sys.argv[2]), IndexConfig())
    except StorageError as error:
        print(error)
"""


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    passages = [(f"T{n}", f"x{n} y{n * 7} z{n * n}") for n in range(20_000)]
    source = write_corpus(tmp_path / "c.jsonl", passages)
    command = [sys.executable, "-c", textwrap.dedent(FULL_DISK), source, str(tmp_path / "index")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "must be writable" in done.stdout
    assert "Traceback" not in done.stderr
    assert visible(tmp_path) == ["c.jsonl"]


def test_unknown_language_lists_what_exists(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"stemmer: .*got 'englisch'\. Did you mean 'english'\? Known: arabic"
    ):
        build_index(
            write_corpus(tmp_path / "c.jsonl", PASSAGES), tmp_path / "i", IndexConfig(stemmer="englisch")
        )


@pytest.mark.parametrize(
    ("stemmer", "found"), [(None, 0), ("", 0), ("english", 1), ("german", 0), ("arabic", 0)]
)
def test_stemming_is_by_language_or_off(tmp_path: Path, stemmer: str | None, found: int) -> None:
    config = IndexConfig(stemmer=stemmer)
    built = build_index(write_corpus(tmp_path / "c.jsonl", PASSAGES), tmp_path / "i", config)
    retriever = TantivyRetriever.open(built.path)
    assert len(titles(retriever, "runs")) == found
    assert titles(retriever, "hamlet")[0] == "Hamlet"


def test_an_engine_failure_is_a_retriever_error(retriever: TantivyRetriever) -> None:
    closed = replace(retriever, schema=tantivy.SchemaBuilder().build())
    with pytest.raises(RetrieverError, match="search: must succeed"):
        closed.search(["hamlet"], 3)


def test_passages_by_title_are_those_of_exactly_that_title(tmp_path: Path) -> None:
    pages = [("Oslo", "First."), ("Oslo Opera", ""), ("oslo", ""), ("Oslo", "Second."), ("C++", "")]
    source = write_corpus(tmp_path / "pages.jsonl", [*pages, *PASSAGES])
    retriever = TantivyRetriever.open(build_index(source, tmp_path / "index", IndexConfig()).path)
    found = passages_titled(retriever, ["Oslo", "Bergen", "C++", ""], 5)
    assert [passage.text for passage in found["Oslo"]] == ["First.", "Second."]
    assert [passage.id for passage in found["C++"]] == ["p4", "p8"]
    assert not found["Bergen"]
    assert not found[""]
    assert [passage.text for passage in passages_titled(retriever, ["Oslo"], 1)["Oslo"]] == ["First."]
    for title in ("The Who", "東京", "title:foo"):
        assert [passage.title for passage in passages_titled(retriever, [title], 5)[title]] == [title]
    dictionary = DictRetriever({}, "other", retriever.corpus)
    fused = FusedRetriever((dictionary, retriever))
    cached = CachedRetriever.open(fused, tmp_path / "cache")
    with cached.store:
        assert passages_titled(cached, ["Oslo"], 5)["Oslo"] == found["Oslo"]


def test_a_title_whose_words_stand_in_very_many_titles_is_found(tmp_path: Path) -> None:
    pages = [("A b", f"{n}") for n in range(1200)] + [("A", "last")]
    index = build_index(write_corpus(tmp_path / "pages.jsonl", pages), tmp_path / "index", IndexConfig())
    found = passages_titled(TantivyRetriever.open(index.path), ["A", "A b"], 1100)
    assert ([one.text for one in found["A"]], len(found["A b"])) == (["last"], 1100)


def test_an_engine_that_knows_no_titles_is_searched() -> None:
    hits = [Hit(Passage(f"{n}", title, f"{n}"), 1.0) for n, title in enumerate(["B", "A", "A b", "A", "A"])]
    found = passages_titled(DictRetriever({"A": hits}), ["A", "C"], 2)
    assert [passage.id for passage in found["A"]] == ["1", "3"]
    assert not found["C"]
