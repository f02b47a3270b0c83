"""The code on a card that loads the dataset."""

from __future__ import annotations

from dataclasses import dataclass

from ..builder.manifest import Manifest
from .about import About

_FROM_HUB = ("from datasets import load_dataset",)
_FROM_FOLDER = (
    "from glob import escape",
    "from pathlib import Path",
    "",
    "from datasets import load_dataset",
    "",
    "# Run in the folder of the dataset. By its files: load_dataset(FOLDER) caches by the folder's own name,",
    "# and may give rows of another folder of that name, or those from before the last filtering.",
    "folder = escape(str(Path.cwd()))",
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
    sides = {"judgements": manifest.judgements, "labels": manifest.labels}
    tables = [name for name, files in sides.items() if files]
    if repo:
        lines = [f'rows = load_dataset("{repo}", split="{split}")']
        lines += [f'{name} = load_dataset("{repo}", "{name}", split="train")' for name in tables]
        return "\n".join([*_FROM_HUB, "", *lines])
    patterns = {"rows": f"data/{split}-*.parquet"} | {name: f"{name}/*.parquet" for name in tables}
    lines = [
        f'{name} = load_dataset("parquet", data_files=f"{{folder}}/{pattern}", split="train")'
        for name, pattern in patterns.items()
    ]
    return "\n".join([*_FROM_FOLDER, "", *lines])


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
