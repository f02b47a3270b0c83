"""Labels: who looked at which row, and what they found. New ones are merged into the dataset's table.

An annotator has one label a row: a later one replaces the earlier. Everything that adds labels goes through
`save_labels`, one writer at a time, so that two annotators who finish at once keep both their labels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..builder.amend import Amendment, amend
from ..builder.dataset import LocalDataset
from ..builder.errors import ConfigError, Problem
from ..builder.locks import WAIT_S
from ..builder.manifest import MadeBy
from ..builder.schema import Label
from ..builder.upstream import OWN_FOLDER
from ..builder.world.oracle import ANNOTATOR as ORACLE
from .audit_sample import SampledRow
from .label_journal import Changes, held, journals, pending

LOCK = f"{OWN_FOLDER}/labels.lock"


@dataclass(frozen=True, slots=True)
class Merged:
    """A table of labels after others were laid over it, and what that did."""

    labels: tuple[Label, ...]
    added: int
    replaced: int
    same: int
    withdrawn: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """What changed, by name."""
        return {"added": self.added, "replaced": self.replaced, "withdrawn": self.withdrawn}

    @property
    def changed(self) -> bool:
        """Whether the table is another one now."""
        return any(self.counts.values())


def check_annotator(name: str) -> str:
    """The name that a person labels under.

    Raises:
        ConfigError: it is empty, does not print, or is the demo world's oracle, whose labels are exact.
    """
    if not name.strip() or not name.isprintable():
        fix = "Name who labels, for example --annotator ada."
        raise ConfigError(str(Problem("--annotator", "must be a printable name", name, fix)))
    if name.strip() == ORACLE:
        fix = "Choose a name of your own."
        raise ConfigError(str(Problem("--annotator", "must not be the demo world's oracle", name, fix)))
    return name.strip()


def merge_labels(old: Iterable[Label], changes: Changes) -> Merged:
    """Lay labels over others: the same row and annotator replaces in place, the rest is added in order.

    One that says what stands there already leaves it with its time.
    """
    before = {(label.row_id, label.annotator): label for label in old}
    given = {(label.row_id, label.annotator): label for label in changes.labels}
    given = {key: _unless_same(label, before.get(key)) for key, label in given.items()}
    table = {key: label for key, label in (before | given).items() if key not in changes.withdrawn}
    changed = [key for key, label in given.items() if before.get(key) != label]
    replaced = sum(key in before for key in changed)
    withdrawn = len(before.keys() & changes.withdrawn)
    return Merged(
        tuple(table.values()), len(changed) - replaced, replaced, len(given) - len(changed), withdrawn
    )


def _unless_same(label: Label, before: Label | None) -> Label:
    same = before is not None and dataclasses.replace(label, labelled_at=before.labelled_at) == before
    return before if before is not None and same else label


def save_labels(path: Path, changes: Callable[[LocalDataset], Changes], command: str) -> Merged:
    """Merge labels into a dataset; where nothing changes, nothing is written.

    `changes` says what is new, from the dataset as it stands while nobody else can change its labels.

    Raises:
        DataError: no dataset there, or a label of an unknown row. Nothing was changed.
        StorageError: the disk refuses, or another command holds the labels for too long.
    """
    LocalDataset.open(path)
    with held(path / LOCK, WAIT_S):
        dataset = LocalDataset.open(path)
        new = changes(dataset)
        merged = merge_labels(dataset.labels(), new)
        if merged.changed:
            annotators = sorted({label.annotator for label in new.labels} | {who for _, who in new.withdrawn})
            made = MadeBy(command, datetime.now(UTC), {"annotators": annotators} | merged.counts)
            amend(path, Amendment(labels=merged.labels), made)
    return merged


def journalled(dataset: LocalDataset) -> Changes:
    """What all annotators have answered in this copy and the labels table does not have yet."""
    entries = [entry for journal in journals(dataset.path) for entry in journal.entries()]
    return pending(entries, dataset.labels(), frozenset(dataset.ids())) if entries else Changes()


def placed_in(plan: Mapping[str, SampledRow], label: Label) -> Label:
    """The label with the design by which its row is drawn now; as it is where the plan does not hold it."""
    drawn = plan.get(label.row_id)
    if drawn is None:
        return label
    return dataclasses.replace(
        label,
        stratum=drawn.stratum,
        stratum_size=drawn.stratum_size,
        inclusion_probability=drawn.inclusion_probability,
    )
