"""Parquet and JSON: every number reads back."""

import io
import json
from typing import Any

import evaluation_samples as samples
import polars as pl
import pytest
from trajset.eval.cells import Cell, Mode
from trajset.eval.report.columns import facts_json, parquet_files
from trajset.eval.report.section import Section
from trajset.eval.results import Estimate, Failure
from trajset.filters.report.table import Cell as Shown
from trajset.filters.report.table import Column, Group, Table

PARTS = ("low", "high", "questions", "rows", "unscored")


def read(name: str, table: str) -> list[dict[str, Any]]:
    files = parquet_files(samples.made(name)[0])
    return pl.read_parquet(io.BytesIO(files[f"{table}.parquet"])).to_dicts()


def flat(name: str, estimate: Estimate | None) -> dict[str, Any]:
    return {
        name: None if estimate is None else estimate.value,
        **{f"{name}_{part}": None if estimate is None else getattr(estimate, part) for part in PARTS},
    }


def of(cell: Cell, before: str = "") -> dict[str, Any]:
    fields = ("benchmark", "model", "mode", "noise", "retriever")
    return {f"{before}{field}": str(getattr(cell, field)) for field in fields}


@pytest.mark.parametrize("name", ["full", "single", "hostile"])
def test_every_mean_reads_back(name: str) -> None:
    rows = read(name, "measures")
    for one in samples.made(name)[0].summaries:
        for measure, estimate in (*one.quality.items(), *one.behaviour.items()):
            parts = {part: getattr(estimate, part) for part in ("value", *PARTS)}
            whole = {"part": None, "part_value": None, "measure": measure}
            assert {**of(one.cell), **whole, **parts} in rows
        for kind, slices in one.slices.items():
            for value, part in slices.items():
                found = [
                    row
                    for row in rows
                    if row.items() >= {**of(one.cell), "part": kind, "part_value": value}.items()
                ]
                by_measure = {row["measure"]: row["value"] for row in found}
                expected = {"f1": part.f1.value, "em": part.em.value, "searches": part.searches.value}
                assert by_measure == expected


def test_pairs_name_both_measurements() -> None:
    expected = [
        of(one.first, "first_")
        | of(one.second, "second_")
        | {"measure": one.measure, "sign_changes": one.sign_changes}
        | flat("difference", one.difference)
        for one in samples.made("full")[0].paired
    ]
    assert read("full", "paired") == expected


def test_curves_and_splits_read_back() -> None:
    made = samples.made("full")[0]
    noise = [
        {"benchmark": one.benchmark, "model": one.model, "retriever": one.retriever}
        | {"kind": one.kind, "share": point.share}
        | flat("f1", point.f1)
        | flat("loss", point.loss)
        for one in made.noise
        for point in one.points
    ]
    assert read("full", "noise") == noise
    names = ("closed_book", "live", "gold_evidence", "memory", "retrieval", "reasoning")
    for row, one in zip(read("full", "losses"), made.losses, strict=True):
        for name in names:
            assert row.items() >= flat(name, getattr(one, name)).items()
    adaptive = [row["percent"] for row in read("full", "adaptive") if row["order"] == "probe"]
    assert adaptive == [point.percent for one in made.probes for point in one.curve]
    assert len(read("full", "reliability")) == sum(len(one.bins) for one in made.probes)
    assert [row["questions"] for row in read("full", "confidence")] == [
        count for one in made.probes for count in one.histogram
    ]


def test_failures_have_a_row_per_class_and_their_examples_whole() -> None:
    first = samples.made("full")[0].failures[0]
    rows = read("full", "failures")[: len(Failure)]
    assert [row["failed"] for row in rows] == list(first.counts.values())
    assert (
        rows[0].items()
        >= (
            of(first.cell) | {"scored": 500, "wrong": 281} | flat("share", first.shares["bad_retrieval"])
        ).items()
    )
    (wrong,) = read("hostile", "wrong_rows")
    assert wrong["answer"] == samples.HOSTILE * 20


def test_empty_tables_keep_their_columns() -> None:
    for name, content in parquet_files(samples.empty()).items():
        found = pl.read_parquet(io.BytesIO(content))
        full = pl.read_parquet(io.BytesIO(parquet_files(samples.made("full")[0])[name]))
        assert found.height == 0
        assert found.schema == full.schema


def test_the_json_holds_facts_and_sections_of_ones_own() -> None:
    table = Table(
        "t",
        "Claims",
        (Column("claim"), Column("shows")),
        (Group(None, ((Shown("a"), Shown("yes", "1–2")),)),),
    )
    lead = (Section("claims", "Claims", ("So.",), (), (table,)),)
    told = json.loads(facts_json(samples.full(), lead, ["b", "a"]))
    assert told["made_by"] == "trajset report"
    assert told["files"] == ["a", "b"]
    assert told["facts"]["datasets"].startswith("eval/base@")
    assert told["lead"][0]["tables"][0]["rows"] == [["a", "yes (1–2)"]]
    assert told["simulated"] is False


def test_modes_are_words() -> None:
    assert {row["mode"] for row in read("full", "measures")} == set(map(str, Mode))
