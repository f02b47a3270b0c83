"""Probe: does a model know what it knows, and would searching less cost it anything?"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ..builder.errors import ConfigError, DataError, Problem
from ..builder.identity import without_folder
from ..builder.manifest import MANIFEST, RAW
from ..builder.refs import DatasetRef, open_ref
from ..builder.schema import Row
from ..builder.shards import storage, write_file
from ..eval.features import FeatureSource
from ..eval.probe import ProbeRows, asked, probe_model
from ..eval.probe_options import FeatureOptions, ProbeOptions
from ..eval.probe_plots import probe_plots
from ..eval.probe_rows import Wanted, probe_rows
from ..eval.probe_words import change, notes, verdict
from ..eval.results import AdaptivePoint, Probe
from ..eval.results_json import PROBE, ProbeFile, read_probe, versions_here, write_probe
from ..filters.report import forms
from ..filters.report.plot import standalone
from .probe_config import ProbeConfig
from .progress import staged

FEATURES = "features.npz"


@dataclass(frozen=True, slots=True)
class Asked:
    """All options of the command."""

    config: ProbeConfig
    features: FeatureOptions
    probe: ProbeOptions


def run_probe(given: Asked, console: Console) -> None:
    """Probe the model, write what was found, and say it.

    Raises:
        ConfigError, DataError, MissingExtraError: an option, a dataset or the model is wrong.
        HubError: the Hub refuses or cannot be reached.
        StorageError: the disk is full or not writable.
    """
    config = given.config
    _check_place(config)
    source = FeatureSource(config.model, config.model_revision)
    files = source.files()
    rows = _rows(config, files.name)
    questions = asked(rows.closed_book, given.probe)
    source = dataclasses.replace(
        source,
        grammar=rows.closed_book[0].conversation.grammar,
        options=given.features,
        cache=config.out / FEATURES,
    )
    with staged() as begin:
        report = begin("questions read", len(questions))
        found = probe_model(source, rows, given.probe, report)
    _write(found, given)
    _say(found, _told(rows, files.name, files.revision), console)
    console.print(f"\n{config.out / PROBE}: all numbers; the plots beside it", soft_wrap=True)


def _rows(config: ProbeConfig, model: str) -> ProbeRows:
    wanted = Wanted(model, config.benchmark, config.noise)
    rows = probe_rows(_read(config.closed_book), _read(config.live or config.closed_book), wanted)
    if config.live is not None and not rows.live:
        rule = "must hold rows of this model and benchmark that searched"
        fix = "See benchmark, teacher, teacher_revision and retriever in it, or give --noise."
        raise DataError(str(Problem("--live", rule, config.live, fix)))
    return rows


def _read(data: str) -> Iterator[Row]:
    ref = DatasetRef.parse(data)
    return open_ref(ref).rows(ref.split or RAW)


def _check_place(config: ProbeConfig) -> None:
    """Before anything is computed, see whether the results may be written there.

    Raises:
        ConfigError: the folder is a dataset, or lies in one.
        DataError: a file of another origin has one of our names.
        StorageError: the folder cannot be made.
    """
    out = config.out.resolve()
    for folder in (out, *out.parents):
        if (folder / MANIFEST).exists():
            rule = "must lie outside of a dataset, whose files are published"
            raise ConfigError(str(Problem("--out", rule, str(config.out), "Choose another folder.")))
    if (out / PROBE).exists():
        read_probe(out / PROBE)
    with storage(config.out):
        config.out.mkdir(parents=True, exist_ok=True)


def _write(found: Probe, given: Asked) -> None:
    out = given.config.out
    file = ProbeFile(found, shlex.join(_command(given)), datetime.now(UTC), versions_here())
    write_probe(out / PROBE, file)
    for plot in probe_plots([found]):
        write_file(out / f"{plot.name}.svg", standalone(plot))


def _command(given: Asked) -> list[str]:
    """The command that makes it again: options that are not the default, paths by their last part."""
    words = ["trajset", "probe"]
    for options in (given.config, given.features, given.probe):
        for field in dataclasses.fields(options):
            value = getattr(options, field.name)
            if value != field.default:
                words += [f"--{field.name.replace('_', '-')}", _public(value)]
    return words


def _public(value: Any) -> str:
    """Of a path of this machine the last part."""
    text = str(value)
    return Path(text).name if Path(text).is_absolute() else without_folder(text)


def _told(rows: ProbeRows, name: str, revision: str) -> list[str]:
    """Where the rows may be another model's."""
    made = rows.closed_book[0].provenance
    if made.teacher != name:
        return [f"The rows name their model {forms.clean(made.teacher)}; the hidden states are of {name}."]
    if made.teacher_revision not in (None, revision):
        return [f"The rows are of revision {made.teacher_revision}, the hidden states of {revision}."]
    return []


def _say(found: Probe, told: list[str], console: Console) -> None:
    model = f"{forms.clean(found.model)}@{found.revision[:16]} on {forms.clean(found.benchmark)}"
    console.print(
        f"{model}: layer {found.layer} of {found.layers}, last token of the {found.at}", soft_wrap=True
    )
    console.print(
        f"{found.questions:,} questions, {found.right:,} right closed book (by {found.right_by}); "
        f"ECE {forms.percent(found.ece)}, AUROC {forms.decimal(found.auroc)}, "
        f"Brier {forms.decimal(found.brier)}",
        soft_wrap=True,
    )
    if found.curve:
        console.print(_table(found))
    for line in (verdict(found), *told, *notes(found)):
        console.print(line, soft_wrap=True)


def _table(found: Probe) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    heads = (
        "closed book",
        "questions",
        "F1",
        "change of F1 (points)",
        "searches",
        "knows what is right",
        "nothing",
    )
    for head in heads:
        table.add_column(head, justify="right")
    for point, best, chance in zip(found.curve, found.oracle_curve, found.random_curve, strict=True):
        table.add_row(
            f"{point.percent:g} %", f"{point.closed_book:,}", *_values(point), *map(_points, (best, chance))
        )
    return table


def _values(point: AdaptivePoint) -> tuple[str, str, str]:
    f1 = "" if point.f1.value is None else f"{100 * point.f1.value:.1f}"
    return f1, change(point.change), forms.decimal(point.searches.value)


def _points(point: AdaptivePoint) -> str:
    return "" if point.change.value is None else f"{100 * point.change.value:+.1f}"
