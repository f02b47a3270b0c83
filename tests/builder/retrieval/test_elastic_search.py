"""Searches in Elasticsearch: the same hits as the embedded index where the server ranks the same way.

The server here is `elastic_stub`, which ranks with tantivy: what is checked is all of the adapter. A real
server is asked in `test_elastic_real.py`.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from elastic_stub import Engine, serving
from hypothesis import given, settings
from hypothesis import strategies as st
from trajset.builder.config import IndexConfig
from trajset.builder.errors import RetrieverError
from trajset.builder.retrieval.elastic_build import ElasticPlan, build_elastic
from trajset.builder.retrieval.elastic_index import MAX_QUERY_TERMS, query_words
from trajset.builder.retrieval.elastic_search import ElasticRetriever, open_elastic
from trajset.builder.retrieval.evaluate import measure_recall
from trajset.builder.retrieval.tantivy_index import TantivyRetriever, build_index
from trajset.builder.source_config import ElasticBuildConfig, ElasticConfig

PLAN = ElasticPlan(IndexConfig(), ElasticConfig(es_retries=0), ElasticBuildConfig())
PASSAGES = [
    ("Hamlet", "A tragedy by William Shakespeare about a prince of Denmark."),
    ("The Who", "An English rock band."),
    ("Beyoncé", "An American singer."),
    ("東京", "東京 is the capital of Japan."),
    ("Empty", ""),
    ("Lone \ud800", "A surrogate and a NUL \x00 in a text."),
    ("title:foo", "AND OR NOT - * \" ( ^ ~ are plain words here, and so is foo."),
]  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, ElasticRetriever]]:
    file = tmp_path_factory.mktemp("corpus") / "small.jsonl"
    lines = (json.dumps({"id": f"p{n}", "title": a, "text": b}) for n, (a, b) in enumerate(PASSAGES))
    file.write_text("\n".join(lines).replace("\\ud800", "?"), "utf-8")
    engine = Engine()
    with serving(engine) as url:
        build_elastic(str(file), f"es:{url}/wiki", PLAN)
        yield engine, open_elastic(f"es:{url}/wiki", PLAN.server)


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("wrote: (hamlet?", "Hamlet"),
        ("HAMLET'S", "Hamlet"),
        ("the who", "The Who"),
        ("beyonce", "Beyoncé"),
        ("東京", "東京"),
        ("title:foo AND (bar", "title:foo"),
        ("hamlet\x00", "Hamlet"),
        ("hamlet \ud800", "Hamlet"),
        ("foo " * 250_000, "title:foo"),
        ("x" * 1_000_000 + " hamlet", "Hamlet"),
    ],
)
def test_any_text_is_plain_words(served: tuple[Engine, ElasticRetriever], query: str, first: str) -> None:
    assert served[1].search([query], 3)[0][0].passage.title == first


@settings(max_examples=60, deadline=None)
@given(query=st.text(max_size=60), k=st.integers(0, 4))
def test_every_text_and_k(served: tuple[Engine, ElasticRetriever], query: str, k: int) -> None:
    (hits,) = served[1].search([query], k)
    assert len(hits) <= k
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_words_of_a_query() -> None:
    assert query_words("Foo, foo-BAR: 2+2 हिन्दी _x_") == "foo bar 2 हिन्दी x"
    assert query_words("?!  \x00") == ""
    assert len(query_words(" ".join(f"w{n}" for n in range(9999))).split()) == MAX_QUERY_TERMS


def test_many_queries_are_few_requests(served: tuple[Engine, ElasticRetriever]) -> None:
    engine, retriever = served
    before = engine.asked("/_msearch")
    results = retriever.search([PASSAGES[n % 3][0] for n in range(300)], 1)
    assert engine.asked("/_msearch") - before == 3
    assert [hits[0].passage.id for hits in results] == [f"p{n % 3}" for n in range(300)]
    assert retriever.search([], 5) == []


def test_threads_share_a_retriever(served: tuple[Engine, ElasticRetriever]) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(lambda n: served[1].search([PASSAGES[n % 3][0]], 1)[0][0].passage.id, range(60))
        )
    assert found == [f"p{n % 3}" for n in range(60)]


def test_an_index_that_goes_away_is_told(served: tuple[Engine, ElasticRetriever]) -> None:
    engine, retriever = served
    index = engine.indices.pop(retriever.index)
    try:
        with pytest.raises(RetrieverError, match="must exist; got '404 index_not_found_exception"):
            retriever.search(["hamlet"], 1)
    finally:
        engine.indices[retriever.index] = index


def test_real_questions_as_the_embedded_index(shared_data: Path, tmp_path: Path) -> None:
    corpus = str(shared_data / "retrieval" / "hotpotqa_val500_corpus.jsonl.gz")
    questions = str(shared_data / "retrieval" / "hotpotqa_val500_bm25_results.csv.gz")
    embedded = TantivyRetriever.open(build_index(corpus, tmp_path / "index", IndexConfig()).path)
    with serving(Engine()) as url:
        build_elastic(corpus, f"es:{url}/wiki", PLAN)
        remote = open_elastic(f"es:{url}/wiki", PLAN.server)
        assert remote.corpus == embedded.corpus
        mine, theirs = (measure_recall(one, questions, limit=200) for one in (remote, embedded))
    assert (mine.overall, mine.groups) == (theirs.overall, theirs.groups)
