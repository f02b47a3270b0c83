"""Reciprocal rank fusion: by hand, by its properties, and over corpora that differ."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trajset.builder.errors import ConfigError
from trajset.builder.retrieval.fusion import FusedRetriever, fuse
from trajset.builder.retrieval.retriever import DictRetriever, FailedSearch, failure_of
from trajset.builder.schema import Hit, Passage


def hits(*names: str) -> list[Hit]:
    return [Hit(Passage(name, name, ""), 100.0 - rank) for rank, name in enumerate(names)]


def test_by_hand() -> None:
    fused = fuse([hits("a", "b", "c"), hits("c", "a", "d")], constant=60)
    assert [hit.passage.id for hit in fused] == ["a", "c", "b", "d"]
    assert [hit.score for hit in fused] == pytest.approx(
        [1 / 61 + 1 / 62, 1 / 63 + 1 / 61, 1 / 62, 1 / 63], abs=1e-15
    )


def test_equal_sums_go_by_the_first_ranking() -> None:
    assert [hit.passage.id for hit in fuse([hits("a", "b"), hits("b", "a")])] == ["a", "b"]
    assert [hit.passage.id for hit in fuse([hits("x"), hits("y")])] == ["x", "y"]
    assert fuse([[], []]) == []


def test_a_constant_of_its_own_changes_the_order() -> None:
    rankings = [hits("a", "c", "d", "e", "b"), hits("f", "g", "h", "i", "b")]
    assert fuse(rankings, 60)[0].passage.id == "b"
    assert fuse(rankings, 0.01)[0].passage.id == "a"


names = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)


@given(rankings=st.lists(names, min_size=1, max_size=4), constant=st.floats(0.1, 1000))
def test_a_passage_above_another_everywhere_is_above_it_in_the_fusion(
    rankings: list[list[str]], constant: float
) -> None:
    order = [hit.passage.id for hit in fuse([hits(*names) for names in rankings], constant)]
    assert sorted(order) == sorted({name for names in rankings for name in names})
    for better in order:
        for worse in order:
            above = [
                better in names and (worse not in names or names.index(better) < names.index(worse))
                for names in rankings
                if better in names or worse in names
            ]
            if better != worse and all(above):
                assert order.index(better) < order.index(worse)


def retriever(name: str, corpus: str, *found: str) -> DictRetriever:
    return DictRetriever({"q": hits(*found)}, name, corpus)


def test_engines_over_one_corpus_are_fused_whatever_it_is_called() -> None:
    fused = FusedRetriever.of(
        [retriever("bm25@1", "wiki@ab", "a", "b", "c"), retriever("dense@2", "w@ab", "c")]
    )
    assert fused.name == "rrf-60-100(bm25@1+dense@2)"
    assert fused.corpus == "wiki@ab"
    assert [[hit.passage.id for hit in found] for found in fused.search(["q", "?"], 2)] == [["c", "a"], []]
    assert fused.search(["q"], 0) == [[]]


def test_depth_bounds_what_is_fused() -> None:
    engines = [retriever("one", "w@ab", "a", "b", "c"), retriever("two", "w@ab", "d", "c")]
    shallow = FusedRetriever.of(engines, depth=1)
    assert {hit.passage.id for hit in shallow.search(["q"], 1)[0]} < {"a", "d"}
    assert [hit.passage.id for hit in FusedRetriever.of(engines, depth=3).search(["q"], 1)[0]] == ["c"]


def test_other_corpora_and_doubles_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"over one corpus to be fused; got \['wiki@ab', 'wiki@cd'\]"):
        FusedRetriever.of([retriever("one", "wiki@ab"), retriever("two", "wiki@cd")])
    with pytest.raises(ConfigError, match="must not be fused with itself"):
        FusedRetriever.of([retriever("one", "wiki@ab"), retriever("one", "wiki@ab")])


def test_a_failed_search_stays_one() -> None:
    failing = DictRetriever({"q": FailedSearch("down")}, "two", "w@ab")

    class Failing:
        name, corpus = "two", "w@ab"

        def search(self, queries: list[str], k: int) -> list[list[Hit]]:
            return [FailedSearch("down") for _ in queries]

    assert failing.search(["q"], 1) == [[]]
    fused = FusedRetriever.of([retriever("one", "w@ab", "a"), Failing()])
    assert failure_of(fused.search(["q"], 3)[0]) == "down"
