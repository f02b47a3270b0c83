"""The ablation as Parquet and JSON reads back as it was."""

import dataclasses
import io
import json
from typing import Any

import ablation_samples as samples
import pyarrow.parquet as pq
import pytest
from trajset.filters.ablation_types import Ablation, Estimate
from trajset.filters.report.columns import facts_json, parquet_files

PLAIN = [name for name in samples.ALL if name != "hostile"]


def read(files: dict[str, bytes], name: str) -> list[dict[str, Any]]:
    return pq.read_table(io.BytesIO(files[f"{name}.parquet"])).to_pylist()


def flat(thing: Any) -> dict[str, Any]:
    """A noun as one level of columns, by hand."""
    columns: dict[str, Any] = {}
    for field in dataclasses.fields(thing):
        value = getattr(thing, field.name)
        if isinstance(value, Estimate):
            columns[field.name] = value.value
            parts = {part: getattr(value, part) for part in ("low", "high", "labelled")}
            columns |= {f"{field.name}_{part}": entry for part, entry in parts.items()}
        elif dataclasses.is_dataclass(value):
            columns |= flat(value)
        else:
            columns[field.name] = list(value) if isinstance(value, tuple) else value
    for name in ("accept_rate", "unscored", "jaccard", "agreement"):
        if hasattr(thing, name):
            columns[name] = getattr(thing, name)
    return columns


@pytest.mark.parametrize("name", PLAIN)
def test_every_table_reads_back(name: str) -> None:
    made: Ablation = samples.ALL[name]()
    files = parquet_files(made)
    for table in ("results", "pairs", "examples", "sweeps", "judges"):
        assert read(files, table) == [flat(row) for row in getattr(made, table)], table


def test_a_histogram_is_a_row_per_bar() -> None:
    made = samples.demo()
    bars = read(parquet_files(made), "histograms")
    assert len(bars) == sum(len(one.bins) for one in made.histograms)
    first = made.histograms[0]
    head = {"column": first.column, "recipe": None, "unknown": first.unknown}
    assert bars[0] == head | flat(first.bins[0])


def test_empty_tables_keep_their_columns() -> None:
    sweeps = pq.read_table(io.BytesIO(parquet_files(samples.one_recipe())["sweeps.parquet"]))
    assert sweeps.num_rows == 0
    assert {"parameter", "value", "recipe", "fdr", "fdr_low", "fdr_high", "accept_rate"} <= {
        *sweeps.column_names
    }


def test_the_json_holds_what_is_no_table() -> None:
    made = samples.real_like()
    told = json.loads(facts_json(made, ["b", "a"]))
    assert told["made_by"] == "trajset ablate"
    assert told["files"] == ["a", "b"]
    for name in ("data", "revision", "rows", "labelled", "annotator", "method", "simulated", "config"):
        assert told[name] == getattr(made, name)
    assert (told["design"], told["target"]) == ("stratified", "good")
    assert told["thresholds"] == made.thresholds
    assert told["versions"] == made.versions


def test_hostile_text_is_kept_as_it_is() -> None:
    made = samples.hostile()
    (example,) = read(parquet_files(made), "examples")
    assert example["answer"] == samples.HOSTILE * 20
    assert json.loads(facts_json(made, []))["data"] == samples.HOSTILE
