"""Builds in Elasticsearch: crash, resume, alias, rebuild, embeddings; all through the unmodified client."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from elastic_stub import Engine, Reply, refused, serving
from hashed_embedder import Hashed, opened
from trajset.builder.config import IndexConfig
from trajset.builder.corpus import corpus_hash, read_passages
from trajset.builder.errors import ConfigError, DataError, RetrieverError
from trajset.builder.retrieval.elastic_build import ElasticPlan, build_elastic
from trajset.builder.retrieval.elastic_search import open_elastic
from trajset.builder.source_config import ElasticBuildConfig, ElasticConfig

PASSAGES = 5500
PLAN = ElasticPlan(IndexConfig(), ElasticConfig(es_retries=0), ElasticBuildConfig(es_threads=2))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("corpus") / "towns.jsonl", PASSAGES)


def write(path: Path, count: int) -> str:
    records = (
        {"id": f"t{n}", "title": f"Town {n}", "text": f"It lies on river {n % 97}."} for n in range(count)
    )
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return str(path)


class Server:
    """An engine that serves while a test runs; `fault` can be changed in between."""

    def __init__(self) -> None:
        self.fault: Callable[[str, str], Reply | None] = lambda method, path: None
        self.engine = Engine(fault=lambda method, path: self.fault(method, path))
        self.url = ""

    @property
    def wiki(self) -> str:
        return f"es:{self.url}/wiki"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    with serving(made.engine) as url:
        made.url = url
        yield made


def test_a_build_from_nothing(server: Server, corpus: str) -> None:
    progress: dict[tuple[str, int | None], list[int]] = {}

    def stages(stage: str, total: int | None) -> Callable[[int], None]:
        return progress.setdefault((stage, total), []).append

    built = build_elastic(corpus, server.wiki, PLAN, stages)
    sha256 = corpus_hash(read_passages(corpus))
    assert built.meta.corpus == f"towns@{sha256[:8]}"
    assert built.name.startswith(f"wiki-{sha256[:8]}-")
    assert (built.sent, built.reused) == (PASSAGES, False)
    assert list(progress) == [("passages read", None), ("passages indexed", PASSAGES)]
    assert {sum(counts) for counts in progress.values()} == {PASSAGES}
    index = server.engine.indices[built.name]
    assert len(index.docs) == PASSAGES
    assert index.docs["7"] == {"position": 7, "id": "t7", "title": "Town 7", "text": "It lies on river 7."}
    assert server.engine.aliases == {"wiki": {built.name}}
    assert open_elastic(server.wiki, PLAN.server).search(["town 1234"], 1)[0][0].passage.id == "t1234"


def test_refresh_is_off_during_the_build_and_completeness_comes_last(server: Server, corpus: str) -> None:
    plan = replace(PLAN, build=replace(PLAN.build, es_replicas=1, es_force_merge=True, es_shards=3))
    built = build_elastic(corpus, server.wiki, plan)
    create = next(
        body for method, path, body in server.engine.requests if (method, path) == ("PUT", f"/{built.name}")
    )
    assert create["settings"]["refresh_interval"] == "-1"
    assert (create["settings"]["number_of_shards"], create["settings"]["number_of_replicas"]) == (3, 0)
    assert create["mappings"]["dynamic"] == "strict"
    assert create["mappings"]["_meta"]["trajset"]["complete"] is False
    paths = [(method, path.removeprefix(f"/{built.name}")) for method, path, _ in server.engine.requests]
    last = ["/_refresh", "/_count", "/_forcemerge", "/_settings", "/_mapping", "/_aliases"]
    assert [path for _, path in paths[-6:]] == last
    settings = server.engine.indices[built.name].settings
    assert (settings["refresh_interval"], settings["number_of_replicas"]) == (None, 1)
    assert server.engine.indices[built.name].mappings["_meta"]["trajset"]["complete"] is True


def test_the_same_again_sends_nothing_and_reads_nothing(server: Server, corpus: str) -> None:
    first = build_elastic(corpus, server.wiki, PLAN)
    requests = len(server.engine.requests)
    again = build_elastic(corpus, server.wiki, PLAN)
    assert (again.reused, again.sent, again.name, again.meta) == (True, 0, first.name, first.meta)
    assert [path for _, path, _ in server.engine.requests[requests:]] == ["/wiki"]


def half_then_gone(server: Server, whole: int) -> Callable[[str, str], Reply | None]:
    """Take `whole` bulk requests, then half of one, and never answer again."""
    seen = [0]

    def fault(method: str, path: str) -> Reply | None:
        seen[0] += path == "/_bulk"
        if seen[0] <= whole:
            return None
        if path == "/_bulk" and seen[0] == whole + 1:
            lines = server.engine.requests[-1][2]
            server.engine._bulk(lines[: len(lines) // 4 * 2])
        return Reply(cut=True)

    return fault


def test_a_build_that_dies_goes_on(server: Server, corpus: str) -> None:
    server.fault = half_then_gone(server, whole=3)
    with pytest.raises(RetrieverError, match="must be reachable"):
        build_elastic(corpus, server.wiki, PLAN)
    (index,) = server.engine.indices.values()
    there = len(index.docs)
    assert 3000 < there < PASSAGES
    assert server.engine.aliases == {}
    server.fault = lambda method, path: None
    with pytest.raises(RetrieverError, match="must exist"):
        open_elastic(server.wiki, PLAN.server)
    done = build_elastic(corpus, server.wiki, PLAN)
    assert list(server.engine.indices) == [done.name]
    assert len(server.engine.indices[done.name].docs) == PASSAGES
    assert done.sent == PASSAGES - 3000  # three whole batches are passed over, the half one is sent again
    positions = {doc["position"] for doc in server.engine.indices[done.name].docs.values()}
    assert positions == set(range(PASSAGES))


def test_a_batch_that_is_missing_in_the_middle_is_found(server: Server, corpus: str) -> None:
    built = build_elastic(corpus, server.wiki, PLAN)
    index = server.engine.indices[built.name]
    index.mappings["_meta"]["trajset"]["complete"] = False
    for position in range(2000, 2003):
        del index.docs[str(position)]
    done = build_elastic(corpus, server.wiki, PLAN)
    assert (done.sent, len(index.docs)) == (1000, PASSAGES)


def test_an_alias_never_points_to_half_an_index(server: Server, corpus: str, tmp_path: Path) -> None:
    old = build_elastic(write(tmp_path / "towns.jsonl", 40), server.wiki, PLAN)
    reader = open_elastic(server.wiki, PLAN.server)
    server.fault = half_then_gone(server, whole=2)
    with pytest.raises(RetrieverError):
        build_elastic(corpus, server.wiki, PLAN)
    server.fault = lambda method, path: None
    assert open_elastic(server.wiki, PLAN.server).corpus == old.meta.corpus
    new = build_elastic(corpus, server.wiki, PLAN)
    assert new.replaced == (old.name,)
    assert server.engine.aliases == {"wiki": {new.name}}
    (switch,) = [body for _, path, body in server.engine.requests[-1:] if path == "/_aliases"]
    assert [next(iter(action)) for action in switch["actions"]] == ["remove", "add"]  # in one request
    # The old index is kept, and a run that has it open goes on with it.
    assert set(server.engine.indices) == {old.name, new.name}
    assert len(reader.search(["river"], 10_000)[0]) == 40


def test_the_old_index_is_deleted_where_that_is_wanted(server: Server, corpus: str, tmp_path: Path) -> None:
    build_elastic(write(tmp_path / "towns.jsonl", 40), server.wiki, PLAN)
    plan = replace(PLAN, build=replace(PLAN.build, es_delete_old=True))
    new = build_elastic(corpus, server.wiki, plan)
    assert set(server.engine.indices) == {new.name}


def test_another_setting_is_another_index_of_the_same_corpus(server: Server, corpus: str) -> None:
    stemmed = build_elastic(corpus, server.wiki, PLAN)
    plain = build_elastic(corpus, server.wiki, replace(PLAN, index=IndexConfig(stemmer="", title_boost=0)))
    assert stemmed.name != plain.name
    assert stemmed.meta.corpus == plain.meta.corpus
    assert stemmed.meta.retriever("bm25") != plain.meta.retriever("bm25")
    analysis = server.engine.indices[plain.name].settings["analysis"]
    assert analysis["filter"] == {}
    assert analysis["analyzer"]["trajset_no_stop_words"]["filter"] == ["lowercase", "asciifolding"]


def test_going_back_to_an_index_that_was_kept_sends_nothing(
    server: Server, corpus: str, tmp_path: Path
) -> None:
    first = build_elastic(corpus, server.wiki, PLAN)
    build_elastic(write(tmp_path / "towns.jsonl", 40), server.wiki, PLAN)
    back = build_elastic(corpus, server.wiki, PLAN)
    assert (back.name, back.sent) == (first.name, 0)
    assert server.engine.aliases == {"wiki": {first.name}}


def test_a_rejected_document_is_told(server: Server, corpus: str) -> None:
    """A mapping that lacks a field: the server refuses, nothing is skipped silently."""

    def narrow(method: str, path: str) -> Reply | None:
        for index in server.engine.indices.values():
            index.mappings["properties"].pop("title", None)
        return None

    server.fault = narrow
    with pytest.raises(RetrieverError, match=r"document \d+: strict_dynamic_mapping_exception"):
        build_elastic(corpus, server.wiki, PLAN)


def test_a_busy_server_is_waited_for(server: Server, corpus: str) -> None:
    refusals = iter([refused(429, "es_rejected_execution_exception", "full")])
    server.fault = lambda method, path: next(refusals, None) if path == "/_bulk" else None
    assert build_elastic(corpus, server.wiki, PLAN).sent == PASSAGES


def test_a_corpus_that_changes_between_the_readings_is_told(server: Server, tmp_path: Path) -> None:
    source = write(tmp_path / "towns.jsonl", 30)

    def overwrite(method: str, path: str) -> Reply | None:
        if method == "PUT":
            Path(source).write_text(Path(source).read_text().replace("river 7.", "river 8."))
        return None

    server.fault = overwrite
    with pytest.raises(DataError, match="must not change while it is read"):
        build_elastic(source, server.wiki, PLAN)
    assert server.engine.aliases == {}


def test_what_stops_a_build_before_it_starts(server: Server, corpus: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="stemmer"):
        build_elastic(corpus, server.wiki, replace(PLAN, index=IndexConfig(stemmer="klingon")))
    with pytest.raises(DataError, match="must hold at least one passage"):
        build_elastic(write(tmp_path / "none.jsonl", 0), server.wiki, PLAN)
    assert server.engine.indices == {}
    server.engine.answer("PUT", "/wiki", {"settings": {}, "mappings": {}}, None)
    with pytest.raises(ConfigError, match="must be free or an alias"):
        build_elastic(corpus, server.wiki, PLAN)
    assert set(server.engine.indices) == {"wiki"}


def test_embeddings_dense_and_hybrid(server: Server, tmp_path: Path) -> None:
    source = write(tmp_path / "towns.jsonl", 60)
    built = build_elastic(source, server.wiki, replace(PLAN, embedder=Hashed()))
    field = server.engine.indices[built.name].mappings["properties"]["vector"]
    assert (field["dims"], field["similarity"]) == (16, "cosine")
    dense = open_elastic(f"{server.wiki}#dense", PLAN.server, opened)
    (hits,) = dense.search(["Town 31 It lies on river 31."], 3)
    assert hits[0].passage.id == "t31"
    assert hits[0].score == pytest.approx(1.0)
    hybrid = open_elastic(f"{server.wiki}#hybrid", PLAN.server, opened)
    lexical = open_elastic(server.wiki, PLAN.server)
    (fused,) = hybrid.search(["river 5"], 60)
    ranks = [
        {hit.passage.id: rank for rank, hit in enumerate(one.search(["river 5"], 100)[0], 1)}
        for one in (lexical, dense)
    ]
    wanted = {
        name: sum(1 / (60 + rank[name]) for rank in ranks if name in rank) for name in ranks[0] | ranks[1]
    }
    assert {hit.passage.id: hit.score for hit in fused} == pytest.approx(wanted)
    assert [hit.score for hit in fused] == sorted(wanted.values(), reverse=True)
    assert {one.name.split("@")[0] for one in (dense, hybrid, lexical)} == {
        "dense-elasticsearch",
        "hybrid-elasticsearch",
        "bm25-elasticsearch",
    }


def test_embeddings_need_the_model_that_made_them(server: Server, tmp_path: Path) -> None:
    source = write(tmp_path / "towns.jsonl", 10)
    build_elastic(source, server.wiki, PLAN)
    with pytest.raises(ConfigError, match="must hold embeddings"):
        open_elastic(f"{server.wiki}#dense", PLAN.server, opened)
    build_elastic(source, server.wiki, replace(PLAN, embedder=Hashed()))
    with pytest.raises(ConfigError, match="needs a model that embeds queries"):
        open_elastic(f"{server.wiki}#dense", PLAN.server)
    with pytest.raises(ConfigError, match="must be searched with hashed of 16 dims"):
        open_elastic(f"{server.wiki}#dense", PLAN.server, lambda settings: Hashed("another"))
