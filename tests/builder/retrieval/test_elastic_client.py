"""Where an index is, what goes over the wire, and every refusal in one sentence without a secret."""

import re
import ssl
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest
from elastic_stub import Engine, Reply, refused, serving
from elastic_transport import ApiResponseMeta, BaseNode, HttpHeaders
from elastic_transport._node import NodeApiResponse
from trajset.builder.config import CollectConfig, published_values, save_config
from trajset.builder.errors import ConfigError, DataError, RetrieverError
from trajset.builder.retrieval.elastic_client import ElasticSpec, is_elastic
from trajset.builder.retrieval.elastic_search import open_elastic
from trajset.builder.retrieval_config import RetrievalConfig
from trajset.builder.source_config import ElasticConfig

SECRET = "c2VjcmV0LWtleQ=="
ONCE = ElasticConfig(es_retries=0)


@pytest.mark.parametrize(
    ("text", "url", "alias", "mode"),
    [
        ("es:http://localhost:9200/wiki", "http://localhost:9200", "wiki", "bm25"),
        ("es:http://localhost/wiki#dense", "http://localhost:9200", "wiki", "dense"),
        ("es:https://x.example/wiki-2021#hybrid", "https://x.example:443", "wiki-2021", "hybrid"),
        ("es:https://host:9243/some/prefix/wiki", "https://host:9243/some/prefix", "wiki", "bm25"),
        ("es:http://[::1]:9200/wiki", "http://[::1]:9200", "wiki", "bm25"),
    ],
)  # fmt: skip
def test_a_spec_is_a_server_an_alias_and_a_ranking(text: str, url: str, alias: str, mode: str) -> None:
    spec = ElasticSpec.parse(text)
    assert (spec.url, spec.alias, spec.mode) == (url, alias, mode)
    assert ElasticSpec.parse(str(spec)) == spec
    assert is_elastic(text)
    assert not is_elastic(Path("es/index"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("es:localhost:9200/wiki", "must have the form es:URL/ALIAS"),
        ("es:http://localhost:9200", "must have the form es:URL/ALIAS"),
        ("es:http://localhost:9200/Wiki", "lower case"),
        ("es:http://localhost:9200/wiki,other", "must have the form"),
        ("es:http://localhost:9200/wiki*", "must have the form"),
        ("es:http://localhost:nine/wiki", "cannot be read"),
        ("es:http://localhost:9200/wiki#dens", "Did you mean 'dense'?"),
        ("es:https://elastic:hunter2@host/wiki", "must hold no credentials"),
        ("es:https://host/wiki?api_key=hunter2", "must hold no credentials"),
    ],
)
def test_a_bad_spec_is_told_without_its_secrets(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        ElasticSpec.parse(text)
    assert "hunter2" not in str(caught.value)


class Recorder(BaseNode):
    """A transport that keeps what is sent and answers from a list."""

    sent: list[tuple[str, str, dict[str, str], Any]]
    replies: list[Any]

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: Any = None,
    ) -> NodeApiResponse:
        lines = [orjson.loads(line) for line in (body or b"").splitlines()]
        self.sent.append((method, target, dict(headers or {}), lines))
        given = {"x-elastic-product": "Elasticsearch", "content-type": "application/json"}
        meta = ApiResponseMeta(200, "1.1", HttpHeaders(given), 0.0, self.config)
        return NodeApiResponse(meta, orjson.dumps(self.replies.pop(0)))


def described(**changes: Any) -> dict[str, Any]:
    meta = {
        "format": 1,
        "corpus": "wiki@0011aabb",
        "corpus_hash": "0011aabb" * 8,
        "passages": 2,
        "settings": {"title_boost": 0.5, "stemmer": "english"},
        "build_key": "k",
        "vector": None,
        "complete": True,
    } | changes
    return {"wiki-0011aabb": {"aliases": {"wiki": {}}, "mappings": {"_meta": {"trajset": meta}}}}


def test_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two queries are one request, to the index and not the alias; no query of a user is syntax."""
    monkeypatch.setenv("ELASTIC_API_KEY", SECRET)
    source = {"id": "p0", "title": "Hamlet", "text": "A play.", "position": 0}
    hit = {"_source": source, "_score": None, "sort": [2.5, 0]}
    found = {"status": 200, "_shards": {"failed": 0}, "hits": {"hits": [hit]}}
    Recorder.sent, Recorder.replies = [], [described(), {"responses": [found, found]}]
    retriever = open_elastic("es:http://localhost:9200/wiki", ElasticConfig(), node_class=Recorder)
    results = retriever.search(["wrote: (hamlet? hamlet", "AND *"], 3)
    (get, search) = Recorder.sent
    assert get[:2] == ("GET", "/wiki")
    assert search[:2] == ("POST", "/_msearch")
    assert search[2]["authorization"] == f"ApiKey {SECRET}"
    head, first, _, second = search[3]
    assert head == {"index": "wiki-0011aabb", "search_type": "dfs_query_then_fetch"}
    words = {"query": "wrote hamlet", "analyzer": "trajset_no_stop_words"}
    clauses = [{"match": {"body": words}}, {"match": {"title": words | {"boost": 0.5}}}]
    assert first == {
        "query": {"bool": {"should": clauses}},
        "size": 3,
        "_source": ["id", "title", "text"],
        "track_total_hits": False,
        "track_scores": True,
        "sort": [{"_score": "desc"}, {"position": "asc"}],
    }
    assert second["query"]["bool"]["should"][0]["match"]["body"]["query"] == "and"
    assert [[(hit.passage.id, hit.score) for hit in hits] for hits in results] == [[("p0", 2.5)]] * 2
    assert SECRET not in f"{retriever.name} {retriever.corpus}"


FAULTS = {
    "401": (refused(401, "security_exception", f"bad key {SECRET}"), "must accept", "$ELASTIC_API_KEY"),
    "403": (refused(403, "security_exception", "no rights"), "must allow the request", "rights"),
    "404": (refused(404, "index_not_found_exception", "no such index"), "must exist", "trajset index"),
    "429": (refused(429, "es_rejected_execution_exception", "full"), "overloaded", "lower the"),
    "500": (refused(500, "exception", "out of heap"), "out of heap", "server's log"),
    "not Elasticsearch": (Reply(product=""), "must be an Elasticsearch server", "OpenSearch"),
    "broken off": (Reply(cut=True), "must be reachable", "check the URL"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_refusal_names_place_rule_and_fix_and_no_key(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reply, *words = FAULTS[name]
    monkeypatch.setenv("ELASTIC_API_KEY", SECRET)
    with (
        serving(Engine(fault=lambda method, path: reply)) as url,
        pytest.raises(RetrieverError) as caught,
    ):
        open_elastic(f"es:{url}/wiki", ONCE)
    assert [word for word in (url, "/wiki", *words) if word not in str(caught.value)] == []
    assert SECRET not in str(caught.value)


def test_no_server_and_a_wrong_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RetrieverError, match="must be reachable"):
        open_elastic("es:http://127.0.0.1:9/wiki", ONCE)
    monkeypatch.setenv("MY_KEY", "wrong")
    with serving(Engine(key=SECRET)) as url, pytest.raises(RetrieverError) as caught:
        open_elastic(f"es:{url}/wiki", ElasticConfig(es_api_key_env="MY_KEY", es_retries=0))
    assert "$MY_KEY" in str(caught.value)
    assert "ApiKey wrong" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"complete": False}, "must be completely built"),
        ({"format": 99}, "must be of format 1"),
    ],
)
def test_an_index_that_cannot_be_used(changes: dict[str, Any], words: str) -> None:
    Recorder.sent, Recorder.replies = [], [described(**changes)]
    with pytest.raises(DataError, match=words):
        open_elastic("es:http://localhost:9200/wiki", ONCE, node_class=Recorder)


def test_a_foreign_index_and_an_alias_of_two() -> None:
    Recorder.sent, Recorder.replies = [], [{"wiki": {"mappings": {}}}]
    with pytest.raises(DataError, match="must be an index of trajset"):
        open_elastic("es:http://localhost:9200/wiki", ONCE, node_class=Recorder)
    Recorder.replies = [described() | {"other": {"mappings": {}}}]
    with pytest.raises(DataError, match="must be one index"):
        open_elastic("es:http://localhost:9200/wiki", ONCE, node_class=Recorder)


def test_the_client_tries_again_by_itself() -> None:
    replies = iter([refused(503, "exception", "starting"), refused(429, "exception", "full")])
    engine = Engine(fault=lambda method, path: next(replies, None))
    with serving(engine) as url, pytest.raises(RetrieverError, match="must exist"):
        open_elastic(f"es:{url}/wiki", ElasticConfig(es_retries=3))
    assert engine.asked("/wiki") == 3


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key in the same file."""
    file = tmp_path_factory.mktemp("tls") / "cert.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    try:
        subprocess.run(
            [*made, "-keyout", str(file), "-out", f"{file}.crt"], check=True, capture_output=True, timeout=60
        )
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no certificate without openssl ({error})")
    crt = file.with_name("cert.pem.crt")
    file.write_text(file.read_text() + crt.read_text())
    return file


def fingerprint(certificate: Path) -> str:
    command = ["openssl", "x509", "-in", f"{certificate}.crt", "-noout", "-fingerprint", "-sha256"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().split("=")[1]


def test_tls(certificate: Path) -> None:
    """An unknown certificate is refused, its CA or fingerprint accepted, insecure only with a warning."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(Engine(), context) as url:
        spec = f"es:{url}/wiki"
        with pytest.raises(RetrieverError, match=r"certificate that can be verified.*--es-ca-file"):
            open_elastic(spec, ONCE)
        with pytest.raises(RetrieverError, match="certificate that can be verified"):
            open_elastic(spec, ElasticConfig(es_retries=0, es_fingerprint="ab" * 32))
        good = (
            ElasticConfig(es_ca_file=Path(f"{certificate}.crt")),
            ElasticConfig(es_fingerprint=fingerprint(certificate)),
        )
        for options in good:
            with pytest.raises(RetrieverError, match="must exist"):
                open_elastic(spec, options)
        with (
            pytest.warns(UserWarning, match="not verified"),
            pytest.raises(RetrieverError, match="must exist"),
        ):
            open_elastic(spec, ElasticConfig(es_insecure=True))


def test_bad_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = "es:http://search.example:9200/wiki"
    with pytest.raises(ConfigError, match="es-ca-file: must be a file"):
        open_elastic(spec, ElasticConfig(es_ca_file=tmp_path / "none.crt"))
    with pytest.raises(ConfigError, match="es-fingerprint: must be a SHA-256"):
        open_elastic(spec, ElasticConfig(es_fingerprint="12:34"))
    monkeypatch.setenv("ELASTIC_API_KEY", "two words")
    with pytest.raises(ConfigError) as caught:
        open_elastic(spec, ONCE)
    assert "two words" not in str(caught.value)
    monkeypatch.setenv("ELASTIC_API_KEY", SECRET)
    with pytest.warns(UserWarning, match="unencrypted"), pytest.raises(RetrieverError):
        open_elastic(spec, ONCE)


def test_nothing_of_the_server_is_published(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ELASTIC_API_KEY", SECRET)
    config = CollectConfig(
        questions="q.jsonl",
        index=("es:https://search.internal:9243/wiki#hybrid",),
        out=Path("out"),
        teacher="t",
        retrieval=RetrievalConfig(
            elastic=ElasticConfig(es_ca_file=Path("/home/me/ca.crt"), es_fingerprint="ab" * 32)
        ),
    )
    values = published_values(config)
    assert "internal" not in str(values)
    assert not any(name.startswith("es-") for name in values)
    save_config(config, tmp_path / "config.toml")
    assert SECRET not in (tmp_path / "config.toml").read_text()
