"""A small dataset with judged and labelled rows."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sample_rows import CREATED, sample_row
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.manifest import MadeBy
from trajset.builder.schema import Label, Row

MADE = MadeBy("test", datetime(2026, 1, 1, tzinfo=UTC))
F1 = (1.0, 1.0, 0.8, 0.0, None)
GOOD = (True, False, True, False, True)


def rows() -> list[Row]:
    """Five rows; the second never searched."""
    made = [sample_row(number, f1=f1) for number, f1 in enumerate(F1)]
    idle = dataclasses.replace(made[1].search_use, n_searches=0, first_action="answer")
    made[1] = dataclasses.replace(made[1], search_use=idle)
    return made


def label(row: Row, annotator: str, good: bool) -> Label:
    return Label(row.id, annotator, correct=True, grounded=good, note=None, labelled_at=CREATED)


MakeDataset = Callable[..., LocalDataset]


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """A function that writes the five rows with labels by the given annotators, each of the first N rows."""

    def make(**annotators: int) -> LocalDataset:
        made = rows()
        labels = [
            label(row, annotator, good)
            for annotator, count in annotators.items()
            for row, good in list(zip(made, GOOD, strict=True))[:count]
        ]
        write_dataset(tmp_path / "data", Tables(made, labels=labels), MADE)
        return LocalDataset.open(tmp_path / "data")

    return make
