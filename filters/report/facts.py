"""What a report says about its numbers: the data, who labelled, how intervals were made, how to repeat it."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from ..ablation_types import Ablation, Design, Example, Judge, Target
from . import forms
from .table import Cell, Column, Group, Table

TARGETS = {
    Target.GOOD: (
        "A row is good when its answer is right and every fact that it rests on was retrieved before it was "
        "used."
    ),
    Target.CORRECT: "A row is good when its answer is right, however it was come by.",
    Target.GROUNDED: "A row is good when every fact that it rests on was retrieved before it was used.",
}

_DESIGNS = {
    Design.NONE: "none: no row is labelled",
    Design.CENSUS: "census: every row is labelled",
    Design.STRATIFIED: "stratified random sample with known stratum sizes",
    Design.UNKNOWN: "not known: nobody says how the labelled rows were drawn",
}

SIMULATED = (
    "Simulated data: questions and passages were made by a program, the demo world of trajset. Nothing here "
    "is about real questions."
)

COMMAND = "command"
"""Key of `Ablation.config` under which the command stands that makes the report again."""

_ANSWER = 400
"""Most characters of a text from the data that a page shows; `examples.parquet` has all of it."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and what is known about it."""

    label: str
    text: str


def facts(ablation: Ablation) -> tuple[Fact, ...]:
    """What stands at the head of a report."""
    return (
        Fact("Data", f"{ablation.data}{', simulated' if ablation.simulated else ''}"),
        Fact("Revision", ablation.revision or f"{forms.UNKNOWN} (a folder on disk has none)"),
        Fact("Rows", _rows(ablation)),
        Fact("Labels by", _annotators(ablation)),
        Fact("Good", TARGETS[ablation.target]),
        Fact("Sampling design", _DESIGNS[ablation.design]),
        Fact("Intervals", ablation.method),
    )


def _rows(ablation: Ablation) -> str:
    labelled = f"{ablation.labelled:,} labelled, {ablation.unlabelled:,} unlabelled"
    return f"{ablation.rows:,}: {labelled}"


def _annotators(ablation: Ablation) -> str:
    if ablation.annotator is None:
        names = ", ".join(ablation.annotators)
        return f"{forms.UNKNOWN} (labels of {names} are there, none was counted)" if names else "nobody"
    world = " (the demo world itself, which knows where each fact came from)" if _is_oracle(ablation) else ""
    others = [name for name in ablation.annotators if name != ablation.annotator]
    rest = f"; not counted: {', '.join(others)}" if others else ""
    return f"{ablation.annotator}{world}{rest}"


def _is_oracle(ablation: Ablation) -> bool:
    return ablation.simulated and ablation.annotator == "oracle"


def warnings(ablation: Ablation) -> tuple[str, ...]:
    """What must be read before the numbers."""
    said = [SIMULATED] if ablation.simulated else []
    fakes = [f"{judge.judge} ({judge.model})" for judge in ablation.judges if is_simulated(judge)]
    if fakes:
        said.append(f"Simulated judges: no language model gave the verdicts of {', '.join(fakes)}.")
    if ablation.design is Design.NONE:
        said.append(
            "No row is labelled, so nothing can be said about how many of the kept rows are wrong. To know "
            f"it, label a sample: trajset label sample {shlex.quote(ablation.data)}"
        )
    return tuple(said)


def is_simulated(judge: Judge) -> bool:
    """Whether a program stood in for the judge's model."""
    return judge.model.startswith("simulated")


def judges(ablation: Ablation) -> Table | None:
    """The judges whose verdicts are in the data; None without any."""
    if not ablation.judges:
        return None
    names = (Column("judge", numeric=False, code=True), Column("model", numeric=False))
    rest = (Column("prompt hash", numeric=False, code=True), *map(Column, ("right", "wrong", "unread")))
    return Table(
        name="judges",
        title="Judges",
        columns=(*names, *rest),
        groups=(Group(None, tuple(_judge(judge) for judge in ablation.judges)),),
        notes=("A judge is not the truth. Unread: its reply held no verdict that could be read.",),
    )


def _judge(judge: Judge) -> tuple[Cell, ...]:
    prompt = Cell(judge.prompt_hash) if judge.prompt_hash else Cell(forms.UNKNOWN, "not recorded")
    counts = (judge.right, judge.wrong, judge.unread)
    return (Cell(judge.judge), Cell(judge.model), prompt, *(Cell(forms.count(value)) for value in counts))


def command(ablation: Ablation) -> str | None:
    """The command that makes the report again, where the config has it."""
    given = ablation.config.get(COMMAND)
    return given if isinstance(given, str) and given else None


def settings(ablation: Ablation) -> str:
    """The config but for what the report shows elsewhere, as JSON on one line."""
    rest = {name: value for name, value in ablation.config.items() if name not in (COMMAND, "recipes")}
    return json.dumps(rest, sort_keys=True, ensure_ascii=False, default=str)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Rows that one recipe keeps and the other does not: all of them counted, a few shown."""

    accepts: str
    rejects: str
    rows: int | None
    examples: tuple[Example, ...]


def disagreements(ablation: Ablation) -> tuple[Disagreement, ...]:
    """One entry per ordered pair of recipes that has examples."""
    found: dict[tuple[str, str], list[Example]] = {}
    for example in ablation.examples:
        found.setdefault((example.accepts, example.rejects), []).append(example)
    counts = _only(ablation)
    return tuple(Disagreement(*pair, counts.get(pair), tuple(rows)) for pair, rows in found.items())


def _only(ablation: Ablation) -> dict[tuple[str, str], int]:
    overall = [pair for pair in ablation.pairs if pair.source is None]
    forwards = {(pair.first, pair.second): pair.only_first for pair in overall}
    return forwards | {(pair.second, pair.first): pair.only_second for pair in overall}


def example_facts(example: Example) -> tuple[Fact, ...]:
    """What is shown of a row, texts cut to a readable length."""
    answer = _short(example.answer) if example.answer is not None else f"{forms.UNKNOWN} (no answer)"
    gold = "; ".join(example.gold_answers)
    score = forms.decimal(example.f1) if example.f1 is not None else f"{forms.UNKNOWN} (unscored)"
    facts = [
        Fact("Question", _short(example.question)),
        Fact("Gold", _short(gold) if gold else f"{forms.UNKNOWN} (no gold answer known)"),
        Fact("Answer", answer),
        Fact("F1", score),
        Fact("Searches", forms.count(example.n_searches)),
        Fact("Label", _label(example)),
    ]
    if example.note:
        facts.append(Fact("Note", _short(example.note)))
    if example.source is not None:
        facts.append(Fact("Source", _short(example.source)))
    return (*facts, Fact("Row", example.row_id))


def _short(text: str) -> str:
    return forms.cut(forms.clean(text), _ANSWER)


def _label(example: Example) -> str:
    if example.correct is None and example.grounded is None:
        return "not labelled"
    return f"{_verdict(example.correct, 'correct')}, {_verdict(example.grounded, 'grounded')}"


def _verdict(value: bool | None, word: str) -> str:
    if value is None:
        return f"{word} not known"
    return word if value else f"not {word}"
