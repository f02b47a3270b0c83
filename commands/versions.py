"""Info, card, schema, publish, pull, versions, diff: a dataset as a whole and its versions."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..builder.diff import diff, diff_table
from ..builder.hub import publish, pull, versions
from ..builder.refs import DatasetRef, open_ref
from ..dataset_cards.render import write_card


def publish_dataset(folder: Path, repo: str, tag: str, private: bool, console: Console) -> None:
    """Compute the card, publish, and say how to load what was published."""
    write_card(folder)
    done = publish(folder, repo, tag, private)
    sent = (
        f"{len(done.sent)} files sent, {len(done.deleted)} deleted"
        if done.sent or done.deleted
        else "nothing new"
    )
    console.print(f"{done.repo}@{done.tag}: {sent}, commit {done.commit[:12]}")
    console.print(f'load_dataset("{done.repo}", split="raw", revision="{done.tag}")', highlight=False)


def pull_dataset(data: str, folder: Path, console: Console) -> None:
    """Download a version into a folder."""
    dataset = pull(DatasetRef.parse(data), folder)
    revision = f" at {dataset.revision[:12]}" if dataset.revision else ""
    console.print(f"{folder}: {', '.join(dataset.splits)}{revision}")


def show_versions(repo: str, console: Console) -> None:
    """The tags of a repository."""
    table = Table("version", "commit", "published", "title")
    for version in versions(repo):
        table.add_row(version.tag, version.commit[:12], f"{version.created_at:%Y-%m-%d %H:%M}", version.title)
    console.print(table)


def show_diff(old: str, new: str, console: Console) -> None:
    """What changed between two versions."""
    console.print(diff_table(diff(DatasetRef.parse(old), DatasetRef.parse(new))))
