"""Where an Elasticsearch index is (`es:URL/ALIAS[#MODE]`), a client for it, and its errors with what to do.

The API key is read from the environment when a client is made and handed to the client alone; text that the
server sends back is searched for it before it gets into an error.
"""

from __future__ import annotations

import importlib.util
import os
import re
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, get_args
from urllib.parse import SplitResult, urlsplit

from ..errors import ConfigError, MissingExtraError, Problem, RetrieverError, unknown
from ..source_config import ElasticConfig

if TYPE_CHECKING:
    from elastic_transport import BaseNode, NodeConfig
    from elasticsearch import ApiError, Elasticsearch, TransportError

PREFIX = "es:"
FORM = "es:URL/ALIAS[#bm25|#dense|#hybrid]"
Mode = Literal["bm25", "dense", "hybrid"]

_DEFAULT_PORTS = {"http": 9200, "https": 443}
_ALIAS = re.compile(r"[a-z0-9][a-z0-9._-]{0,199}")
"""Elasticsearch's rules for index names, with room for what we append to an alias."""
_CONNECTIONS = 32
_LOCAL = ("localhost", "127.0.0.1", "::1")
_HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class ElasticSpec:
    """A server's root URL (with its port, without credentials), an alias there, and how to rank."""

    url: str
    alias: str
    mode: Mode = "bm25"

    @classmethod
    def parse(cls, text: str) -> ElasticSpec:
        """Read `FORM`, such as `es:http://localhost:9200/wiki`.

        Without a port it is 9200 for http and 443 for https.

        Raises:
            ConfigError: not of that form, or credentials in it; they are not repeated in the message.
        """
        parts = _split(text)
        root, _, alias = parts.path.rpartition("/")
        mode = parts.fragment or "bm25"
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or not _ALIAS.fullmatch(alias):
            fix = "As in es:http://localhost:9200/wiki; an alias is lower case, without spaces."
            raise ConfigError(str(Problem("index", f"must have the form {FORM}", text, fix)))
        if mode not in get_args(Mode):
            raise ConfigError(str(unknown(f"ranking of {text}", mode, get_args(Mode))))
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        return cls(f"{parts.scheme}://{host}:{port}{root}", alias, cast("Mode", mode))

    def __str__(self) -> str:
        mode = "" if self.mode == "bm25" else f"#{self.mode}"
        return f"{PREFIX}{self.url}/{self.alias}{mode}"


def is_elastic(spec: object) -> bool:
    """Whether the text of an index names one in Elasticsearch."""
    return str(spec).startswith(PREFIX)


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text.removeprefix(PREFIX))
        secret = parts.username is not None or parts.password is not None or bool(parts.query)
        _ = parts.port  # raises where it is no number
    except ValueError as error:
        value = f"a URL that cannot be read ({error})"
        raise ConfigError(str(Problem("index", f"must have the form {FORM}", value, "Mend it."))) from error
    if secret:
        fix = "Put an API key into the environment variable that --es-api-key-env names."
        raise ConfigError(str(Problem("index", "must hold no credentials or query", "a URL with some", fix)))
    return parts


@dataclass(frozen=True, slots=True)
class Connection:
    """A client and the place that it asks, for messages."""

    client: Elasticsearch
    spec: ElasticSpec
    key_env: str
    _secret: str | None = None

    @contextmanager
    def errors(self) -> Generator[None]:
        """Turn what the client raises into one sentence with a fix.

        Raises:
            RetrieverError: always, for anything of the client.
        """
        from elasticsearch import ApiError, TransportError

        try:
            yield
        except ApiError as error:
            raise RetrieverError(self._hidden(str(self._refused(error)))) from error
        except TransportError as error:
            raise RetrieverError(self._hidden(str(self._unreached(error)))) from error

    def refusal(self, status: int, reason: str) -> RetrieverError:
        """The error for a part of a request that failed with an HTTP status."""
        rule, fix = _meaning(status, self.key_env)
        return RetrieverError(self._hidden(str(Problem(self._place(), rule, f"{status} {reason}", fix))))

    def _refused(self, error: ApiError) -> Problem:
        from elasticsearch import UnsupportedProductError

        if isinstance(error, UnsupportedProductError):
            fix = "Check the URL; OpenSearch and proxies that drop the header X-Elastic-Product do not work."
            return Problem(self._place(), "must be an Elasticsearch server", "another product", fix)
        rule, fix = _meaning(error.meta.status, self.key_env)
        return Problem(self._place(), rule, str(error), fix)

    def _unreached(self, error: TransportError) -> Problem:
        from elasticsearch import ConnectionTimeout, SSLError

        if isinstance(error, SSLError):
            fix = "Name the server's CA with --es-ca-file, or its SHA-256 with --es-fingerprint."
            return Problem(self._place(), "must have a certificate that can be verified", str(error), fix)
        if isinstance(error, ConnectionTimeout):
            fix = "Try again, or raise --es-timeout."
            return Problem(self._place(), "must reply in time", str(error), fix)
        return Problem(self._place(), "must be reachable", str(error), "Start the server, or check the URL.")

    def _place(self) -> str:
        return str(self.spec)

    def _hidden(self, text: str) -> str:
        return text.replace(self._secret, _HIDDEN) if self._secret else text


def _meaning(status: int, key_env: str) -> tuple[str, str]:
    """What a status says about the server, and what to do."""
    match status:
        case 400:
            fix = "A media_type_header_exception means that the server is older than version 9."
            return "must understand the request", fix
        case 401:
            return "must accept the API key", f"Put a valid, encoded API key into ${key_env}."
        case 403:
            return "must allow the request", f"Give the API key in ${key_env} rights on the alias's indices."
        case 404:
            return "must exist", "Check the alias, or build it: trajset index CORPUS es:URL/ALIAS"
        case 429:
            return "must take the request", "It is overloaded: lower the concurrency, or try again later."
        case _:
            return "must carry the request out", "Look into the server's log."


def connect(
    spec: ElasticSpec, options: ElasticConfig, node_class: type[BaseNode] | None = None
) -> Connection:
    """A client for a server; nothing is sent yet. `node_class` is the transport, for tests.

    Raises:
        MissingExtraError: elasticsearch is not installed.
        ConfigError: a file, fingerprint or key that cannot be used.
    """
    if importlib.util.find_spec("elasticsearch") is None:
        raise MissingExtraError("elastic", "An index in Elasticsearch")
    from elastic_transport import Urllib3HttpNode
    from elasticsearch import Elasticsearch

    key = os.environ.get(options.es_api_key_env) or None
    _check(spec, options, key)
    client = Elasticsearch(
        [_node(spec.url, options)],
        api_key=key,
        request_timeout=options.es_timeout,
        max_retries=options.es_retries,
        retry_on_timeout=True,
        node_class=node_class or Urllib3HttpNode,
    )
    return Connection(client, spec, options.es_api_key_env, key)


def _node(url: str, options: ElasticConfig) -> NodeConfig:
    from elastic_transport.client_utils import url_to_node_config

    node = url_to_node_config(url).replace(connections_per_node=_CONNECTIONS)
    if node.scheme != "https":
        return node
    return node.replace(
        verify_certs=not options.es_insecure,
        ca_certs=str(options.es_ca_file) if options.es_ca_file else None,
        ssl_assert_fingerprint=options.es_fingerprint,
        ssl_show_warn=False,
    )


def _check(spec: ElasticSpec, options: ElasticConfig, key: str | None) -> None:
    if options.es_ca_file is not None and not options.es_ca_file.is_file():
        problem = Problem("es-ca-file", "must be a file", str(options.es_ca_file), "Check the path.")
        raise ConfigError(str(problem))
    fingerprint = (options.es_fingerprint or "").replace(":", "")
    if options.es_fingerprint is not None and not re.fullmatch(r"[0-9A-Fa-f]{64}", fingerprint):
        fix = "Take it from the server's first start, or: openssl x509 -fingerprint -sha256"
        problem = Problem("es-fingerprint", "must be a SHA-256 of 64 hex digits", options.es_fingerprint, fix)
        raise ConfigError(str(problem))
    if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
        fix = "Put the `encoded` value that Elasticsearch returned there."
        problem = Problem(f"${options.es_api_key_env}", "must be an API key", "other characters", fix)
        raise ConfigError(str(problem))
    if options.es_insecure and spec.url.startswith("https:"):
        warnings.warn(f"{spec.url}: the certificate is not verified (--es-insecure)", stacklevel=3)
    if key is not None and not spec.url.startswith("https:") and urlsplit(spec.url).hostname not in _LOCAL:
        warnings.warn(f"{spec.url}: the API key goes over the network unencrypted; use https", stacklevel=3)
