"""Against a real Elasticsearch, where ES_URL names one (examples/elasticsearch starts one).

    ES_URL=http://localhost:9200 pytest tests/builder/retrieval/test_elastic_real.py

With security on, ELASTIC_API_KEY holds a key. All indices made here begin with `trajset-test-`.
"""

import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hashed_embedder import Hashed, opened
from trajset.builder.config import IndexConfig
from trajset.builder.retrieval.elastic_build import ElasticPlan, build_elastic
from trajset.builder.retrieval.elastic_client import ElasticSpec, connect
from trajset.builder.retrieval.elastic_search import open_elastic
from trajset.builder.retrieval.evaluate import measure_recall
from trajset.builder.retrieval.tantivy_index import TantivyRetriever, build_index
from trajset.builder.source_config import ElasticBuildConfig, ElasticConfig

URL = os.environ.get("ES_URL")
PLAN = ElasticPlan(IndexConfig(), ElasticConfig(), ElasticBuildConfig(es_shards=2))
pytestmark = pytest.mark.skipif(not URL, reason="ES_URL names no Elasticsearch")


@pytest.fixture
def spec() -> Iterator[str]:
    made = f"es:{URL}/trajset-test-{uuid.uuid4().hex[:8]}"
    yield made
    client = connect(ElasticSpec.parse(made), PLAN.server).client
    for name in client.indices.get(index=f"{ElasticSpec.parse(made).alias}*").body:
        client.indices.delete(index=name)


def write(path: Path, count: int) -> str:
    records = (
        {"id": f"t{n}", "title": f"Town {n}", "text": f"It lies on river {n % 97}."} for n in range(count)
    )
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return str(path)


def test_build_rebuild_and_search(spec: str, tmp_path: Path) -> None:
    first = build_elastic(write(tmp_path / "towns.jsonl", 2500), spec, PLAN)
    assert build_elastic(str(tmp_path / "towns.jsonl"), spec, PLAN).reused
    retriever = open_elastic(spec, PLAN.server)
    assert retriever.search(["town 1234", "the"], 1)[0][0].passage.id == "t1234"
    second = build_elastic(
        write(tmp_path / "towns.jsonl", 30), spec, replace(PLAN, build=ElasticBuildConfig(es_delete_old=True))
    )
    assert second.replaced == (first.name,)
    assert open_elastic(spec, PLAN.server).meta.passages == 30


def test_dense_and_hybrid(spec: str, tmp_path: Path) -> None:
    build_elastic(write(tmp_path / "towns.jsonl", 60), spec, replace(PLAN, embedder=Hashed()))
    for mode in ("dense", "hybrid"):
        (hits,) = open_elastic(f"{spec}#{mode}", PLAN.server, opened).search(
            ["Town 31 It lies on river 31."], 3
        )
        assert hits[0].passage.id == "t31"


def test_recall_is_near_the_embedded_index(spec: str, shared_data: Path, tmp_path: Path) -> None:
    corpus = str(shared_data / "retrieval" / "hotpotqa_val500_corpus.jsonl.gz")
    questions = str(shared_data / "retrieval" / "hotpotqa_val500_bm25_results.csv.gz")
    embedded = TantivyRetriever.open(build_index(corpus, tmp_path / "index", IndexConfig()).path)
    build_elastic(corpus, spec, PLAN)
    theirs = measure_recall(embedded, questions).overall
    mine = measure_recall(open_elastic(spec, PLAN.server), questions).overall
    assert mine.full == pytest.approx(theirs.full, abs=0.03)
    assert mine.mrr == pytest.approx(theirs.mrr, abs=0.03)
