"""Replay: run the rollout loop again from a dataset's own record, and search its queries again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import polars as pl
from rich.console import Console

from ..builder.dataset import LocalDataset
from ..builder.errors import DataError, Problem
from ..builder.manifest import RAW
from ..builder.refs import DatasetRef, open_ref
from ..builder.replay import ReplayCounts, replay_rows, why_not
from ..builder.retrieval.opening import open_index
from ..builder.retrieval.retriever import Retriever
from ..builder.schema import JsonObject, Row
from ..builder.search_again import AgainCounts, CallAgain, search_again
from .progress import counting
from .replay_config import ReplayConfig
from .rollouts import refuse_dataset

_SHOWN = 5
"""Rows that differ, shown in the terminal."""


def replay_dataset(data: str, config: ReplayConfig, console: Console) -> None:
    """Replay the rows; with an index also search again; say what came of it and write the report.

    Raises:
        DataError: no such dataset or index; a row did not replay (after everything is said and written).
    """
    if config.out is not None:
        refuse_dataset(config.out)
    retriever = open_index(config.index, config.retrieval) if config.index else None
    ref = DatasetRef.parse(data)
    dataset, split = open_ref(ref), ref.split or RAW
    counts = ReplayCounts()
    with counting("rows replayed") as progress:
        for one in replay_rows(_rows(dataset, split, config)):
            counts.add(one)
            progress(1)
    _show_replay(counts, console)
    again = None if retriever is None else _search_again(retriever, dataset, split, config)
    if again is not None:
        _show_again(again, console)
    if config.out is not None:
        _write(config.out, counts, again)
        console.print(f"The report is in {config.out}.", soft_wrap=True)
    if counts.different:
        fix = "See `differences` in the report (--out)." if config.out is None else f"See {config.out}."
        rule = "must replay to the same conversation, end, searches and scores"
        value = f"{len(counts.different):,} of {counts.replayed:,} that do not"
        raise DataError(str(Problem("rows", rule, value, f"{fix} {_HINT}")))


_HINT = "Where only scores differ, `trajset rescore` brings them up to date."


def _rows(dataset: LocalDataset, split: str, config: ReplayConfig) -> Iterator[Row]:
    return islice(dataset.rows(split), config.limit)


def _show_replay(counts: ReplayCounts, console: Console) -> None:
    same = counts.replayed - len(counts.different)
    console.print(f"{counts.rows:,} rows: {counts.replayed:,} replayed, of which {same:,} come out the same.")
    if counts.outcome_taken:
        console.print(
            f"  {counts.outcome_taken:,} of them were ended by a server or the clock: how they ended is "
            "taken from the record.",
            soft_wrap=True,
        )
    for reason, count in counts.skipped.most_common():
        console.print(f"  {count:,} skipped, {reason}", soft_wrap=True)
    for row in counts.different[:_SHOWN]:
        console.print(f"  {row.row_id} differs in {', '.join(row.differences)}", soft_wrap=True)


@dataclasses.dataclass(frozen=True, slots=True)
class _Again:
    """What searching again gave: sums, every call where a report is asked for, and where it was searched."""

    counts: AgainCounts
    calls: list[CallAgain]
    k: int
    then: list[str]
    now: str

    def to_json(self) -> JsonObject:
        return {"k": self.k, "then": self.then, "now": self.now} | self.counts.to_json()


def _search_again(retriever: Retriever, dataset: LocalDataset, split: str, config: ReplayConfig) -> _Again:
    rows = (row for row in _rows(dataset, split, config) if why_not(row) is None)
    again = _Again(AgainCounts(), [], _k(dataset, config), _engines(dataset, split), _engine(retriever))
    with counting("rows searched again") as progress:
        for row in search_again(rows, retriever, again.k):
            again.counts.add(row)
            if config.out is not None:
                again.calls.extend(row.calls)
            progress(1)
    return again


def _k(dataset: LocalDataset, config: ReplayConfig) -> int:
    """Passages a search: as asked for, else as collected.

    Raises:
        DataError: the dataset does not say.
    """
    k = config.k or dataset.manifest.config.get("k")
    if not isinstance(k, int):
        rule = "must be given for a dataset whose manifest does not name it"
        raise DataError(str(Problem("k", rule, k, "Give --k.")))
    return k


def _engine(retriever: Retriever) -> str:
    return f"{retriever.name} over {retriever.corpus}"


def _engines(dataset: LocalDataset, split: str) -> list[str]:
    table = dataset.table(split, ["retriever", "corpus"])
    pairs = pl.DataFrame(table.to_pydict()).unique(maintain_order=True)
    return [f"{retriever} over {corpus}" for retriever, corpus in pairs.iter_rows() if retriever]


_MEANINGS = {
    "same": "give the same passages",
    "order": "the same passages in another order",
    "text": "passages of the same ids with another text",
    "passages": "other passages",
    "unknown": "the same ids, recorded without hashes of their texts",
}


def _show_again(again: _Again, console: Console) -> None:
    told = again.to_json()
    console.print(f"recorded with {', '.join(again.then)}; searched again with {again.now}", soft_wrap=True)
    console.print(f"{told['calls']:,} searches made again, {again.k} passages each:")
    for change, meaning in _MEANINGS.items():
        if count := told["changes"].get(change):
            console.print(f"  {count:,} {meaning}")
    if told["passages_kept"] is not None:
        console.print(f"  {told['passages_kept']:.1%} of the recorded passages came back")
    for column in ("evidence_recall", "answer_in_evidence"):
        means = told[column]
        if means["rows"]:
            console.print(
                f"  {column}: mean {means['then']:.4f} -> {means['now']:.4f} over {means['rows']:,} rows, "
                f"{means['changed']:,} of them changed",
                soft_wrap=True,
            )


def _write(out: Path, counts: ReplayCounts, again: _Again | None) -> None:
    out.mkdir(parents=True, exist_ok=True)
    report: JsonObject = {"replay": counts.to_json(), "search": again.to_json() if again else None}
    (out / "replay.json").write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    rows = [{"row_id": row.row_id, "differences": list(row.differences)} for row in counts.different]
    _parquet(out / "differences.parquet", rows, {"row_id": pl.String, "differences": pl.List(pl.String)})
    if again is not None:
        _parquet(out / "calls.parquet", [dataclasses.asdict(call) for call in again.calls], _CALLS)


_CALLS = {
    "row_id": pl.String,
    "call": pl.Int64,
    "query": pl.String,
    "change": pl.String,
    "then": pl.Int64,
    "now": pl.Int64,
    "both": pl.Int64,
}


def _parquet(path: Path, rows: list[dict[str, Any]], schema: Mapping[str, Any]) -> None:
    pl.DataFrame(rows, schema=schema).write_parquet(path)
