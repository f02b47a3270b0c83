"""Options that say how questions are read and how a search engine on a server is reached."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from cyclopts import Parameter

from .option_types import Count, Flag, Positive, Seconds


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class ElasticConfig:
    """How to reach the server of an index `es:URL/ALIAS`."""

    es_api_key_env: str = "ELASTIC_API_KEY"
    """Environment variable that holds Elasticsearch's API key (never the key itself)."""
    es_ca_file: Path | None = None
    """File with the certificate authority of Elasticsearch, where the system does not know it."""
    es_fingerprint: str | None = None
    """SHA-256 of Elasticsearch's certificate, in place of a certificate authority."""
    es_insecure: Flag = False
    """Do not verify Elasticsearch's certificate."""
    es_timeout: Seconds = 60.0
    """Longest wait for one reply of Elasticsearch in seconds."""
    es_retries: Count = 3
    """Retries of a request to Elasticsearch after 429, 502, 503, 504, a timeout or a broken connection."""


BY_DEFAULT = ElasticConfig()
"""A server that needs no more than its URL and, where it has one, the key."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class ElasticBuildConfig:
    """How an index in Elasticsearch is built."""

    es_shards: Positive = 1
    """Primary shards; Elastic advises 10 to 50 GB each."""
    es_replicas: Count = 0
    """Copies of each shard, made after the build."""
    es_threads: Positive = 4
    """Bulk requests under way at once."""
    es_force_merge: Flag = False
    """Merge the finished index into one segment a shard: slower to build, quicker to search."""
    es_delete_old: Flag = False
    """Delete the index that the alias pointed to before; without it, it is kept."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class QuestionFields:
    """Where a source of questions keeps things: column names, or dotted paths such as `answer.aliases`.

    What is not given is found by the layouts that are known (see docs/questions.md).
    """

    question_field: str | None = None
    """Where the question stands."""
    answer_field: tuple[str, ...] = ()
    """Where gold answers stand: a text or a list of texts; several places are put together."""
    id_field: str | None = None
    """Where the question's id stands; without it a hash of the question."""
    titles_field: str | None = None
    """Where the titles that the question rests on stand: texts, a list in a text, or Wikipedia addresses."""
    hops_field: str | None = None
    """Where the number of facts stands: a number, a list (its length), or a text that begins as `2hop`."""
    type_field: str | None = None
    """Where the kind of question stands."""
    questions_licence: str | None = None
    """Licence of the questions, as the Hub writes it (`cc-by-sa-4.0`); known of the named sources."""


ELASTIC_OPTIONS = frozenset(
    field.name.replace("_", "-")
    for config in (ElasticConfig, ElasticBuildConfig)
    for field in dataclasses.fields(config)
)
"""Options about one server: not part of what was made, so never published."""
