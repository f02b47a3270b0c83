"""Info, card, schema, publish, pull, versions: a dataset as a whole and its versions."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..builder.dataset import LocalDataset
from ..builder.hub import check_names, publish, pull, versions, versions_table
from ..builder.info import dataset_info
from ..builder.layout import README
from ..builder.lineage import history, lineage
from ..builder.refs import DatasetRef, open_whole
from ..builder.schema_docs import row_columns, table_columns
from ..dataset_cards.about import About, about_in_card, read_about
from ..dataset_cards.render import write_card
from ..trainers.publish import publish_model


def show_info(data: str, verify: bool, follow: bool, console: Console) -> None:
    """Splits and provenance; with `verify` every file's hash is compared first.

    With `follow` the published versions before it are looked up on the Hub.
    """
    dataset = open_whole(data)
    if verify:
        dataset.verify()
        console.print("every file is the one that the manifest describes")
    console.print(dataset_info(dataset).table(data))
    console.print(f"made by: {history(dataset.manifest)}", soft_wrap=True, highlight=False)
    if parent := dataset.manifest.parent:
        console.print(f"version before: {parent}", soft_wrap=True, highlight=False)
    if follow:
        _show_lineage(dataset, console)


def _show_lineage(dataset: LocalDataset, console: Console) -> None:
    found = 0
    for found, ancestor in enumerate(lineage(dataset), 1):
        console.print(f"{found}. {ancestor}", soft_wrap=True, highlight=False)
    if not found:
        console.print("It has never been on the Hub, so no version is before it.")


def make_card(folder: Path, about: Path | None, console: Console) -> None:
    """Compute the card, with the owner's words when a file of them is given."""
    console.print(f"{write_card(folder, read_about(about) if about else None)} computed")


def show_schema(console: Console) -> None:
    """One table per group of columns."""
    for group in (*row_columns(), *table_columns()):
        table = Table(
            "column", "type", "meaning", title=f"{group.name}: {group.summary}", title_justify="left"
        )
        for column in group.columns:
            kind = f"{column.type}, may be null" if column.nullable else column.type
            table.add_row(column.name, kind, column.meaning)
        console.print(table)


def publish_dataset(folder: Path, repo: str, tag: str, private: bool, console: Console) -> None:
    """Compute the card under the repository's name, publish, and say how to load it."""
    check_names(repo, tag)
    LocalDataset.open(folder)
    about = about_in_card(folder / README) or About()
    write_card(folder, dataclasses.replace(about, repo=repo))
    done = publish(folder, repo, tag, private)
    changed = (
        f"{len(done.sent)} files sent, {len(done.deleted)} deleted"
        if done.sent or done.deleted
        else "no change"
    )
    console.print(f"{done.repo}@{done.tag}: {changed}, commit {done.commit[:12]}", highlight=False)
    console.print(f'load_dataset("{done.repo}", split="raw", revision="{done.tag}")', highlight=False)


def pull_dataset(data: str, folder: Path, console: Console) -> None:
    """Download a version into a folder."""
    dataset = pull(DatasetRef.parse(data), folder)
    revision = f" at {dataset.revision[:12]}" if dataset.revision else ""
    console.print(f"{folder}: {', '.join(dataset.splits)}{revision}", highlight=False)


def show_versions(repo: str, console: Console) -> None:
    """The tags of a repository."""
    console.print(versions_table(repo, versions(repo)))


def publish_trained(folder: Path, repo: str, tag: str | None, private: bool, console: Console) -> None:
    """Publish a trained model and say where it is."""
    console.print(str(publish_model(folder, repo, tag, private)), soft_wrap=True, highlight=False)
