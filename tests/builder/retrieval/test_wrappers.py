"""The cache changes nothing; noise and faults come as often as asked for, and alike every time."""

import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from trajset.builder.errors import ConfigError, RetrieverError, StorageError
from trajset.builder.retrieval.cache import CachedRetriever
from trajset.builder.retrieval.chance import chance
from trajset.builder.retrieval.combining import Combined
from trajset.builder.retrieval.faults import FaultyRetriever
from trajset.builder.retrieval.noise import FAILURE, KINDS, NoisyRetriever, parse_noise
from trajset.builder.retrieval.retriever import DictRetriever, FailedSearch, failure_of
from trajset.builder.schema import Hit, Passage

PEOPLE = ("Ada Lovelace", "Grace Hopper", "Alan Turing", "Emmy Noether", "Kurt Goedel")


def passage(number: int) -> Passage:
    who, year = PEOPLE[number % 5], 1800 + number
    return Passage(
        f"p{number}", f"Page {number}", f"The work was done by {who} in {year}. It has 12{number} parts."
    )


@dataclass
class Ranked:
    """Finds passages by a shift that depends on the query; counts what it is asked."""

    name: str = "ranked@1"
    corpus: str = "pages@ab"
    asked: Counter[tuple[str, int]] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        with self.lock:
            self.asked.update((query, k) for query in queries)
        return [self.hits(query)[:k] for query in queries]

    def hits(self, query: str) -> list[Hit]:
        start = int(chance(query) * 200)
        return [Hit(passage((start + rank) % 200), 1 / (3 + rank)) for rank in range(100)]


def asked(count: int) -> list[str]:
    return [f"question {number}" for number in range(count)]


def plain(results: list[list[Hit]]) -> list[list[Hit]]:
    return [list(hits) for hits in results]


# The cache


def test_the_cache_changes_no_result_and_asks_once(tmp_path: Path) -> None:
    engine = Ranked()
    cached = CachedRetriever.open(engine, tmp_path / "cache")
    queries = [*asked(20), "question 3", "\ud800", "", "x" * 100_000]
    expected = plain(Ranked().search(queries, 5))
    assert plain(cached.search(queries, 5)) == expected
    assert plain(CachedRetriever.open(engine, tmp_path / "cache").search(queries, 5)) == expected
    assert set(engine.asked.values()) == {1}
    assert plain(cached.search(["question 3"], 6)) == plain(Ranked().search(["question 3"], 6))
    assert (cached.name, cached.corpus) == (engine.name, engine.corpus)


def test_another_engine_or_corpus_has_results_of_its_own(tmp_path: Path) -> None:
    first = DictRetriever({"q": [Hit(passage(1), 1.0)]}, "one", "pages@ab")
    others = [
        DictRetriever({"q": [Hit(passage(2), 1.0)]}, "two", "pages@ab"),
        DictRetriever({"q": [Hit(passage(3), 1.0)]}, "one", "pages@cd"),
    ]
    found = [
        CachedRetriever.open(inner, tmp_path).search(["q"], 1)[0][0].passage.id for inner in (first, *others)
    ]
    assert found == ["p1", "p2", "p3"]


@given(score=st.floats(allow_nan=False, allow_infinity=False), texts=st.tuples(*[st.text(max_size=20)] * 3))
def test_passages_and_scores_come_back_exactly(
    score: float, texts: tuple[str, str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    hits = [Hit(Passage(*texts), score)]
    inner = DictRetriever({"q": hits})
    assert [CachedRetriever.open(inner, folder).search(["q"], 1)[0] for _ in range(2)] == [hits, hits]


def test_threads_share_the_cache(tmp_path: Path) -> None:
    cached = CachedRetriever.open(Ranked(), tmp_path)
    queries = asked(30) * 4
    expected = [Ranked().hits(query)[:5] for query in queries]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda query: cached.search([query], 5)[0], queries)) == expected


def test_failures_are_not_kept(tmp_path: Path) -> None:
    class Recovering(Ranked):
        def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
            found = super().search(queries, k)
            return [FailedSearch("down")] if self.asked.total() == 1 else found

    cached = CachedRetriever.open(Recovering(), tmp_path)
    assert failure_of(cached.search(["q"], 5)[0]) == "down"
    assert len(cached.search(["q"], 5)[0]) == 5


def test_a_place_that_is_no_cache_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="must be a writable cache"):
        CachedRetriever.open(Ranked(), tmp_path / "file")
    (tmp_path / "cache.db").write_bytes(b"no database " * 1000)
    with pytest.raises(StorageError, match="must be a writable cache"):
        CachedRetriever.open(Ranked(), tmp_path)


# Noise


def noisy(seed: int = 0, **shares: float) -> NoisyRetriever:
    return NoisyRetriever(Ranked(), shares, seed)


def within(count: int, trials: int, share: float) -> bool:
    """Whether a count lies in the interval that holds 99.9 % of such counts."""
    low, high = binom.interval(0.999, trials, share)
    return low <= count <= high


@pytest.mark.parametrize("seed", range(5))
def test_every_kind_comes_as_often_as_asked_for(seed: int) -> None:
    shares = {"drop": 0.1, "empty": 0.05, "swap": 0.2, "distract": 0.15, "contradict": 0.3}
    retriever = noisy(seed, **shares)
    counts = Counter(retriever.kind_of(query) for query in asked(5000))
    for kind, share in shares.items():
        assert within(counts[kind], 5000, share), kind
    assert within(counts[None], 5000, 0.2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_share_of_one_takes_all_and_of_none_nothing(kind: str) -> None:
    assert {noisy(**{kind: 1.0}).kind_of(query) for query in asked(200)} == {kind}
    assert {noisy(**{kind: 0.0}).kind_of(query) for query in asked(200)} == {None}


def test_noise_depends_on_seed_and_query_and_not_on_order_or_company() -> None:
    shares = {"drop": 0.2, "swap": 0.2, "distract": 0.2, "contradict": 0.2}
    queries = asked(100)
    one_by_one = {query: noisy(**shares).search([query], 5)[0] for query in reversed(queries)}
    together = noisy(**shares).search(queries, 5)
    assert together == [one_by_one[query] for query in queries]
    assert [failure_of(hits) for hits in together] == [failure_of(one_by_one[query]) for query in queries]
    assert noisy(seed=1, **shares).search(queries, 5) != together


def test_a_larger_share_spoils_the_same_queries_and_more() -> None:
    few, many = noisy(drop=0.1), noisy(drop=0.3)
    dropped = [{query for query in asked(1000) if retriever.kind_of(query)} for retriever in (few, many)]
    assert dropped[0] < dropped[1]


def test_what_is_not_spoilt_is_as_it_was() -> None:
    retriever = noisy(drop=0.3, empty=0.3)
    for query, hits in zip(asked(100), retriever.search(asked(100), 5), strict=True):
        kind = retriever.kind_of(query)
        assert failure_of(hits) == (FAILURE if kind == "drop" else None)
        assert hits == ([] if kind else Ranked().hits(query)[:5])


def test_swapped_results_are_those_of_another_query() -> None:
    right = Ranked().hits("question 1")
    (hits,) = noisy(swap=1.0).search(["question 1"], 5)
    expected = [hit for hit in Ranked().hits(right[49].passage.title)[:10] if hit not in right[:5]][:5]
    assert hits == expected
    assert not {hit.passage.id for hit in hits} & {hit.passage.id for hit in right[:5]}


def test_look_alikes_are_ranked_just_below_and_of_other_pages() -> None:
    right = Ranked().hits("question 1")
    assert noisy(distract=1.0).search(["question 1"], 5) == [right[5:10]]
    pages = [Hit(Passage(str(n), f"page {n // 3}", "x"), 1 / (n + 1)) for n in range(20)]
    inner = DictRetriever({"q": pages})
    (hits,) = NoisyRetriever(inner, {"distract": 1.0}).search(["q"], 4)
    assert [hit.passage.id for hit in hits] == ["6", "7", "8", "9"]  # 4 and 5 are of a page found before


def test_contradicting_passages_name_others_of_the_same_kind() -> None:
    query = "Who did the work of Emmy Noether?"
    right = Ranked().hits(query)
    (hits,) = noisy(contradict=1.0).search([query], 5)
    (again,) = noisy(contradict=1.0).search([query], 5)
    assert hits == again
    for before, after in zip(right, hits, strict=False):
        assert (after.score, after.passage.title) == (before.score, before.passage.title)
        assert after.passage.id.startswith(f"{before.passage.id}~contradicted-")
        words = after.passage.text.split()
        assert words[:6] == ["The", "work", "was", "done", "by", words[5]]
        year = next(word for word in words if word.strip(".").isdigit() and len(word.strip(".")) == 4)
        assert 1800 <= int(year.strip(".")) < 2000
        assert year.strip(".") not in before.passage.text
        who = next(name for name in PEOPLE if name in before.passage.text)
        assert (who in after.passage.text) == (who == "Emmy Noether")
        assert sum(name in after.passage.text for name in PEOPLE) == 1


def test_a_passage_without_values_keeps_its_id() -> None:
    inner = DictRetriever({"q": [Hit(Passage("a", "t", "nothing to replace here"), 1.0)]})
    assert NoisyRetriever(inner, {"contradict": 1.0}).search(["q"], 1) == [inner.hits["q"]]


def test_nothing_found_stays_nothing() -> None:
    for kind in ("swap", "distract", "contradict", "empty"):
        assert NoisyRetriever(DictRetriever({}), {kind: 1.0}).search(["q"], 3) == [[]]


def test_the_name_says_all() -> None:
    retriever = NoisyRetriever(Ranked(), parse_noise(["swap=0.05", "drop=0.1", "empty=0"]), 7)
    assert retriever.name == "noise(drop=0.1,swap=0.05,seed=7)/ranked@1"
    faulty = FaultyRetriever(retriever, 0.05, 0.0, 7)
    assert faulty.name == "faults(fail=0.05,latency=0,seed=7)/noise(drop=0.1,swap=0.05,seed=7)/ranked@1"
    assert faulty.corpus == retriever.corpus == "pages@ab"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["dorp=0.1"], "Did you mean 'drop'"),
        (["drop"], "must have a share between 0 and 1"),
        (["drop=10"], "must have a share between 0 and 1"),
        (["drop=nan"], "must have a share between 0 and 1"),
        (["drop=0.1", "drop=0.2"], "must name a kind once"),
        (["drop=0.6", "swap=0.6"], "must sum to 1 at most"),
    ],
)
def test_wrong_noise_is_told(options: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_noise(options)


# Faults


def outcomes(retriever: FaultyRetriever, queries: Sequence[str]) -> list[bool]:
    def fails(query: str) -> bool:
        try:
            retriever.search([query], 3)
        except RetrieverError:
            return True
        return False

    return [fails(query) for query in queries]


def test_faults_come_as_often_as_asked_for_and_pass_when_tried_again() -> None:
    retriever = FaultyRetriever(Ranked(), 0.05, 0.0, 3)
    first = outcomes(retriever, asked(4000))
    assert within(sum(first), 4000, 0.05)
    assert outcomes(FaultyRetriever(Ranked(), 0.05, 0.0, 3), asked(4000)) == first
    failed = [query for query, fails in zip(asked(4000), first, strict=True) if fails]
    assert within(sum(outcomes(retriever, failed)), len(failed), 0.05)


def test_latency_delays_and_changes_nothing() -> None:
    retriever = FaultyRetriever(Ranked(), 0.0, 0.001)
    assert retriever.search(asked(3), 2) == Ranked().search(asked(3), 2)


# Combining


def test_what_waits_is_worked_on_together_and_given_back_to_whom_it_belongs() -> None:
    batches: list[int] = []
    entered, go_on = threading.Event(), threading.Event()

    def work(items: list[int]) -> list[int]:
        batches.append(len(items))
        entered.set()
        go_on.wait(10)
        return [item * item for item in items]

    combined = Combined(work)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(combined, [0])
        entered.wait(10)
        others = [pool.submit(combined, [n, n + 1]) for n in range(8)]
        while len(combined._waiting) < 8:
            pass
        go_on.set()
        assert first.result() == [0]
        assert [other.result() for other in others] == [[n * n, (n + 1) ** 2] for n in range(8)]
    assert batches == [1, 16]


@pytest.mark.parametrize("error", [RetrieverError("down"), KeyError("a bug")])
def test_nobody_waits_for_ever_for_work_that_failed(error: Exception) -> None:
    def work(items: list[int]) -> list[int]:
        raise error

    combined = Combined(work)
    with pytest.raises(type(error)):
        combined([1])
    with ThreadPoolExecutor(4) as pool:
        failed = [pool.submit(combined, [n]) for n in range(8)]
        assert all(future.exception(10) is not None for future in failed)
