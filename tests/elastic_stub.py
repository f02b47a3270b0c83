"""A small Elasticsearch in a thread, enough for what trajset asks: unmodified clients talk to it over HTTP.

    with serving(Engine()) as url:
        build_elastic("corpus.jsonl", f"es:{url}/wiki", plan)

It keeps indices, aliases and documents in memory; a document is seen by searches and counts only after a
refresh, and one with a field that a strict mapping does not name is refused. Text is ranked by tantivy's BM25
over the fields that a query names, vectors by cosine. What no test of ours asks for answers 400.
"""

from __future__ import annotations

import copy
import json
import re
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import tantivy
from trajset.builder.retrieval.tantivy_engine import Analysis, any_of, create_index, to_document
from trajset.builder.schema import Passage

Json = dict[str, Any]
ANALYSIS = Analysis.of("english")


@dataclass(frozen=True)
class Reply:
    """An answer; `cut` breaks the connection off without one, `product` is the header that clients check."""

    status: int = 200
    body: Any = field(default_factory=dict)
    cut: bool = False
    product: str = "Elasticsearch"


def refused(status: int, kind: str, reason: str) -> Reply:
    cause = {"type": kind, "reason": reason}
    return Reply(status, {"error": {"root_cause": [cause], **cause}, "status": status})


@dataclass
class Visible:
    """The documents that searches see."""

    docs: dict[str, Json]

    @cached_property
    def ordered(self) -> list[Json]:
        return sorted(self.docs.values(), key=lambda doc: doc["position"])

    @cached_property
    def lexical(self) -> tuple[tantivy.Schema, tantivy.Searcher]:
        with tempfile.TemporaryDirectory() as folder:
            writer = create_index(Path(folder), ANALYSIS, 50_000_000)
            for doc in self.ordered:
                writer.add_document(to_document(doc["position"], Passage("", doc["title"], doc["text"])))
            writer.commit()
            writer.wait_merging_threads()
            index = tantivy.Index.open(folder)
            return index.schema, index.searcher()

    @cached_property
    def vectors(self) -> np.ndarray:
        matrix = np.array([doc["vector"] for doc in self.ordered], dtype=np.float32)
        return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)

    def bm25(self, terms: list[str], title_boost: float, size: int) -> list[Json]:
        schema, searcher = self.lexical
        if not terms or not self.docs:
            return []
        found = searcher.search(any_of(schema, terms, title_boost), len(self.docs), count=False).hits
        positions = searcher.fast_field_values("position", [address for _, address in found])
        ranked = sorted(
            zip((score for score, _ in found), positions, strict=True), key=lambda hit: (-hit[0], hit[1])
        )
        return [
            {"_source": self._source(at), "_score": None, "sort": [score, at]} for score, at in ranked[:size]
        ]

    def knn(self, vector: list[float], size: int) -> list[Json]:
        query = np.array(vector, dtype=np.float32)
        scores = (1 + self.vectors @ (query / np.linalg.norm(query))) / 2
        best = np.argsort(-scores, kind="stable")[:size]
        return [{"_source": self._source(int(at)), "_score": float(scores[at])} for at in best]

    def _source(self, position: int) -> Json:
        return {key: value for key, value in self.ordered[position].items() if key != "vector"}


@dataclass
class Index:
    settings: Json
    mappings: Json
    docs: dict[str, Json] = field(default_factory=dict)
    visible: Visible = field(default_factory=lambda: Visible({}))


class Engine:
    """The state, and what each request does to it. `fault` may answer in the engine's place."""

    def __init__(
        self, key: str | None = None, fault: Callable[[str, str], Reply | None] | None = None
    ) -> None:
        self.key, self.fault = key, fault or (lambda method, path: None)
        self.indices: dict[str, Index] = {}
        self.aliases: dict[str, set[str]] = {}
        self.requests: list[tuple[str, str, Any]] = []
        self.lock = threading.RLock()

    def asked(self, path: str) -> int:
        """How many requests of that path (a regular expression) there were."""
        return sum(bool(re.fullmatch(path, target)) for _, target, _ in self.requests)

    def answer(self, method: str, path: str, body: Any, key: str | None) -> Reply:
        with self.lock:
            self.requests.append((method, path, body))
            if self.key is not None and key != f"ApiKey {self.key}":
                return refused(401, "security_exception", f"unable to authenticate with {key}")
            return self.fault(method, path) or self._route(method, path, body)

    def _route(self, method: str, path: str, body: Any) -> Reply:
        parts = path.strip("/").split("/")
        match parts:
            case ["_bulk"]:
                return self._bulk(body)
            case ["_msearch"]:
                pairs = zip(body[::2], body[1::2], strict=True)
                return Reply(body={"responses": [self._search(head, search) for head, search in pairs]})
            case ["_aliases"]:
                return self._alias_actions(body["actions"])
            case [name]:
                return self._index(method, name, body)
            case [name, action]:
                names = self._resolve(name)
                if not names:
                    return refused(404, "index_not_found_exception", f"no such index [{name}]")
                return self._act(self.indices[names[0]], names[0], f"{method} {action}", body)
        return refused(400, "illegal_argument_exception", f"{method} {path}")

    def _resolve(self, name: str) -> list[str]:
        if name.endswith("*"):
            return sorted(each for each in self.indices if each.startswith(name[:-1]))
        return [name] if name in self.indices else sorted(self.aliases.get(name, ()))

    def _index(self, method: str, name: str, body: Any) -> Reply:
        names = self._resolve(name)
        if method == "PUT":
            if names:
                return refused(400, "resource_already_exists_exception", name)
            self.indices[name] = Index(dict(body["settings"]), copy.deepcopy(body["mappings"]))
            return Reply(body={"acknowledged": True, "shards_acknowledged": True, "index": name})
        if method == "DELETE":
            for each in name.split(","):
                del self.indices[each]
                for members in self.aliases.values():
                    members.discard(each)
            return Reply(body={"acknowledged": True})
        if not names:
            return refused(404, "index_not_found_exception", f"no such index [{name}]")
        return Reply(body={each: self._described(each) for each in names})

    def _described(self, name: str) -> Json:
        index = self.indices[name]
        aliases = {alias: {} for alias, members in self.aliases.items() if name in members}
        return {"aliases": aliases, "mappings": index.mappings, "settings": {"index": index.settings}}

    def _act(self, index: Index, name: str, what: str, body: Any) -> Reply:
        match what:
            case "GET _mapping":
                return Reply(body={name: {"mappings": index.mappings}})
            case "PUT _mapping":
                index.mappings |= body
            case "PUT _settings":
                index.settings |= body
            case "POST _refresh":
                index.visible = Visible(dict(index.docs))
            case "POST _count":
                return Reply(body={"count": self._count(index, body), "_shards": {"failed": 0}})
            case "POST _analyze":
                terms = _terms(body["text"], body["analyzer"])
                return Reply(body={"tokens": [{"token": term} for term in terms]})
            case "POST _forcemerge":
                pass
            case _:
                return refused(400, "illegal_argument_exception", what)
        return Reply(body={"acknowledged": True, "_shards": {"failed": 0}})

    def _count(self, index: Index, body: Any) -> int:
        limits = (body or {}).get("query", {}).get("range", {}).get("position", {})
        low, high = limits.get("gte", 0), limits.get("lt", float("inf"))
        return sum(low <= doc["position"] < high for doc in index.visible.docs.values())

    def _bulk(self, lines: list[Json]) -> Reply:
        items = [self._put(head["index"], doc) for head, doc in zip(lines[::2], lines[1::2], strict=True)]
        return Reply(body={"errors": any(item["index"]["status"] >= 300 for item in items), "items": items})

    def _put(self, head: Json, doc: Json) -> Json:
        index = self.indices[head["_index"]]
        known = index.mappings["properties"]
        if foreign := [name for name in doc if name not in known]:
            error = {"type": "strict_dynamic_mapping_exception", "reason": f"field {foreign}"}
            return {"index": {"_id": head["_id"], "status": 400, "error": error}}
        index.docs[str(head["_id"])] = doc
        return {"index": {"_id": head["_id"], "status": 201}}

    def _alias_actions(self, actions: list[Json]) -> Reply:
        for action in actions:
            ((kind, where),) = action.items()
            members = self.aliases.setdefault(where["alias"], set())
            members.add(where["index"]) if kind == "add" else members.discard(where["index"])
        return Reply(body={"acknowledged": True})

    def _search(self, head: Json, search: Json) -> Json:
        names = self._resolve(head["index"])
        if not names:
            return refused(404, "index_not_found_exception", f"no such index [{head['index']}]").body
        visible = self.indices[names[0]].visible
        if "knn" in search:
            hits = visible.knn(search["knn"]["query_vector"], search["size"])
        else:
            clauses = {next(iter(each["match"])): each["match"] for each in search["query"]["bool"]["should"]}
            body = clauses["body"]["body"]
            boost = clauses.get("title", {}).get("title", {}).get("boost", 0.0)
            hits = visible.bm25(_terms(body["query"], body["analyzer"]), boost, search["size"])
        return {"status": 200, "timed_out": False, "_shards": {"failed": 0}, "hits": {"hits": hits}}


def _terms(text: str, analyser: str) -> list[str]:
    chosen = ANALYSIS.no_stop_words if analyser.endswith("no_stop_words") else ANALYSIS.all_words
    return list(dict.fromkeys(chosen.analyze(text)))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine: Engine

    def _serve(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        body = [json.loads(line) for line in data.splitlines() if line] if path in _LINES else None
        if body is None and data:
            body = json.loads(data)
        reply = self.engine.answer(self.command, path, body, self.headers.get("Authorization"))
        if reply.cut:
            self.close_connection = True
            return
        content = b"" if self.command == "HEAD" else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/vnd.elasticsearch+json;compatible-with=9")
        self.send_header("Content-Length", str(len(content)))
        if reply.product:
            self.send_header("X-Elastic-Product", reply.product)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve

    def log_message(self, message: str, *args: Any) -> None:
        """Say nothing; `Engine.requests` has it."""


_LINES = ("/_bulk", "/_msearch")


@contextmanager
def serving(engine: Engine, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The engine behind HTTP in a thread; yields its URL."""
    handler = type("BoundHandler", (Handler,), {"engine": engine})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
