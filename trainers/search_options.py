"""Options of the search tool that a student uses while it trains; light to import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cyclopts import Parameter

from ..builder.option_types import Positive
from ..builder.retrieval_config import PLAIN, RetrievalConfig

if TYPE_CHECKING:
    from ..builder.schema import JsonObject


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class SearchOptions:
    """The search tool, and how often a student may use it."""

    index: tuple[str, ...]
    """Folder of the index (`trajset index`), or `es:URL/ALIAS` in Elasticsearch. Given several times: their
    rankings are fused."""
    k: Positive = 5
    """Passages shown per search."""
    policy: Literal["always_search", "adaptive"] = "always_search"
    """Search policy of the system prompt."""
    max_turns: Positive = 6
    """Most turns of a rollout."""
    retrieval: RetrievalConfig = PLAIN


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class OpdSearch(SearchOptions):
    """The search tool of live rollouts."""

    index: tuple[str, ...] = ()
    """Folder of the index (`trajset index`), or `es:URL/ALIAS` in Elasticsearch. Given several times: their
    rankings are fused."""
    max_turns: Positive = 5
    """Most turns of a rollout."""


OPD_SEARCH = OpdSearch()


def search_facts(search: SearchOptions) -> JsonObject:
    """The search tool as lineage names it: engine and corpus, each with its hash, and no place.

    Raises:
        InputError, ServiceError: see `open_index`.
    """
    from ..builder.retrieval.opening import open_index

    engine = open_index(search.index, search.retrieval)
    return {"retriever": engine.name, "corpus": engine.corpus}
