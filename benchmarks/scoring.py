"""The columnar scorer against the plain per-row algorithm, on the same pairs in one run.

    python benchmarks/scoring.py [--pairs FILE.jsonl.gz] [--n 1000000]

The alternative is the official HotpotQA evaluation as it is written: normalise, count tokens, one row after
another in Python, once for EM and once for F1. Without --pairs the texts are generated; with it they are the
`pred` and `gold` of that file, repeated with a number behind the prediction so that no text repeats.
"""

import argparse
import gzip
import json
import random
import statistics
import time
from pathlib import Path

import polars as pl
from machine import describe
from trajset.builder import scoring
from trajset.builder.score_table import score_pairs


def real_pairs(path: Path, n: int) -> list[tuple[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        pairs = [(row["pred"], row["gold"]) for row in map(json.loads, lines)]
    rounds = n // len(pairs) + 1
    return [(f"{pred} {turn}", gold) for turn in range(rounds) for pred, gold in pairs][:n]


def generated_pairs(n: int) -> list[tuple[str, str]]:
    rng = random.Random(0)
    words = [
        "the",
        "a",
        "of",
        *("".join(rng.choices("abcdefghij", k=rng.randint(2, 9))) for _ in range(5000)),
    ]

    def text() -> str:
        return " ".join(rng.choices(words, k=rng.randint(1, 6))).title() + rng.choice(["", ".", "!"])

    golds = [text() for _ in range(n)]
    return [(rng.choice([gold, text(), f"{gold} {text()}"]), gold) for gold in golds]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--n", type=int, default=1_000_000)
    args = parser.parse_args()
    pairs = real_pairs(args.pairs, args.n) if args.pairs else generated_pairs(args.n)
    frame = pl.DataFrame(pairs, schema={"prediction": pl.String, "gold": pl.String}, orient="row")

    start = time.perf_counter()
    rows = [(scoring.string_f1(pred, [gold]), scoring.exact_match(pred, [gold])) for pred, gold in pairs]
    plain = time.perf_counter() - start

    runs = []
    for _ in range(3):
        start = time.perf_counter()
        scores = score_pairs(frame)
        runs.append(time.perf_counter() - start)
    columnar = statistics.median(runs)

    assert scores.select("f1", "em").rows() == rows, "the two paths disagree"
    print(describe("polars"))
    print(f"{len(pairs):,} pairs, {'real' if args.pairs else 'generated'} texts; F1 and EM equal on all")
    print(f"per row   {plain:7.2f} s")
    print(f"columnar  {columnar:7.2f} s  (median of 3; also computes cover match)")
    print(f"ratio     {plain / columnar:7.1f} x")


if __name__ == "__main__":
    main()
