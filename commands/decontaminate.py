"""Decontaminate: find duplicates and overlaps with evaluation sets, write them into the rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from ..builder.amend import Amendment, amend
from ..builder.dataset import LocalDataset
from ..builder.manifest import MadeBy
from ..dataset_cards.render import write_card
from ..filters.decontaminate import Decontamination, Pair, decontaminate
from ..filters.decontaminate_config import Rules
from ..filters.decontaminate_sets import read_sets
from ..filters.refresh import refresh_splits
from ..filters.report.forms import clean, cut
from .progress import STDERR, counting

_WIDTH = 100
"""Characters of a question in the terminal."""


def decontaminate_dataset(folder: Path, against: Sequence[str], rules: Rules, console: Console) -> None:
    """Compare, write the columns, bring splits and card in line, and say what was found."""
    dataset = LocalDataset.open(folder)
    with STDERR.status("reading the evaluation sets"):
        sets = read_sets(against)
    with counting("comparisons") as progress:
        found = decontaminate(dataset, sets, rules, progress)
    amend(
        folder, Amendment(columns=found.columns), MadeBy("decontaminate", datetime.now(UTC), found.to_json())
    )
    moved = refresh_splits(folder)
    write_card(folder)
    _show(found, console)
    for move in moved:
        console.print(str(move), soft_wrap=True)


def _show(found: Decontamination, console: Console) -> None:
    console.print(_duplicates(found), soft_wrap=True)
    _examples(found.near, console)
    if not found.sets:
        console.print("No evaluation set was given (--against): `contaminated` is unknown.", soft_wrap=True)
        return
    console.print(_sets_table(found))
    for report in found.sets:
        _examples(report.examples, console)


def _duplicates(found: Decontamination) -> str:
    repeated, near = found.questions - found.wordings, found.wordings - found.groups
    blank = f"; {found.blank:,} without a word were not compared" if found.blank else ""
    return (
        f"{found.questions:,} questions: {repeated:,} repeat another word for word, {near:,} are near "
        f"duplicates of another, which leaves {found.groups:,} groups{blank}."
    )


def _sets_table(found: Decontamination) -> Table:
    table = Table(
        title="Questions that overlap with an evaluation set",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("set", overflow="fold")
    for head in (
        "its questions",
        "ours",
        "the same",
        f"{found.rules.threshold:.0%} in {found.rules.ngram}-grams",
        "neither",
    ):
        table.add_column(head, justify="right")
    for report in found.sets:
        rest = found.questions - report.exact - report.ngram
        counts = (len(report.set.questions), found.questions, report.exact, report.ngram, rest)
        table.add_row(report.set.name, *(f"{count:,}" for count in counts))
    return table


def _examples(pairs: Iterable[Pair], console: Console) -> None:
    for pair in pairs:
        if pair.kind == "exact":
            console.print(f"  the same: {_shown(pair.question)}", soft_wrap=True, highlight=False)
        else:
            console.print(f"  {pair.overlap:.2f}: {_shown(pair.question)}", soft_wrap=True, highlight=False)
            console.print(f"        {_shown(pair.other)}", soft_wrap=True, highlight=False)


def _shown(text: str) -> str:
    """Text of the data on one line, cut; what could steer the terminal is made visible."""
    return cut(clean(text), _WIDTH)
