"""Our embedded index beside bm25s on the same passages and queries, in one run.

    python benchmarks/retrieval.py [--passages 100000] [--queries 2000] [--data FOLDER]

Corpora: generated text with Zipf-distributed words (80 a passage, titles of 3), and the 500 questions over
4,937 passages of HotpotQA if `--data` (../shared/data by default) has them; on the latter recall stands
beside speed. Queries over generated text have 3 to 8 words, none of the 33 most frequent: of real text both
engines drop those as stop words.

Build: from a JSON-lines file to an index on disk that also gives the passages back. trajset besides checks
and hashes the corpus and searches titles a second time. bm25s runs as its documentation has it: its own
tokeniser with English stop words and PyStemmer, its numba backend, compiled beforehand. Queries: text in, ten
passages out, best of three; one by one as a collector asks, and all at once, with one thread and with two.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import bm25s
import Stemmer
from machine import describe
from trajset.builder.config import IndexConfig
from trajset.builder.corpus import read_passages
from trajset.builder.questions import load_questions
from trajset.builder.retrieval.evaluate import Ranking, recall_of
from trajset.builder.retrieval.tantivy_index import TantivyRetriever, build_index
from trajset.builder.schema import Question

K = 10
VOCABULARY = 100_000
PASSAGE_WORDS = 80
STOP_WORDS = 33


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds to build, queries a second asked in three ways, and the hits' titles by query."""

    build_s: float
    singly: float
    at_once: float
    at_once_2_threads: float
    titles: list[list[str]]


class ZipfText:
    """Words of which the n-th most frequent comes with a probability proportional to 1/n."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        letters = "abcdefghijklmnopqrstuvwxyz"
        self._words = [
            "".join(self._rng.choices(letters, k=self._rng.randint(3, 9))) for _ in range(VOCABULARY)
        ]
        self._weights = list(accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))

    def words(self, count: int) -> str:
        return " ".join(self._rng.choices(self._words, cum_weights=self._weights, k=count))

    def passages(self, path: Path, count: int) -> None:
        with path.open("w") as file:
            for number in range(count):
                record = {"id": str(number), "title": self.words(3), "text": self.words(PASSAGE_WORDS)}
                file.write(json.dumps(record) + "\n")

    def queries(self, count: int) -> list[str]:
        words, frequent = self._words[STOP_WORDS:], self._weights[STOP_WORDS - 1]
        weights = [weight - frequent for weight in self._weights[STOP_WORDS:]]
        sizes = (self._rng.randint(3, 8) for _ in range(count))
        return [" ".join(self._rng.choices(words, cum_weights=weights, k=size)) for size in sizes]


def seconds(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def rate(queries: Sequence[str], action: Callable[[], Any]) -> float:
    """Queries a second, best of three."""
    return len(queries) / min(seconds(action) for _ in range(3))


def measure_trajset(corpus: str, queries: list[str], folder: Path) -> Measured:
    build_s = seconds(lambda: build_index(corpus, folder / "trajset", IndexConfig()))
    retriever = TantivyRetriever.open(folder / "trajset")

    def one(query: str) -> list[str]:
        return [hit.passage.title for hit in retriever.search([query], K)[0]]

    singly = rate(queries, lambda: list(map(one, queries)))
    with ThreadPoolExecutor(2) as pool:
        # One thread takes a batch as it takes single queries, so the second rate is the first.
        two_threads = rate(queries, lambda: list(pool.map(one, queries)))
    return Measured(build_s, singly, singly, two_threads, list(map(one, queries)))


class Bm25s:
    """bm25s with stemming, as its documentation has it."""

    def __init__(self) -> None:
        self._stemmer = Stemmer.Stemmer("english")
        self._engine = bm25s.BM25(k1=1.2, b=0.75, backend="numba")

    def build(self, corpus: str, folder: Path) -> None:
        passages = list(read_passages(corpus))
        records = [{"id": passage.id, "title": passage.title, "text": passage.text} for passage in passages]
        self._engine.index(self._tokens([f"{p.title}\n{p.text}" for p in passages]), show_progress=False)
        self._engine.save(folder / "bm25s", corpus=records, show_progress=False)
        self._engine.corpus = records

    def titles(self, queries: list[str], threads: int) -> list[list[str]]:
        found = self._engine.retrieve(self._tokens(queries), k=K, n_threads=threads, show_progress=False)
        return [[document["title"] for document in documents] for documents in found.documents]

    def _tokens(self, texts: list[str]) -> Any:
        return bm25s.tokenize(texts, stopwords="en", stemmer=self._stemmer, show_progress=False)


def measure_bm25s(corpus: str, queries: list[str], folder: Path) -> Measured:
    engine = Bm25s()
    build_s = seconds(lambda: engine.build(corpus, folder))
    engine.titles(queries[:10], 2)  # compiles
    return Measured(
        build_s,
        rate(queries, lambda: [engine.titles([query], 1) for query in queries]),
        rate(queries, lambda: engine.titles(queries, 1)),
        rate(queries, lambda: engine.titles(queries, 2)),
        engine.titles(queries, 1),
    )


def compare(name: str, corpus: str, queries: list[str], golds: list[frozenset[str]] | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ours = measure_trajset(corpus, queries, Path(folder))
        theirs = measure_bm25s(corpus, queries, Path(folder))
    print(f"\n{name}, {len(queries):,} queries, top {K}")
    print(f"{'':22}{'trajset':>10}{'bm25s':>10}{'ratio':>8}")
    line("build, s", ours.build_s, theirs.build_s, theirs.build_s / ours.build_s)
    line("queries/s, one by one", ours.singly, theirs.singly, ours.singly / theirs.singly)
    line("queries/s, at once", ours.at_once, theirs.at_once, ours.at_once / theirs.at_once)
    ratio = ours.at_once_2_threads / theirs.at_once_2_threads
    line("  with 2 threads", ours.at_once_2_threads, theirs.at_once_2_threads, ratio)
    if golds:
        for label, measured in (("trajset", ours), ("bm25s", theirs)):
            rankings = [Ranking(tuple(t), gold) for t, gold in zip(measured.titles, golds, strict=True)]
            recall = recall_of(label, rankings)
            print(f"{label}: full recall@10 {recall.full[-1]:.3f}, MRR@10 {recall.mrr:.3f}")


def line(label: str, ours: float, theirs: float, ratio: float) -> None:
    print(f"{label:22}{ours:10,.2f}{theirs:10,.2f}{ratio:7.1f}x")


def golds_of(questions: list[Question]) -> list[frozenset[str]]:
    return [frozenset(question.supporting_titles or ()) for question in questions]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    args = parser.parse_args()
    print(describe("tantivy", "bm25s", "numba", "PyStemmer"))

    warm = ZipfText(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "warm.jsonl"
        warm.passages(path, 500)
        measure_bm25s(str(path), warm.queries(20), Path(folder))  # compiles what building needs

    folder = args.data / "retrieval"
    if folder.is_dir():
        questions = load_questions(str(folder / "hotpotqa_val500_bm25_results.csv.gz"))
        texts = [question.question for question in questions]
        corpus = str(folder / "hotpotqa_val500_corpus.jsonl.gz")
        compare("HotpotQA val500, 4,937 passages", corpus, texts, golds_of(questions))

    zipf = ZipfText(0)
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "zipf.jsonl"
        zipf.passages(path, args.passages)
        compare(f"Zipf text, {args.passages:,} passages", str(path), zipf.queries(args.queries))


if __name__ == "__main__":
    main()
