"""Every family gets the texts that its model card asks for."""

import pytest
from trajset.builder.retrieval.dense_prompts import Prompts, choose_prompts
from trajset.builder.retrieval_config import DenseConfig

BGE = "Represent this sentence for searching relevant passages: "
WEB = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("e5-large-v2", Prompts("query: ", "passage: ")),
        ("multilingual-e5-base", Prompts("query: ", "passage: ")),
        ("e5-mistral-7b-instruct", Prompts(f"{WEB} ")),
        ("multilingual-e5-large-instruct", Prompts(f"{WEB} ")),
        ("bge-base-en-v1.5", Prompts(BGE)),
        ("bge-large-zh-v1.5", Prompts("为这个句子生成表示以用于检索相关文章：")),
        ("bge-m3", Prompts()),
        ("Qwen3-Embedding-0.6B", Prompts(WEB)),
        ("mxbai-embed-large-v1", Prompts(BGE)),
        ("nomic-embed-text-v1.5", Prompts("search_query: ", "search_document: ")),
        ("all-MiniLM-L6-v2", Prompts()),
        ("contriever-msmarco", Prompts()),
    ],
)
def test_by_family(model: str, expected: Prompts) -> None:
    empty = {"query": "", "document": ""}  # what sentence-transformers gives every model
    assert choose_prompts(model, empty, DenseConfig()) == expected
    assert choose_prompts(model, {}, DenseConfig()) == expected


def test_the_models_own_prompts_come_before_the_table_and_options_before_both() -> None:
    own = {"query": "Q> ", "passage": "P> "}
    assert choose_prompts("e5-large-v2", own, DenseConfig()) == Prompts("Q> ", "P> ")
    only_query = {"query": "Q> ", "document": ""}
    assert choose_prompts("e5-large-v2", only_query, DenseConfig()) == Prompts("Q> ", "")
    chosen = DenseConfig(query_prompt="", passage_prompt="text: ")
    assert choose_prompts("e5-large-v2", own, chosen) == Prompts("", "text: ")
