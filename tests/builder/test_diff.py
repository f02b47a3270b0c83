"""Two versions side by side: rows added, removed and changed, the columns, the accept rates."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hub_site import StubSite
from sample_rows import sample_row
from trajset.builder.dataset import LocalDataset, Tables, write_dataset, write_split
from trajset.builder.diff import DatasetDiff, diff
from trajset.builder.hub import publish
from trajset.builder.manifest import MadeBy
from trajset.builder.refs import DatasetRef, open_ref
from trajset.builder.schema import Row

MADE = MadeBy("test", datetime(2026, 1, 1, tzinfo=UTC))
RECIPE = {"name": "f1_search", "predicate": "f1 > 0.65"}


def make(path: Path, rows: list[Row], recipe: dict[str, str] = RECIPE) -> LocalDataset:
    write_dataset(path, Tables(rows), MADE)
    write_split(path, "f1_search", [row.id for row in rows if (row.scores.f1 or 0) > 0.65], recipe)
    return LocalDataset.open(path)


def rows_with(changed: int, numbers: range = range(40)) -> list[Row]:
    """Rows whose first `changed` have another answer and score."""
    return [sample_row(number, *(("Paris", 0.0) if number < changed else ())) for number in numbers]


def test_a_dataset_is_the_same_as_itself(tmp_path: Path) -> None:
    one, two = make(tmp_path / "one", rows_with(0)), make(tmp_path / "two", rows_with(0))
    found = diff(one, two)
    assert found.same
    assert (found.added, found.removed, found.changed, found.columns) == ((), (), (), {})


def test_ten_changed_rows_of_a_second_version_show(stub: StubSite, tmp_path: Path) -> None:
    first, second = rows_with(0), rows_with(10)
    for rows, tag in ((first, "v1.0.0"), (second, "v1.1.0")):
        make(tmp_path / "data", rows)
        publish(tmp_path / "data", "tester/data", tag, site=stub.site)
    opened = [open_ref(DatasetRef.parse(f"tester/data@{tag}"), stub.site) for tag in ("v1.0.0", "v1.1.0")]
    found = diff(*opened)
    assert found.changed == tuple(row.id for row in second[:10])
    assert (found.added, found.removed) == ((), ())
    assert found.columns == dict.fromkeys(("messages", "answer", "f1", "em", "cover_match"), 10)
    raw, split = found.splits
    assert (raw.rows_before, raw.rows_after, raw.rate_after) == (40, 40, 1.0)
    assert (split.rate_before, split.rate_after, split.entered, split.left) == (1.0, 0.75, 0, 10)
    assert split.same_recipe
    rows_table, splits_table = found.tables()
    assert (rows_table.row_count, splits_table.row_count) == (3, 2)


def test_added_and_removed_rows_and_splits_show(tmp_path: Path) -> None:
    one = make(tmp_path / "one", rows_with(0, range(10)))
    two = make(tmp_path / "two", rows_with(0, range(3, 15)), {"name": "f1_search", "predicate": "f1 > 0.9"})
    write_split(tmp_path / "two", "extra", two.ids()[:6], RECIPE)
    found = diff(one, LocalDataset.open(tmp_path / "two"))
    assert found.removed == tuple(one.ids()[:3])
    assert found.added == tuple(two.ids()[-5:])
    changes = {change.name: change for change in found.splits}
    assert (changes["f1_search"].entered, changes["f1_search"].left) == (5, 3)
    assert not changes["f1_search"].same_recipe
    assert (changes["extra"].rows_before, changes["extra"].rate_after) == (None, 0.5)
    assert not found.same


@pytest.mark.parametrize(
    ("group", "column", "value"), [("cost", "latency_s", None), ("outcome", "answer", "")]
)
def test_a_null_is_not_the_same_as_a_value(tmp_path: Path, group: str, column: str, value: object) -> None:
    rows = rows_with(0, range(3))
    other = dataclasses.replace(getattr(rows[1], group), **{column: value})
    changed = [rows[0], dataclasses.replace(rows[1], **{group: other}), rows[2]]
    found = diff(make(tmp_path / "one", rows), make(tmp_path / "two", changed))
    assert isinstance(found, DatasetDiff)
    assert (found.changed, found.columns) == ((rows[1].id,), {column: 1})


def test_brackets_in_a_path_are_no_pattern(tmp_path: Path) -> None:
    make(tmp_path / "a", rows_with(0, range(5)))
    one = make(tmp_path / "[a]", rows_with(0))
    assert len(diff(one, LocalDataset.open(tmp_path / "a")).removed) == 35
