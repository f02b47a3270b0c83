"""Label sample, agreement, export, import. The terminal session is in `label_run`."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from ..builder.dataset import LocalDataset
from ..builder.errors import ConfigError, DataError, Problem, RecipeError, unknown
from ..builder.refs import open_whole
from ..builder.schema import ARROW_SCHEMA, Label
from ..dataset_cards.render import write_card
from ..filters.agreement import Agreement, Disagreement, agreements, disagreements
from ..filters.audit_sample import SampledRow, SamplePlan, draw_sample, strata_of
from ..filters.engines import verdicts
from ..filters.label_checks import Reader, ReadLabels, read_labels
from ..filters.label_csv import COLUMNS, read_header, read_lines, write_labels, write_plan
from ..filters.label_journal import Changes
from ..filters.label_sources import names_sources, places_of, read_source_lines
from ..filters.labels import Merged, check_annotator, journalled, save_labels
from ..filters.recipes import Recipe, load_recipe, parse_settings
from .label_cli import SampleConfig
from .label_text import on_one_line
from .progress import counting


@dataclass(frozen=True, slots=True)
class Incoming:
    """A CSV file of labels, whose they are if not what it says, and what its rows were imported from."""

    file: Path
    annotator: str | None
    transcripts: Sequence[Path]


def draw(folder: Path, config: SampleConfig, console: Console) -> None:
    """Draw a sample and write it as CSV.

    Raises:
        ConfigError: the file is there already and holds something else; or the sample is too small.
        DataError, RecipeError: the dataset, a recipe or the column is not there or cannot be used.
    """
    dataset = LocalDataset.open(folder)
    table = verdicts(dataset, bound(config.recipes, config.settings), "duckdb")
    by = {config.by: _column(dataset, config.by)} if config.by else None
    plan = SamplePlan(config.size, config.allocation, config.min_per_stratum, config.seed)
    sample = draw_sample(strata_of(table, by), plan)
    if config.out.exists():
        fix = "Name another --out, or delete the file: somebody may be labelling from it."
        raise ConfigError(str(Problem("--out", "must not be there yet", str(config.out), fix)))
    write_plan(config.out, sample)
    console.print(_strata_table(sample))
    _say_sampled(folder, config.out, sample, dataset, console)


def bound(names: Sequence[str], settings: Sequence[str]) -> list[Recipe]:
    """Recipes with settings, each given to every recipe that has the parameter.

    Raises:
        RecipeError: no such recipe; or a parameter that none of them has.
    """
    values, loaded = parse_settings(settings), [load_recipe(name) for name in names]
    known = {name for recipe in loaded for name in recipe.values}
    for name in values:
        if name not in known:
            raise RecipeError(str(unknown("--set", name, known)))
    return [recipe.bind({k: v for k, v in values.items() if k in recipe.values}) for recipe in loaded]


def _column(dataset: LocalDataset, name: str) -> list[object]:
    table = dataset.table(columns=[name])
    if pa.types.is_nested(ARROW_SCHEMA.field(name).type):
        fix = "Take one such as teacher or dataset."
        raise DataError(str(Problem("--by", "must be a column of single values", name, fix)))
    return table.column(name).to_pylist()


def _strata_table(sample: Sequence[SampledRow]) -> Table:
    table = Table("stratum", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("rows", "drawn", "chance"):
        table.add_column(heading, justify="right")
    drawn = Counter(sample_row.stratum for sample_row in sample)
    for row in sorted({row.stratum: row for row in sample}.values(), key=lambda row: row.stratum):
        counts = (f"{row.stratum_size:,}", f"{drawn[row.stratum]:,}", f"{row.inclusion_probability:.3f}")
        table.add_row(on_one_line(row.stratum), *counts)
    return table


def _say_sampled(
    folder: Path, out: Path, sample: Sequence[SampledRow], dataset: LocalDataset, console: Console
) -> None:
    rows = dataset.manifest.split("raw").rows
    console.print(f"{out}: {len(sample):,} of {rows:,} rows. Next:", highlight=False)
    place = f" --sample {shlex.quote(str(out))}"
    command = f"  trajset label {shlex.quote(str(folder))} --annotator YOUR-NAME{place}"
    console.print(command, highlight=False, soft_wrap=True)


def import_labels(folder: Path, incoming: Incoming, console: Console) -> None:
    """Merge a CSV file of labels into the dataset.

    Raises:
        ConfigError: transcripts are missing, or given where the file needs none; a bad annotator.
        DataError: something in the file is wrong; nothing was changed.
    """
    dataset = LocalDataset.open(folder)
    who = check_annotator(incoming.annotator) if incoming.annotator else None
    reader = Reader(frozenset(dataset.ids()), datetime.now(UTC), who)
    read = _read(dataset, incoming, reader)
    merged = save_labels(folder, lambda _: Changes(read.labels), "label import")
    if merged.changed:
        write_card(folder)
    blank = f" Not labelled yet in the file: {_counted(read.blank, 'row')}." if read.blank else ""
    console.print(f"{folder}: {_said(merged)}.{blank}", highlight=False)


def _read(dataset: LocalDataset, incoming: Incoming, reader: Reader) -> ReadLabels:
    by_source = names_sources(read_header(incoming.file))
    if by_source and not incoming.transcripts:
        fix = "Name them with --transcripts."
        rule = "must be the files imported, for labels that name rows by file and index"
        raise ConfigError(str(Problem("--transcripts", rule, "none", fix)))
    if incoming.transcripts and not by_source:
        rule = "must be left out where the file names rows by row_id"
        raise ConfigError(str(Problem("--transcripts", rule, str(incoming.file), "Leave them out.")))
    if not by_source:
        return read_labels(incoming.file, read_lines(incoming.file, COLUMNS), reader)
    with counting("transcripts") as count:
        places = places_of(incoming.transcripts, dataset.manifest, lambda done, total: count(1))
    return read_labels(incoming.file, read_source_lines(incoming.file, places), reader)


def _said(merged: Merged) -> str:
    """What a merge did, in words."""
    counts = [f"{_counted(count, 'label')} {name}" for name, count in merged.counts.items() if count]
    return ", ".join(counts + ([f"{merged.same:,} as they were"] if merged.same else [])) or "no labels"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def export_labels(data: str, out: Path, annotator: str | None, console: Console) -> None:
    """Write labels as CSV.

    Raises:
        DataError: there are none, or none by that annotator.
    """
    dataset = open_whole(data)
    labels = list(dataset.labels())
    _say_waiting(dataset, console)
    known = {label.annotator for label in labels}
    if annotator is not None and annotator not in known:
        raise DataError(str(unknown("annotator", annotator, known)))
    chosen = [label for label in labels if annotator in (None, label.annotator)]
    _need_labels(data, chosen)
    write_labels(out, chosen)
    console.print(f"{out}: {_counted(len(chosen), 'label')}", highlight=False)


def _need_labels(data: str, labels: Sequence[Label]) -> None:
    if not labels:
        fix = "Draw a sample with `trajset label sample`, then `trajset label` it."
        raise DataError(str(Problem(data, "must hold labels", "none", fix)))


def _say_waiting(dataset: LocalDataset, console: Console) -> None:
    """Answers that a session which was killed left in its journal."""
    changes = journalled(dataset)
    for who, count in Counter(label.annotator for label in changes.labels).items():
        verb = "is" if count == 1 else "are"
        state = f"{_counted(count, 'answer')} of {who} {verb} not among the labels yet"
        console.print(f"{state}: the next `trajset label` puts them in.", highlight=False)


def show_agreement(data: str, examples: int, console: Console) -> None:
    """Agreement of each two annotators, then rows on which they differ.

    Raises:
        DataError: fewer than two annotators labelled.
    """
    dataset = open_whole(data)
    labels = list(dataset.labels())
    _say_waiting(dataset, console)
    names = sorted({label.annotator for label in labels})
    if len(names) < 2:
        fix = "Let another annotator go through the same sample."
        raise DataError(str(Problem("annotators", "must be at least two to compare", names, fix)))
    console.print(agreement_table(agreements(labels)))
    _show_disagreements(dataset, disagreements(labels), examples, console)


def agreement_table(found: Sequence[Agreement]) -> Table:
    """One line per pair of annotators and question."""
    caption = "Over the rows that both answered, each counted once; 95 % intervals."
    table = Table("annotators", "question", box=SIMPLE_HEAD, pad_edge=False, caption=caption)
    table.caption_justify = "left"
    for heading in ("rows", "agreed", "kappa", "interval"):
        table.add_column(heading, justify="right")
    for pair in found:
        share = "–" if pair.share is None else f"{pair.share:.1%}"
        names = f"{pair.first}, {pair.second}"
        table.add_row(names, pair.target.value, f"{pair.rows:,}", share, *_kappa(pair))
    return table


def _kappa(pair: Agreement) -> tuple[str, str]:
    if pair.kappa is not None:
        return f"{pair.kappa.value:.2f}", f"{pair.kappa.low:.2f} to {pair.kappa.high:.2f}"
    return "–", "undefined: all the same answer" if pair.rows else "no row in common"


def _show_disagreements(
    dataset: LocalDataset, found: Sequence[Disagreement], examples: int, console: Console
) -> None:
    if not found:
        console.print("They differ on no row.")
        return
    texts = dataset.table(columns=["question"]).column(0).to_pylist()
    questions = dict(zip(dataset.ids(), texts, strict=True))
    console.print(f"They differ on {_counted(len(found), 'row')}:", highlight=False)
    for row in found[:examples]:
        console.print(f"\n{row.row_id}  {on_one_line(questions[row.row_id])}", highlight=False)
        for label in (row.first, row.second):
            console.print(Padding(_answers(label), (0, 0, 0, 2)), highlight=False)
    if len(found) > examples:
        console.print(f"\n... and {len(found) - examples:,} more (--examples).", highlight=False)


def _answers(label: Label) -> str:
    note = f" ({on_one_line(label.note)})" if label.note else ""
    said = f"correct {_word(label.correct)}, grounded {_word(label.grounded)}"
    return f"{on_one_line(label.annotator)}: {said}{note}"


def _word(answer: bool | None) -> str:
    return {True: "yes", False: "no", None: "?"}[answer]
