"""What a dataset holds, at a glance."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table

from .dataset import LocalDataset
from .manifest import RAW, Manifest, Split, side_tables
from .upstream import read_upstream


@dataclass(frozen=True, slots=True)
class Info:
    """A dataset's manifest, the Hub commit it is or comes from, the share of rows with an F1."""

    manifest: Manifest
    revision: str | None
    scored: float

    def table(self, title: str) -> Table:
        """The splits and the tables beside them, for a terminal."""
        manifest = self.manifest
        table = Table("split", "rows", "of raw", "MB", "recipe", title=title, caption=self._caption())
        total = manifest.split(RAW).rows
        for split in manifest.splits:
            recipe = split.recipe or {}
            sql = str(recipe.get("sql", recipe.get("predicate", "")))
            share = f"{split.rows / total:.1%}"
            table.add_row(split.name, f"{split.rows:,}", share, _megabytes(split), sql)
        return table

    def _caption(self) -> str:
        manifest = self.manifest
        sides = [
            f"{sum(shard.rows for shard in shards):,} {name}"
            for name, shards in side_tables(manifest).items()
            if shards
        ]
        made = f"made {manifest.created_at:%Y-%m-%d %H:%M} UTC by trajset {manifest.command}"
        return "; ".join(
            [*sides, f"{self.scored:.1%} of rows scored", made, self.revision or "never published"]
        )


def _megabytes(split: Split) -> str:
    return f"{sum(shard.bytes for shard in split.shards) / 1e6:.1f}"


def dataset_info(dataset: LocalDataset) -> Info:
    """Read the manifest and one column.

    Raises:
        DataError: a shard of `raw` is missing or is not the one that the manifest describes.
    """
    scores = dataset.table(RAW, ["f1"]).column("f1")
    upstream = read_upstream(dataset.path)
    revision = dataset.revision or (str(upstream) if upstream else None)
    return Info(dataset.manifest, revision, 1 - scores.null_count / len(scores))
