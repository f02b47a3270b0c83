"""Evaluations made by hand for the tests of the report; their numbers are invented."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence
from functools import cache
from itertools import combinations

from ablation_samples import HOSTILE
from trajset.eval.cells import Cell, Mode
from trajset.eval.report.document import Document, document
from trajset.eval.results import (
    AdaptivePoint,
    Estimate,
    Evaluation,
    Failure,
    FailureExample,
    Failures,
    LossSplit,
    NoiseCurve,
    NoisePoint,
    Paired,
    Probe,
    Quantiles,
    ReliabilityBin,
    Slice,
    Summary,
)

NOTHING = Estimate(None, None, None, 0, 0)
COMMIT = "70d244cc86ccca08cf5af4e1e306ecf908b1ad5e"
MODELS = (f"Qwen/Qwen3-1.7B@{COMMIT}", "runs/asp-sft/checkpoint-1200", "Qwen/Qwen3-32B")
BM25 = "bm25(k=10)/wiki-2021"


def estimate(value: float, questions: int = 500, unscored: int = 0, spread: float = 1.0) -> Estimate:
    """A mean with a made-up interval."""
    half = 0.9 * spread / questions**0.5
    return Estimate(value, value - half, value + half, questions, questions - unscored, unscored)


def part(value: float, questions: int = 500, unscored: int = 0) -> Estimate:
    """The same within [0, 1]."""
    made = estimate(min(1.0, max(0.0, value)), questions, unscored)
    return dataclasses.replace(made, low=max(0.0, made.low or 0), high=min(1.0, made.high or 0))


def summary(
    cell: Cell, f1: float, questions: int = 500, *, judged: bool = True, hops: bool = True
) -> Summary:
    """A measurement around an F1."""
    draw = random.Random(f"{cell}")
    searching = cell.mode in (Mode.LIVE, Mode.NOISY)
    searches = 1.0 + 3 * draw.random() if searching else 0.0
    unscored = draw.choice((0, 3))
    quality = {
        "f1": part(f1, questions, unscored),
        "em": part(f1 - 0.08, questions, unscored),
        "cover_match": part(f1 + 0.05, questions, unscored),
    }
    if judged:
        quality["llm_judge"] = part(f1 + 0.07, questions, unscored)
    never = 0.4 * draw.random() if searching else 1.0
    slow = 1.5 + 6 * draw.random()
    latency = {"total": slow, "model": slow * 0.7, "retrieval": slow * 0.3 if searching else None}
    slices = {"hops": {"2": f1 + 0.05, "3": f1 - 0.04, "4": f1 - 0.11, "unknown": f1}} if hops else {}
    slices |= {"type": {"bridge": f1 - 0.02, "comparison": f1 + 0.06}} if hops else {}
    return Summary(
        cell=cell,
        rows=questions,
        questions=questions,
        quality=quality,
        behaviour={
            "searches": estimate(searches, questions),
            "never_searches": part(never, questions),
            "failed_searches": estimate(0.02, questions, spread=0.1),
            "answered": part(0.96, questions),
            "turns": estimate(searches + 1, questions),
            "prompt_tokens": estimate(2431.2, questions, spread=2000),
            "completion_tokens": estimate(318.7, questions, spread=200),
        },
        latency={
            name: Quantiles(value, None if value is None else value * 2.3, questions if value else 0)
            for name, value in latency.items()
        },
        stops={"answered": questions - 21, "max_turns": 14, "context_full": 4, "server_error": unscored},
        slices={
            kind: {
                value: Slice(
                    part(mean, questions // 4),
                    part(mean - 0.1, questions // 4),
                    estimate(searches, questions // 4),
                )
                for value, mean in values.items()
            }
            for kind, values in slices.items()
        },
    )


def pair(first: Cell, second: Cell, difference: float, measure: str = "f1") -> Paired:
    """Two measurements with a made-up difference."""
    return Paired(
        first, second, measure, estimate(difference, 480), 0.002 if abs(difference) > 0.05 else 0.312
    )


def failures(cell: Cell, counts: Sequence[int], scored: int = 500, examples: int = 2) -> Failures:
    """Wrong rows in the order of the classes."""
    classes = dict(zip(Failure, counts, strict=True))
    wrong = sum(counts)
    shown = tuple(
        FailureExample(
            row_id=f"{place:08x}{failure.name.lower():.8}",
            question=f"In which year was the founder of company {place} born?",
            gold=("1871", "the year 1871"),
            answer=None if place == 1 else "1903",
            failure=failure,
            why=f"`{failure}` by rule: 1 of 2 gold titles was never retrieved",
        )
        for failure in Failure
        for place in range(examples)
    )
    shares = {str(failure): part(count / scored, scored) for failure, count in classes.items()}
    return Failures(cell, scored, wrong, classes, shares | {"wrong": part(wrong / scored, scored)}, shown)


def curve(benchmark: str, model: str, kind: str, clean: float, fall: float) -> NoiseCurve:
    """F1 that falls with the share of spoilt searches."""
    points = [
        NoisePoint(share, part(clean - fall * share), None if not share else estimate(fall * share, 490))
        for share in (0.0, 0.1, 0.2, 0.4)
    ]
    return NoiseCurve(benchmark, model, kind, tuple(points))


def loss(benchmark: str, model: str, closed: float, live: float, gold: float) -> LossSplit:
    """The split of three modes."""
    return LossSplit(
        benchmark,
        model,
        part(closed),
        part(live),
        part(gold),
        estimate(live - closed),
        estimate(gold - live),
        estimate(1 - gold),
    )


def probe(benchmark: str, model: str, seed: int, *, simulated: bool = False) -> Probe:
    """A probe with 15 bins, some of them empty."""
    draw = random.Random(seed)
    bins: list[ReliabilityBin] = []
    for place in range(15):
        low, high, empty = place / 15, (place + 1) / 15, place in (3, 13)
        right = min(1.0, max(0.0, (low + high) / 2 + draw.uniform(-0.15, 0.1)))
        bins.append(
            ReliabilityBin(
                low,
                high,
                None if empty else low + 0.03,
                None if empty else right,
                0 if empty else 5 + 3 * place,
            )
        )
    points = tuple(
        AdaptivePoint(
            percent,
            part(0.55 - 0.003 * percent),
            Estimate(0.0, 0.0, 0.0, 500, 500) if not percent else estimate(-0.003 * percent),
            estimate(2.3 * (1 - percent / 100)),
            round(5 * percent),
        )
        for percent in (0.0, 1.0, 5.0, 10.0, 20.0, 50.0, 100.0)
    )
    return Probe(
        benchmark=benchmark,
        model=model,
        layer=14,
        layers=28,
        components=64,
        questions=sum(entry.questions for entry in bins),
        right=143,
        ece=0.0472 + 0.01 * seed,
        auroc=None if seed == 1 else 0.731,
        bins=tuple(bins),
        histogram=tuple(entry.questions for entry in bins),
        curve=points,
        simulated=simulated,
        brier=0.2113,
        oracle_curve=tuple(dataclasses.replace(at, change=estimate(0.02)) for at in points),
        random_curve=tuple(dataclasses.replace(at, change=estimate(-0.007)) for at in points),
    )


def full() -> Evaluation:
    """Two real benchmarks, three models, every section."""
    benchmarks = ("hotpotqa_val500", "bamboogle")
    f1s = {MODELS[0]: 0.423, MODELS[1]: 0.576, MODELS[2]: 0.603}
    live = {(name, model): Cell(name, model, Mode.LIVE, "", BM25) for name in benchmarks for model in MODELS}
    summaries = [
        summary(cell, f1s[cell.model], 125 if "bamboo" in cell.benchmark else 500) for cell in live.values()
    ]
    summaries += [
        summary(Cell("hotpotqa_val500", model, mode), f1s[model] + shift)
        for model in MODELS[:2]
        for mode, shift in ((Mode.CLOSED_BOOK, -0.25), (Mode.GOLD_EVIDENCE, 0.2))
    ]
    summaries.append(summary(Cell("hotpotqa_val500", MODELS[0], Mode.NOISY, "drop=0.1", BM25), 0.302))
    return Evaluation(
        summaries=tuple(summaries),
        paired=tuple(
            pair(live[name, first], live[name, second], f1s[first] - f1s[second], measure)
            for name in benchmarks
            for measure in ("f1", "searches")
            for first, second in combinations(MODELS, 2)
        ),
        failures=(
            failures(live["hotpotqa_val500", MODELS[0]], (80, 120, 50, 31)),
            failures(live["hotpotqa_val500", MODELS[1]], (71, 40, 22, 44)),
            failures(live["bamboogle", MODELS[2]], (11, 0, 2, 9), scored=125, examples=1),
        ),
        noise=tuple(
            curve("hotpotqa_val500", model, kind, f1s[model], fall)
            for kind in ("drop", "contradict")
            for model, fall in ((MODELS[0], 1.2), (MODELS[1], 0.23))
        ),
        losses=(
            loss("hotpotqa_val500", MODELS[0], 0.173, 0.423, 0.623),
            loss("hotpotqa_val500", MODELS[1], 0.376, 0.331, 0.776),
        ),
        probes=(probe("hotpotqa_val500", MODELS[0], 0), probe("hotpotqa_val500", MODELS[1], 1)),
        facts={
            "command": "trajset report runs/eval --out report",
            "datasets": f"eval/base@{COMMIT}; runs/asp-sft",
            "versions": "trajset 0.1.0, Python 3.11.9",
        },
    )


def demo() -> Evaluation:
    """The demo world: all of it simulated, one model that is as well."""
    world = "demo-world"
    models = ("simulated@knows=0.3,searches=0.8", "runs/micro/asp", "runs/micro/f1-only")
    live = [Cell(world, model, Mode.LIVE, "", "bm25(k=3)/demo") for model in models]
    return Evaluation(
        summaries=tuple(summary(cell, 0.7 - 0.06 * place, judged=False) for place, cell in enumerate(live)),
        paired=(pair(live[0], live[1], 0.061), pair(live[1], live[2], 0.012)),
        failures=(failures(live[1], (10, 20, 0, 3), examples=0),),
        noise=(),
        losses=(),
        probes=(probe(world, models[1], 2, simulated=True),),
        facts={"command": "trajset report runs/micro"},
        simulated=True,
    )


def mixed() -> Evaluation:
    """A real benchmark beside the demo world."""
    real, made = full(), demo()
    return dataclasses.replace(
        real,
        summaries=(*real.summaries, *made.summaries),
        paired=(*real.paired, *made.paired),
        probes=(*real.probes, *made.probes),
        simulated=True,
    )


def sparse() -> Evaluation:
    """One model, one benchmark, F1 alone; nothing timed, nothing paired."""
    only = summary(Cell("frames", "gpt", Mode.LIVE, "", BM25), 0.5, 20, judged=False, hops=False)
    bare = dataclasses.replace(
        only,
        quality={"f1": only.quality["f1"], "em": NOTHING},
        latency={"total": Quantiles(None, None, 0)},
        stops={},
    )
    return Evaluation((bare,), (), (), (), (), ())


def single() -> Evaluation:
    """One question: no interval anywhere; a model that scored nothing."""
    one = Estimate(1.0, None, None, 1, 1)
    lost = Estimate(None, None, None, 0, 0, 1)
    cells = [Cell("musique", model, Mode.LIVE, "", BM25) for model in ("a", "b")]
    summaries = tuple(
        Summary(cell, 1, 1, {"f1": f1, "em": f1}, {"searches": one}, {}, {"answered": 1})
        for cell, f1 in zip(cells, (one, lost), strict=True)
    )
    paired = Paired(cells[0], cells[1], "f1", NOTHING, None)
    return Evaluation(summaries, (paired,), (), (), (), ())


def empty() -> Evaluation:
    """Nothing at all."""
    return Evaluation((), (), (), (), (), ())


def many_models() -> Evaluation:
    """More models than there are colours, on more benchmarks than a plot shows, with two search engines."""
    cells = [
        Cell(f"set{number:02}", f"org/model-with-a-long-name-{size}b-instruct", Mode.LIVE, "", engine)
        for number in range(14)
        for size in range(8)
        for engine in ((BM25, "dense(e5-large-v2,k=10)/wiki-2021-of-a-long-name") if number == 0 else (BM25,))
    ]
    summaries = tuple(
        summary(cell, 0.3 + 0.04 * (place % 9), 100, hops=False) for place, cell in enumerate(cells)
    )
    paired = tuple(pair(cells[0], cell, 0.01 * place) for place, cell in enumerate(cells[1:30]))
    return Evaluation(summaries, paired, (), (), (), ())


def hostile() -> Evaluation:
    """Text made to harm wherever text comes from outside."""
    cell = Cell(HOSTILE, f"{HOSTILE} model", Mode.LIVE, "", HOSTILE)
    other = Cell(HOSTILE, "$x$ other", Mode.LIVE, "", f"{HOSTILE} 2")
    one = summary(cell, 0.4)
    one = dataclasses.replace(
        one, stops={HOSTILE: 500}, slices={"type": {HOSTILE: one.slices["type"]["bridge"]}}
    )
    wrong = FailureExample(HOSTILE, HOSTILE, (HOSTILE,), HOSTILE * 20, Failure.BOTH, HOSTILE)
    return Evaluation(
        summaries=(one, summary(other, 0.5)),
        paired=(pair(cell, other, -0.1),),
        failures=(dataclasses.replace(failures(cell, (1, 2, 3, 4)), examples=(wrong,)),),
        noise=(curve(HOSTILE, f"{HOSTILE} model", HOSTILE, 0.4, 0.2),),
        losses=(loss(HOSTILE, f"{HOSTILE} model", 0.1, 0.4, 0.6),),
        probes=(probe(HOSTILE, f"{HOSTILE} model", 3),),
        facts={"command": HOSTILE, HOSTILE: HOSTILE},
    )


ALL: dict[str, Callable[[], Evaluation]] = {
    "full": full,
    "demo": demo,
    "mixed": mixed,
    "sparse": sparse,
    "single": single,
    "empty": empty,
    "many_models": many_models,
    "hostile": hostile,
}


@cache
def made(name: str) -> tuple[Evaluation, Document]:
    """A sample and its report, drawn once for all tests."""
    evaluation = ALL[name]()
    return evaluation, document(evaluation)
