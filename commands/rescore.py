"""Rescore: bring scores and search-use columns of a dataset up to this version's scorer."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from ..builder.amend import Amendment, amend
from ..builder.dataset import LocalDataset
from ..builder.manifest import MadeBy
from ..builder.rescore import Rescored, rescore
from ..builder.scoring import SCORER
from ..dataset_cards.render import write_card
from ..filters.refresh import refresh_splits
from .progress import counting


def rescore_dataset(folder: Path, console: Console) -> None:
    """Derive the columns anew; where any changed, write them, cut the splits anew and rewrite the card.

    Raises:
        DataError: no dataset there.
        StorageError: the disk is full or not writable.
    """
    dataset = LocalDataset.open(folder)
    with counting("rows scored") as progress:
        found = rescore(dataset.rows(), progress)
    if found.columns is None:
        console.print(f"{found.rows:,} rows: all scores are those of {SCORER} already; nothing was written.")
        return
    told = {
        "scorer": SCORER,
        "rows": found.rows,
        "changed_rows": found.changed_rows,
        "changed": found.changed,
    }
    amend(folder, Amendment(columns=found.columns), MadeBy("rescore", datetime.now(UTC), told))
    moved = refresh_splits(folder)
    write_card(folder)
    _show(found, console)
    for move in moved:
        console.print(str(move), soft_wrap=True)


def _show(found: Rescored, console: Console) -> None:
    console.print(f"{found.rows:,} rows scored by {SCORER}: {found.changed_rows:,} changed.")
    for column, count in sorted(found.changed.items(), key=lambda item: (-item[1], item[0])):
        console.print(f"  {column}: {count:,}")
