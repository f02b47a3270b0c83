"""Bootstrap intervals of a whole measurement: trajset, scipy called once a mean, and a plain Python loop.

    python benchmarks/bootstrap.py [--questions 10000] [--resamples 10000]

Made-up scores of one row a question, sliced by hops and type. scipy draws for the same means, each for
itself, in batches of the same size; a mean over questions of a slice is drawn over these. The loop is timed
with 20 draws of one mean and scaled up. Times are of the processor, imports left out; the ends must be equal.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable

import numpy as np
import polars as pl
from machine import describe
from scipy.stats import bootstrap
from trajset.eval.bootstrap import Draws
from trajset.eval.cells import Cell
from trajset.eval.frame import BEHAVIOUR, LATENCY, SCORES, Measurement
from trajset.eval.metrics import summarise
from trajset.eval.results import Estimate

LOOPED = 20
MEASURES = (*SCORES, "llm_judge", "llm_judge_reflect", *BEHAVIOUR)
SLICED = ("f1", "em", "searches")


def made_up(questions: int) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    ids = [f"q{number}" for number in range(questions)]
    return pl.DataFrame(
        {
            "id": ids,
            "question_id": ids,
            "hops": rng.integers(1, 5, questions),
            "type": rng.choice(["bridge", "comparison"], questions),
            "stop_reason": ["answered"] * questions,
            **{name: rng.random(questions) for name in (*MEASURES, *LATENCY)},
        }
    )


def timed(work: Callable[[], object]) -> tuple[float, object]:
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def by_scipy(values: np.ndarray, draws: Draws) -> tuple[float, float]:
    ends = bootstrap(
        (values,),
        np.mean,
        method="percentile",
        n_resamples=draws.resamples,
        batch=max(1, 100_000 // len(values)),
        rng=np.random.default_rng(draws.seed),
    ).confidence_interval
    return float(ends.low), float(ends.high)


def all_by_scipy(frame: pl.DataFrame, draws: Draws) -> list[tuple[float, float]]:
    whole = [by_scipy(frame[name].to_numpy(), draws) for name in MEASURES]
    for by in ("hops", "type"):
        for part in frame.partition_by(by):
            whole += [by_scipy(part[name].to_numpy(), draws) for name in SLICED]
    return whole


def by_loop(values: list[float], draws: int) -> list[float]:
    rng = random.Random(0)
    return [statistics.fmean(rng.choices(values, k=len(values))) for _ in range(draws)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=10_000)
    parser.add_argument("--resamples", type=int, default=10_000)
    args = parser.parse_args()
    frame, draws = made_up(args.questions), Draws(args.resamples)
    print(describe("numpy", "scipy", "polars"))
    ours, summary = timed(lambda: summarise(Measurement(Cell("made-up", "model"), frame), draws))
    theirs, ends = timed(lambda: all_by_scipy(frame, draws))
    estimates: dict[str, Estimate] = {**summary.quality, **summary.behaviour}
    for name, (low, high) in zip(MEASURES, ends, strict=False):
        assert np.allclose((estimates[name].low, estimates[name].high), (low, high)), name
    loop, _ = timed(lambda: by_loop(frame["f1"].to_list(), LOOPED))
    # Slices by hops, and by type, hold all questions once.
    looped = loop / LOOPED * args.resamples * (len(MEASURES) + 2 * len(SLICED))
    print(f"{args.questions:,} questions, {args.resamples:,} draws, {len(ends)} intervals, made-up scores")
    print(f"trajset           {ours:8.1f} s")
    print(f"scipy, one each   {theirs:8.1f} s  {theirs / ours:6.1f} x")
    print(f"Python loop       {looped:8.0f} s  {looped / ours:6.0f} x  (scaled up from {LOOPED} draws)")


if __name__ == "__main__":
    main()
