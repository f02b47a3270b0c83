"""Collect and import: what makes rows."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path

from rich.console import Console

from ..builder.collect import Collected
from ..builder.collect_progress import shown_progress
from ..builder.collect_run import run_collect
from ..builder.config import CollectConfig, ImportConfig, published_values, save_config
from ..builder.dataset import LocalDataset, Tables, write_dataset
from ..builder.errors import ConfigError, DataError, Problem
from ..builder.journal import FILE_NAME
from ..builder.manifest import MANIFEST, MadeBy, Manifest
from ..builder.prompts import load_prompt
from ..builder.transcripts.counts import counts_table
from ..builder.transcripts.importing import read_transcripts
from ..dataset_cards.render import write_card
from .progress import STDERR, say


def collect_dataset(config: CollectConfig, console: Console) -> None:
    """Run the rollouts, then write the dataset from the journal; one that has these rows already stays.

    Raises:
        ConfigError: there is a dataset in the output folder that did not come from a journal beside it.
        KeyboardInterrupt: the run was stopped; what is finished is written by then.
    """
    if not (config.out / FILE_NAME).is_file():
        refuse_dataset(config.out)
    with shown_progress(STDERR) as report:
        done = run_collect(config, report, say)
    if _holds(config.out, done):
        console.print(f"{config.out}: nothing new; the dataset and its splits stay as they are.")
    elif done.n_rows:
        _replace(config, done, console)
    if step := done.next_step():
        console.print(step)
    if done.interrupted:
        raise KeyboardInterrupt


def _holds(folder: Path, done: Collected) -> bool:
    """Whether a dataset is there, whole, and has exactly the rows of a run."""
    try:
        return all(old == new for old, new in zip_longest(LocalDataset.open(folder).rows(), done.rows()))
    except DataError:
        return False


def _splits_cut(folder: Path) -> list[str]:
    """The splits beside `raw` of the dataset that is there, if one is."""
    try:
        return list(LocalDataset.open(folder).manifest.recipes)
    except DataError:
        return []


def _replace(config: CollectConfig, done: Collected, console: Console) -> None:
    """Write the dataset; say what is not all, and which splits of an older one are gone with its rows."""
    cut = _splits_cut(config.out)
    manifest = write_collected(config, done)
    if not done.complete:
        console.print(f"The first {done.n_rows:,} rows in question order are written.")
    if cut:
        console.print(f"Splits cut from the older rows are gone, filter again: {', '.join(cut)}.")
    _written(config.out, manifest, console)


def write_collected(config: CollectConfig, done: Collected) -> Manifest:
    """The dataset and its card from what a run left in its journal."""
    prompt = load_prompt(config.policy, config.grammar)
    made = MadeBy("collect", datetime.now(UTC), published_values(config), {prompt.id: prompt.text})
    manifest = write_dataset(config.out, Tables(done.rows()), made)
    write_card(config.out)
    return manifest


def import_dataset(files: Sequence[Path], config: ImportConfig, console: Console) -> None:
    """Read transcripts and write them as a dataset.

    Raises:
        ConfigError: no files, or there is a dataset in the output folder already.
    """
    if not files:
        raise ConfigError(str(Problem("files", "must name at least one", [], "Give .json or .jsonl files.")))
    refuse_dataset(config.out)
    imported = read_transcripts(files, config, datetime.now(UTC))
    config.out.mkdir(parents=True, exist_ok=True)
    save_config(config, config.out / "config.toml")
    made = MadeBy("import", datetime.now(UTC), published_values(config))
    manifest = write_dataset(config.out, Tables(imported.rows, imported.judgements, imported.labels), made)
    write_card(config.out)
    console.print(counts_table(imported.counts))
    _written(config.out, manifest, console)


def refuse_dataset(folder: Path) -> None:
    """Stop before a dataset is replaced by another.

    Raises:
        ConfigError: the folder holds one.
    """
    if (folder / MANIFEST).is_file():
        fix = "Choose another folder, or delete this one first."
        raise ConfigError(str(Problem("out", "must not hold a dataset yet", str(folder), fix)))


def _written(folder: Path, manifest: Manifest, console: Console) -> None:
    rows = manifest.split("raw").rows
    console.print(
        f"{folder}: {rows:,} rows. Next: trajset filter {shlex.quote(str(folder))} --recipe f1_search",
        soft_wrap=True,
    )
