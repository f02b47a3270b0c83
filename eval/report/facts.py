"""What a report says before and after its numbers: what was measured, what is simulated, what is missing."""

from __future__ import annotations

from collections.abc import Iterator

from ...filters.report.facts import COMMAND, Fact
from ...filters.report.forms import clean, cut
from ..cells import Mode
from ..results import Evaluation
from .labels import Labels, Simulated, is_simulated

_TITLE = 100

_EVAL = "trajset eval --model MODEL --benchmark BENCHMARK"


def title(evaluation: Evaluation) -> str:
    """What the page is called."""
    names = list(dict.fromkeys(one.cell.benchmark for one in evaluation.summaries))
    models = len({one.cell.model for one in evaluation.summaries})
    of = f"{models} {'model' if models == 1 else 'models'}"
    return cut(clean(f"Evaluation of {of} on {', '.join(names)}"), _TITLE) if names else "Evaluation"


def warnings(evaluation: Evaluation, labels: Labels) -> tuple[str, ...]:
    """What must be read before the numbers."""
    if labels.simulated is Simulated.NONE:
        return ()
    worlds = sorted({pair[0] for pair in _pairs(evaluation) if is_simulated(pair[0], "")})
    models = sorted({pair[1] for pair in _pairs(evaluation) if is_simulated("", pair[1])})
    said = (
        "Simulated data: all figures here are." if labels.simulated is Simulated.ALL else "Partly simulated."
    )
    if worlds:
        said += (
            f" Questions and passages of {', '.join(worlds)} were made by a program; nothing about it is "
            "about real questions."
        )
    if models:
        said += f" No language model stands behind {', '.join(map(labels.model, models))}."
    return (said,)


def _pairs(evaluation: Evaluation) -> list[tuple[str, str]]:
    found = [(one.cell.benchmark, one.cell.model) for one in evaluation.summaries]
    return found + [(one.benchmark, one.model) for one in evaluation.probes]


def facts(evaluation: Evaluation) -> tuple[Fact, ...]:
    """What stands at the head of a report."""
    questions: dict[str, int] = {}
    for one in evaluation.summaries:
        questions[one.cell.benchmark] = max(questions.get(one.cell.benchmark, 0), one.questions)
    models = dict.fromkeys(one.cell.model for one in evaluation.summaries)
    rows = sum(one.rows for one in evaluation.summaries)
    return (
        Fact("Models", "; ".join(models)),
        Fact("Benchmarks", "; ".join(f"{name}, {count:,} questions" for name, count in questions.items())),
        Fact("Rows", f"{rows:,}"),
        Fact("Intervals", "95%, percentile bootstrap over questions"),
        *(Fact(_label(name), text) for name, text in evaluation.facts.items() if name != COMMAND),
    )


def _label(name: str) -> str:
    return f"{name[:1].upper()}{name[1:]}".replace("_", " ")


def command(evaluation: Evaluation) -> str | None:
    """The command that makes the report again, where it is known."""
    return evaluation.facts.get(COMMAND)


def not_measured(evaluation: Evaluation) -> tuple[Fact, ...]:
    """What has no section, and the command that would give it one."""
    return tuple(_missing(evaluation))


def _missing(evaluation: Evaluation) -> Iterator[Fact]:
    modes = {one.cell.mode for one in evaluation.summaries}
    quality = {
        name for one in evaluation.summaries for name, found in one.quality.items() if found.value is not None
    }
    if Mode.LIVE not in modes:
        yield Fact("Live search", _EVAL)
    if Mode.CLOSED_BOOK not in modes:
        yield Fact("Memory alone", f"{_EVAL} --mode closed_book")
    if Mode.GOLD_EVIDENCE not in modes:
        yield Fact("Reasoning alone", f"{_EVAL} --mode gold_evidence")
    if not evaluation.noise:
        yield Fact("Noise", f"{_EVAL} --mode noisy --noise drop=0.1")
    if not quality & {"llm_judge", "llm_judge_reflect"}:
        yield Fact("Judge accuracy", "trajset judge DIR --model MODEL")
    if not evaluation.paired:
        yield Fact(
            "Paired differences", "two measurements of the same questions, their folders given together"
        )
    if not any(one.scored for one in evaluation.failures):
        yield Fact("Failures", "scored rows")
    if not evaluation.probes:
        yield Fact("Confidence probe", "trajset probe --closed-book DIR --live DIR --model MODEL")
