"""`trajset label`: open the sample, run the session, and put its labels into the dataset."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from ..builder.dataset import LocalDataset
from ..builder.errors import DataError, Problem
from ..builder.schema import Label
from ..dataset_cards.render import write_card
from ..filters.audit_sample import SampledRow
from ..filters.label_checks import read_plan
from ..filters.label_journal import Changes, LabelJournal
from ..filters.labels import check_annotator, journalled, placed_in, save_labels
from .label_desk import Desk
from .label_keys import keyboard, need_terminal
from .label_rows import SampleRows
from .label_session import Session
from .label_view import Shown


@dataclass(frozen=True, slots=True)
class _Audit:
    """Who labels which sample of which dataset."""

    folder: Path
    annotator: str
    sample: tuple[SampledRow, ...]

    @property
    def plan(self) -> Mapping[str, SampledRow]:
        return {row.row_id: row for row in self.sample}

    def changes(self) -> Callable[[LocalDataset], Changes]:
        """What the journals hold beyond the table, and this annotator's labels in the sample's design."""
        plan = self.plan

        def of(dataset: LocalDataset) -> Changes:
            waiting = journalled(dataset)
            table = [label for label in dataset.labels() if label.annotator == self.annotator]
            labels = {(label.row_id, label.annotator): label for label in (*table, *waiting.labels)}
            ours = (
                placed_in(plan, label) if label.annotator == self.annotator else label
                for label in labels.values()
            )
            return Changes(tuple(ours), waiting.withdrawn)

        return of


def label_rows(folder: Path, annotator: str, plan: Path, shown: Shown, console: Console) -> None:
    """Go through a sample, from where the annotator stopped.

    Raises:
        ConfigError: no terminal, or a bad annotator.
        DataError: no dataset, no sample, or one of other rows.
        StorageError: the disk refuses an answer, or the annotator has another session open.
        KeyboardInterrupt: Ctrl-C; what was answered is in the dataset by then.
    """
    need_terminal()
    _check_drawn(folder, plan)
    audit = _Audit(folder, check_annotator(annotator), read_plan(plan))
    _check_rows(plan, audit)
    journal = LabelJournal.of(folder, audit.annotator)
    with journal.in_session():
        merged = save_labels(folder, audit.changes(), "label")
        session = _session(audit, journal, merged.labels)
        interrupted = _ask(session, folder, shown, console)
        again = save_labels(folder, audit.changes(), "label")
    if merged.changed or again.changed:
        write_card(folder)
    _say(audit, session, again.labels, console)
    if interrupted:
        raise KeyboardInterrupt


def _check_drawn(folder: Path, plan: Path) -> None:
    if not plan.exists():
        fix = (
            f"Draw one first: trajset label sample {shlex.quote(str(folder))} --out {shlex.quote(str(plan))}"
        )
        raise DataError(str(Problem("--sample", "must name a sample", str(plan), fix)))


def _check_rows(plan: Path, audit: _Audit) -> None:
    ids = set(LocalDataset.open(audit.folder).ids())
    if strangers := [row.row_id for row in audit.sample if row.row_id not in ids]:
        rule = f"must be a sample of {audit.folder} ({len(strangers)} of its rows are not in there)"
        fix = "Draw one with `trajset label sample`."
        raise DataError(str(Problem(str(plan), rule, strangers[:3], fix)))


def _session(audit: _Audit, journal: LabelJournal, labels: tuple[Label, ...]) -> Session:
    plan = audit.plan
    ours = {
        label.row_id: label for label in labels if label.annotator == audit.annotator and label.row_id in plan
    }
    unsure = journal.skipped() - ours.keys()
    return Session(audit.sample, audit.annotator, journal, ours, unsure & plan.keys())


def _ask(session: Session, folder: Path, shown: Shown, console: Console) -> bool:
    """Run the session; whether Ctrl-C ended it."""
    rows = SampleRows(LocalDataset.open(folder), [row.row_id for row in session.sample])
    try:
        with keyboard() as keys, console.screen():
            Desk(session, rows, console, shown).run(keys)
    except KeyboardInterrupt:
        return True
    return False


def _say(audit: _Audit, session: Session, labels: tuple[Label, ...], console: Console) -> None:
    unsure = f", {len(session.unsure):,} left out as unsure" if session.unsure else ""
    done = f"{session.labelled:,} of {len(session.sample):,} rows labelled by {audit.annotator}{unsure}."
    console.print(done, highlight=False)
    plan = audit.plan
    outside = sum(label.annotator == audit.annotator and label.row_id not in plan for label in labels)
    if outside:
        console.print(f"{outside:,} more labels of {audit.annotator} are of rows outside this sample.")
    if session.labelled < len(session.sample):
        console.print("The same command goes on from here.")
    else:
        console.print(
            f"Next: trajset ablate {shlex.quote(str(audit.folder))}", highlight=False, soft_wrap=True
        )
