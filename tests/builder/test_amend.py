"""Changing side tables and columns: every row and split stays, and a kill at any moment loses nothing."""

import dataclasses
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from datasets import load_dataset
from sample_rows import CREATED, sample_row
from trajset.builder.amend import Amendment, amend
from trajset.builder.dataset import LocalDataset, Tables, write_dataset, write_split
from trajset.builder.errors import DataError, TrajsetError
from trajset.builder.manifest import MANIFEST, MadeBy
from trajset.builder.safekeeping import PREVIOUS
from trajset.builder.schema import Judgement, Label, Overlap, Row, Verdicts

MADE = MadeBy("test", datetime(2026, 1, 1, tzinfo=UTC), {"k": 5}, {"p": "Search."})
LATER = MadeBy("judge", datetime(2026, 1, 2, tzinfo=UTC), {"model": "gpt"}, {"judge": "Judge."})


def judged(row_id: str, judge: str, verdict: bool | None) -> Judgement:
    return Judgement(row_id, judge, "gpt", "h", verdict, None, None, 10, 0.5)


def label(row: Row) -> Label:
    return Label(row.id, "ann", True, None, None, CREATED, "yes", 40, 0.25)


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    """Six rows on disk with a split of every other one."""
    made = [sample_row(number) for number in range(6)]
    write_dataset(tmp_path, Tables(made, labels=[label(made[0])]), MADE)
    write_split(tmp_path, "odd", [row.id for row in made[1::2]], {"name": "odd"})
    return made


def test_columns_are_replaced_in_every_split_whatever_their_order(tmp_path: Path, rows: list[Row]) -> None:
    groups = {row.id: f"group of {row.id}" for row in rows}
    columns = pa.table({"id": list(groups)[::-1], "duplicate_group": list(groups.values())[::-1]})
    amend(tmp_path, Amendment(columns=columns), LATER)
    dataset = LocalDataset.open(tmp_path)
    wanted = [dataclasses.replace(row, overlap=Overlap(groups[row.id])) for row in rows]
    assert list(dataset.rows()) == wanted
    assert list(dataset.rows("odd")) == wanted[1::2]
    assert list(dataset.labels()) == [label(rows[0])]
    dataset.verify()
    loaded = load_dataset(str(tmp_path), split="odd")
    assert loaded["duplicate_group"] == [groups[row.id] for row in rows[1::2]]


def test_the_step_and_its_prompts_are_remembered(tmp_path: Path, rows: list[Row]) -> None:
    amend(tmp_path, Amendment(labels=[label(rows[1])]), LATER)
    manifest = LocalDataset.open(tmp_path).manifest
    assert [(step.command, step.config) for step in manifest.steps] == [("judge", {"model": "gpt"})]
    assert manifest.prompts["judge"].text == "Judge."
    assert (manifest.command, manifest.prompts["p"].text) == ("test", "Search.")


def test_verdicts_follow_the_judgements_table(tmp_path: Path, rows: list[Row]) -> None:
    first = [judged(rows[0].id, "llm_judge", True), judged(rows[1].id, "llm_judge", False)]
    amend(tmp_path, Amendment(judgements=first), LATER)
    second = [judged(rows[1].id, "llm_judge", None), judged(rows[2].id, "other", True)]
    assert [row.verdicts.llm_judge for row in LocalDataset.open(tmp_path).rows()][:3] == [True, False, None]
    amend(tmp_path, Amendment(judgements=second), LATER)
    dataset = LocalDataset.open(tmp_path)
    assert list(dataset.judgements()) == second
    assert {row.verdicts for row in dataset.rows()} == {Verdicts()}
    assert len(dataset.manifest.steps) == 2


def test_side_tables_alone_leave_the_rows_files_untouched(tmp_path: Path, rows: list[Row]) -> None:
    before = {file: file.stat().st_ino for file in (tmp_path / "data").iterdir()}
    amend(tmp_path, Amendment(labels=[]), LATER)
    assert {file: file.stat().st_ino for file in (tmp_path / "data").iterdir()} == before
    assert list(LocalDataset.open(tmp_path).labels()) == []
    assert not list((tmp_path / "labels").iterdir())
    LocalDataset.open(tmp_path).verify()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda ids: Amendment(columns=pa.table({"id": ids[1:], "f1": [0.5] * 5})), "6 ids"),
        (lambda ids: Amendment(columns=pa.table({"id": [*ids[1:], ids[1]], "f1": [0.5] * 6})), "6 ids"),
        (lambda ids: Amendment(columns=pa.table({"id": ids, "f2": [0.5] * 6})), "'f2'"),
        (lambda ids: Amendment(columns=pa.table({"id": ids, "answer": ["x"] * 6})), "what the row is"),
        (lambda ids: Amendment(columns=pa.table({"id": ids, "f1": [math.nan] * 6})), "finite or null"),
        (lambda ids: Amendment(judgements=[judged("nobody", "j", True)]), "nobody"),
        (lambda ids: Amendment(judgements=[judged(ids[0], "j", True)] * 2), "once"),
        (lambda ids: Amendment(labels=[dataclasses.replace(label(sample_row(0)), row_id="x")]), "labels"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_changes(
    tmp_path: Path, rows: list[Row], change: Callable[[list[str]], Amendment], told: str
) -> None:
    before = (tmp_path / "manifest.json").read_bytes()
    with pytest.raises(DataError, match=told):
        amend(tmp_path, change([row.id for row in rows]), LATER)
    assert (tmp_path / "manifest.json").read_bytes() == before
    LocalDataset.open(tmp_path).verify()


KILLED = """
import sys, os, signal
from pathlib import Path
from datetime import UTC, datetime
import pyarrow as pa
import trajset.builder.amend as module
from trajset.builder.dataset import LocalDataset
from trajset.builder.manifest import MANIFEST, MadeBy
from trajset.builder.safekeeping import PREVIOUS
real = module.{step}
def killed(*args, **named):
    if {after}:
        real(*args, **named)
    os.kill(os.getpid(), signal.SIGKILL)
module.{step} = killed
path = Path(sys.argv[1])
ids = LocalDataset.open(path).ids()
columns = pa.table({{"id": ids, "f1": [0.25] * len(ids)}})
module.amend(path, module.Amendment(columns=columns), MadeBy("x", datetime.now(UTC)))
"""


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", ["forget", "place", "complete"])
def test_a_kill_at_any_step_loses_nothing(tmp_path: Path, rows: list[Row], step: str, after: bool) -> None:
    code = KILLED.format(step=step, after=after)
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True)
    assert done.returncode == -signal.SIGKILL
    dataset = LocalDataset.open(tmp_path)
    dataset.verify()
    found = list(dataset.rows())
    changed = [dataclasses.replace(row, scores=dataclasses.replace(row.scores, f1=0.25)) for row in rows]
    assert found == (changed if (step, after) == ("complete", True) else rows)
    assert len(list(dataset.rows("odd"))) == 3
    amend(tmp_path, Amendment(labels=[]), LATER)
    assert list(LocalDataset.open(tmp_path).rows()) == found


def test_a_full_disk_puts_the_old_dataset_back(
    tmp_path: Path, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("trajset.builder.amend.place", refused)
    columns = pa.table({"id": [row.id for row in rows], "f1": [0.25] * 6})
    with pytest.raises((OSError, TrajsetError)):
        amend(tmp_path, Amendment(columns=columns), LATER)
    assert list(LocalDataset.open(tmp_path).rows()) == rows
    LocalDataset.open(tmp_path).verify()


def test_what_a_killed_amend_kept_never_comes_back_later(tmp_path: Path, rows: list[Row]) -> None:
    """Killed when all was written and the old files were still kept; then a new dataset is cut short."""
    code = KILLED.format(step="complete", after=True)
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True)
    assert (tmp_path / PREVIOUS / MANIFEST).is_file()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trajset.builder.dataset.place", stopped)
        with pytest.raises(KeyboardInterrupt):
            write_dataset(tmp_path, Tables(rows[:2]), MADE)
    with pytest.raises(DataError, match="finished dataset"):
        LocalDataset.open(tmp_path)


def stopped(*_: object) -> None:
    raise KeyboardInterrupt
