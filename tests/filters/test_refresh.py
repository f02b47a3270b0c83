"""Splits follow their recipes when rows change."""

import dataclasses
from pathlib import Path

import pyarrow as pa
from sample_rows import CREATED, sample_row
from trajset.builder.amend import Amendment, amend
from trajset.builder.dataset import LocalDataset, Tables, write_dataset, write_split
from trajset.builder.manifest import MadeBy
from trajset.filters.recipes import load_recipe
from trajset.filters.refresh import SplitMove, refresh_splits
from trajset.filters.splits import make_split

MADE = MadeBy("test", CREATED)


def change_f1(path: Path, values: list[float | None]) -> None:
    columns = pa.table({"id": LocalDataset.open(path).ids(), "f1": pa.array(values, pa.float64())})
    amend(path, Amendment(columns=columns), MADE)


def test_splits_follow_their_recipes_with_the_parameters_they_were_cut_with(tmp_path: Path) -> None:
    rows = [sample_row(number, f1=0.6) for number in range(4)]
    write_dataset(tmp_path, Tables(rows), MADE)
    make_split(tmp_path, load_recipe("f1_only").bind({"min_f1": "0.5"}))
    write_split(tmp_path, "mine", [rows[0].id], {"note": "by hand"})
    assert refresh_splits(tmp_path) == ()

    change_f1(tmp_path, [0.6, None, 0.5, 0.51])
    (move,) = refresh_splits(tmp_path)
    assert move == SplitMove("f1_only", before=4, after=2, entered=0, left=2)
    assert "4 -> 2 rows" in str(move)
    dataset = LocalDataset.open(tmp_path)
    assert dataset.ids("f1_only") == [rows[0].id, rows[3].id]
    assert dataset.manifest.recipes["f1_only"]["parameters"] == {"min_f1": 0.5}
    assert dataset.ids("mine") == [rows[0].id]


def test_a_split_that_would_be_empty_is_removed_and_said_so(tmp_path: Path) -> None:
    write_dataset(tmp_path, Tables([sample_row(0), sample_row(1)]), MADE)
    make_split(tmp_path, load_recipe("f1_only"))
    change_f1(tmp_path, [0.0, 0.1])
    (move,) = refresh_splits(tmp_path)
    assert dataclasses.astuple(move) == ("f1_only", 2, 0, 0, 2)
    assert "removed" in str(move)
    assert LocalDataset.open(tmp_path).splits == ("raw",)
