"""What this side of Elasticsearch costs: CPU time to send a corpus and to ask, with no server behind it.

    python benchmarks/elastic_client.py [--passages 100000] [--searches 2000]

A transport in the same process answers every request at once with what a server would say, so all time is
ours and the client's: reading the corpus twice, hashing, JSON, the client. CPU time of the process, not wall
time; the server's own time comes on top and is not measured here.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson
from elastic_transport import ApiResponseMeta, BaseNode, HttpHeaders
from elastic_transport._node import NodeApiResponse
from machine import describe
from trajset.builder.config import IndexConfig
from trajset.builder.retrieval.elastic_build import ElasticPlan, build_elastic
from trajset.builder.retrieval.elastic_search import open_elastic
from trajset.builder.source_config import ElasticBuildConfig, ElasticConfig

SPEC = "es:http://localhost:9200/wiki"
WORDS = 80


class Agreeable(BaseNode):
    """Says yes to everything; `index` is what was created last."""

    index: tuple[str, Any] = ("", {})
    passages = 0
    hits: tuple[Any, ...] = ()

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: Any = None,
    ) -> NodeApiResponse:
        status, reply = self._reply(method, target.split("?")[0].strip("/"), body or b"")
        given = {"x-elastic-product": "Elasticsearch", "content-type": "application/json"}
        return NodeApiResponse(
            ApiResponseMeta(status, "1.1", HttpHeaders(given), 0.0, self.config), orjson.dumps(reply)
        )

    def _reply(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        kind = type(self)
        if path == "_bulk":
            items = [{"index": {"status": 201}}] * (body.count(b"\n") // 2)
            return 200, {"errors": False, "items": items}
        if path == "_msearch":
            one = {"status": 200, "_shards": {"failed": 0}, "hits": {"hits": list(kind.hits)}}
            return 200, {"responses": [one] * (body.count(b"\n") // 2)}
        if path.endswith("_count"):
            return 200, {"count": kind.passages}
        if method == "PUT" and "/" not in path:
            kind.index = (path, orjson.loads(body))
        if path.endswith("_mapping") and method == "PUT":
            kind.index[1]["mappings"] |= orjson.loads(body)
        if path == "wiki" and kind.index[0]:
            return 200, {kind.index[0]: kind.index[1]}
        return (404, {}) if method in ("GET", "HEAD") else (200, {"acknowledged": True})


def write(file: Path, count: int) -> None:
    words = [f"word{number}" for number in range(20_000)]
    chance = random.Random(0)
    with file.open("w", encoding="utf-8") as out:
        for number in range(count):
            text = " ".join(chance.choices(words, k=WORDS))
            out.write(json.dumps({"id": str(number), "title": f"Title {number}", "text": text}) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU time of our side of Elasticsearch.")
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--searches", type=int, default=2000)
    options = parser.parse_args()
    print(describe("elasticsearch", "elastic-transport"))
    Agreeable.passages = options.passages
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus.jsonl"
        write(corpus, options.passages)
        plan = ElasticPlan(IndexConfig(), ElasticConfig(), ElasticBuildConfig())
        started = time.process_time()
        built = build_elastic(str(corpus), SPEC, plan, node_class=Agreeable)
        cpu_s = time.process_time() - started
    assert built.sent == options.passages
    print(
        f"build: {options.passages:,} passages of {WORDS} words, {options.passages / cpu_s:,.0f} a CPU second"
    )
    source = {"id": "1", "title": "Title", "text": "word " * WORDS, "position": 1}
    Agreeable.hits = ({"_source": source, "_score": None, "sort": [1.0, 1]},) * 10
    retriever = open_elastic(SPEC, plan.server, node_class=Agreeable)
    started = time.process_time()
    for number in range(options.searches):
        (hits,) = retriever.search([f"who wrote the book about word{number}"], 10)
        assert len(hits) == 10
    each_ms = (time.process_time() - started) / options.searches * 1000
    print(f"search: one query of 10 hits, {each_ms:.2f} ms of CPU")


if __name__ == "__main__":
    main()
