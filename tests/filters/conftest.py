"""Small Parquet tables with the columns that recipes read."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from trajset.builder.schema import ARROW_SCHEMA
from trajset.filters.predicate_types import column_kinds

SCALAR_SCHEMA = pa.schema([ARROW_SCHEMA.field(name) for name in column_kinds()])


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """One shard; columns that a row leaves out are null, ids are numbered."""
    full = [{"id": f"row{index}", **row} for index, row in enumerate(rows)]
    pq.write_table(pa.Table.from_pylist(full, SCALAR_SCHEMA), path)
    return path


@pytest.fixture
def shard(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes rows given as dicts into one shard."""
    return lambda *rows: write_rows(tmp_path / "raw-00000.parquet", rows)
