"""The code on a card that loads the dataset."""

from __future__ import annotations

from dataclasses import dataclass

from ..builder.manifest import Manifest
from .about import About

_FROM_HUB = ("from datasets import load_dataset",)
_FROM_FOLDER = (
    "from pathlib import Path",
    "",
    "from datasets import load_dataset",
    "",
    "# Run in the folder of the dataset; from the Hub, give the name of the repository instead.",
    "folder = str(Path.cwd())",
)


@dataclass(frozen=True, slots=True)
class Loading:
    """Code as it stands on the card; `pull` is None where the repository's name is not known."""

    datasets: str
    frames: str
    pull: str | None


def loading(manifest: Manifest, about: About) -> Loading:
    """Code for the last split, from the Hub where the owner named the repository, else from the folder."""
    split = manifest.splits[-1].name
    return Loading(
        datasets=_datasets(manifest, about.repo, split),
        frames=_frames(f"hf://datasets/{about.repo}/data" if about.repo else "data", split),
        pull=f"trajset pull {about.repo} my-folder" if about.repo else None,
    )


def _datasets(manifest: Manifest, repo: str | None, split: str) -> str:
    source = f'"{repo}"' if repo else "folder"
    lines = [f'rows = load_dataset({source}, split="{split}")']
    sides = {"judgements": manifest.judgements, "labels": manifest.labels}
    lines += [
        f'{name} = load_dataset({source}, "{name}", split="train")' for name, files in sides.items() if files
    ]
    return "\n".join([*(_FROM_HUB if repo else _FROM_FOLDER), "", *lines])


def _frames(root: str, split: str) -> str:
    pattern = f"{root}/{split}-*.parquet"
    return "\n".join(
        [
            "import duckdb",
            "import polars as pl",
            "",
            f'rows = pl.read_parquet("{pattern}")',
            f"long_ones = duckdb.sql(\"SELECT id, f1 FROM '{pattern}' WHERE n_searches > 2\")",
        ]
    )
