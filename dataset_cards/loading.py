"""The code on a card that loads the dataset."""

from __future__ import annotations

from dataclasses import dataclass

from ..builder.manifest import Manifest
from .about import About


@dataclass(frozen=True, slots=True)
class Loading:
    """Code as it stands on the card; `pull` is None where the repository's name is not known."""

    datasets: str
    frames: str
    pull: str | None


def loading(manifest: Manifest, about: About) -> Loading:
    """Code for the last split, from the Hub where the owner named the repository, else from the folder."""
    split = manifest.splits[-1].name
    source, root = (about.repo, f"hf://datasets/{about.repo}") if about.repo else (".", ".")
    return Loading(
        datasets=_datasets(manifest, source, split),
        frames=_frames(root, split),
        pull=f"trajset pull {about.repo} my-folder" if about.repo else None,
    )


def _datasets(manifest: Manifest, source: str, split: str) -> str:
    lines = ["from datasets import load_dataset", ""]
    if source == ".":
        lines.append('# "." is this folder; from the Hub, give the name of the repository instead.')
    lines.append(f'rows = load_dataset("{source}", split="{split}")')
    sides = {"judgements": manifest.judgements, "labels": manifest.labels}
    lines += [
        f'{name} = load_dataset("{source}", "{name}", split="train")'
        for name, files in sides.items()
        if files
    ]
    return "\n".join(lines)


def _frames(root: str, split: str) -> str:
    pattern = f"{root}/data/{split}-*.parquet"
    return "\n".join(
        [
            "import duckdb",
            "import polars as pl",
            "",
            f'rows = pl.read_parquet("{pattern}")',
            f"long_ones = duckdb.sql(\"SELECT id, f1 FROM '{pattern}' WHERE n_searches > 2\")",
        ]
    )
