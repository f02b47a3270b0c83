"""What an embedding model wants to read before a query and before a passage.

A model that is asked without its prompts ranks clearly worse and says nothing, so they are chosen here and
stand in the index's manifest. First come the options, then the prompts that the model brings along
(`config_sentence_transformers.json`), then this table by the model's name, after the model cards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..retrieval_config import DenseConfig

_WEB_SEARCH = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"


@dataclass(frozen=True, slots=True)
class Prompts:
    """Texts put before a query and before a passage, without a space of their own between."""

    query: str = ""
    passage: str = ""


_FAMILIES: tuple[tuple[str, Prompts], ...] = (
    (r"e5-mistral|e5.*-instruct", Prompts(f"{_WEB_SEARCH} ")),
    (r"\be5-", Prompts("query: ", "passage: ")),
    (r"qwen3-embedding", Prompts(_WEB_SEARCH)),
    (r"bge-m3|bge-multilingual", Prompts()),
    (r"bge-.*-zh", Prompts("为这个句子生成表示以用于检索相关文章：")),
    (r"bge-.*-en|mxbai-embed|arctic-embed-(?:xs|s|m|l)$", Prompts(
        "Represent this sentence for searching relevant passages: "
    )),
    (r"nomic-embed-text", Prompts("search_query: ", "search_document: ")),
)  # fmt: skip
"""The first pattern found in the lower-case name decides."""

_PASSAGE_NAMES = ("document", "passage", "corpus")
"""What sentence-transformers calls the prompt of a passage, in the order in which it looks for one."""


def choose_prompts(model: str, own: Mapping[str, str], config: DenseConfig) -> Prompts:
    """The prompts for a model named `model` that brings along the prompts `own`."""
    known = _own(own) or _of_family(model)
    query = known.query if config.query_prompt is None else config.query_prompt
    passage = known.passage if config.passage_prompt is None else config.passage_prompt
    return Prompts(query, passage)


def _own(own: Mapping[str, str]) -> Prompts | None:
    """sentence-transformers gives every model empty prompts: only one that says something counts."""
    passage = next((own[name] for name in _PASSAGE_NAMES if name in own), "")
    prompts = Prompts(own.get("query", ""), passage)
    return None if prompts == Prompts() else prompts


def _of_family(model: str) -> Prompts:
    name = model.lower()
    return next((prompts for pattern, prompts in _FAMILIES if re.search(pattern, name)), Prompts())
