"""A cell on disk: a dataset like any other, and beside it which questions were asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from statistics import fmean

import polars as pl

from ..builder.collect import Collected
from ..builder.config import published_values
from ..builder.dataset import LocalDataset, Tables, write_dataset
from ..builder.errors import DataError
from ..builder.identity import text_hash
from ..builder.manifest import MadeBy
from ..builder.question_sources import question_facts
from ..builder.questions import TypedQuestion
from ..builder.schema import JsonObject
from ..builder.server_record import server_versions
from ..builder.shards import storage
from ..builder.summarise import summary_instructions
from .benchmarks import benchmarks, name_of
from .ready import ReadyCell, servers_folder

QUESTIONS = "questions.parquet"
_SCHEMA = {
    "question_id": pl.String,
    "type": pl.String,
    "hops": pl.Int64,
    "supporting_titles": pl.List(pl.String),
}


@dataclass(frozen=True, slots=True)
class Means:
    """A cell at a glance: means over its rows, None where nothing was scored."""

    questions: int
    rows: int
    broken: int
    f1: float | None
    em: float | None
    searches: float | None


def holds(folder: Path, done: Collected) -> bool:
    """Whether a dataset is there, whole, and has exactly the rows of a run."""
    try:
        return all(old == new for old, new in zip_longest(LocalDataset.open(folder).rows(), done.rows()))
    except DataError:
        return False


def write_cell(ready: ReadyCell, done: Collected) -> None:
    """Write the rows of a finished cell as a dataset, and the questions beside it; the card is the caller's.

    Raises:
        StorageError: the disk refuses.
    """
    config, prompt = ready.config, ready.job.agent.prompt
    write_questions(config.out, ready.questions)
    facts = published_values(config) | question_facts(config.questions, config.fields) | _facts(ready)
    if servers := server_versions(servers_folder(ready.cell)):
        facts["server"] = servers
    told = {prompt.id: prompt.published}
    if config.summaries.summariser is not None:
        text = summary_instructions()
        told[f"summariser@{text_hash(text, 8)}"] = text
    write_dataset(config.out, Tables(done.rows()), MadeBy("eval", datetime.now(UTC), facts, told))


def _facts(ready: ReadyCell) -> JsonObject:
    """What a manifest says of a cell beside its options; the canaries of its questions stand there too."""
    policy = ready.job.agent.prompt.policy
    facts: JsonObject = {"benchmark": ready.cell.benchmark, "mode": str(ready.cell.mode), "policy": policy}
    if known := benchmarks().get(name_of(ready.cell.options.benchmark[0])):
        facts["metric"] = known.metric
    if ready.left_out:
        facts["questions-left-out"] = ready.left_out
    if canaries := sorted(set(ready.job.canaries.values())):
        facts["canary"] = canaries
    return facts


def write_questions(folder: Path, questions: Iterable[TypedQuestion]) -> None:
    """Write id, type, hops and supporting titles of the questions; titles of one with a canary are withheld.

    Raises:
        StorageError: the disk refuses.
    """
    records = [
        {
            "question_id": one.question.question_id,
            "type": one.type,
            "hops": one.question.hops,
            "supporting_titles": None if one.canary else _list(one.question.supporting_titles),
        }
        for one in questions
    ]
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(records, schema=_SCHEMA).write_parquet(folder / QUESTIONS)


def _list(titles: Sequence[str] | None) -> list[str] | None:
    return None if titles is None else list(titles)


def means_of(folder: Path) -> Means:
    """The means of a cell's dataset.

    Raises:
        DataError: there is none.
    """
    names = ["question_id", "f1", "em", "n_searches", "stop_reason"]
    columns = LocalDataset.open(folder).table(columns=names).to_pydict()
    whole = [reason != "infrastructure" for reason in columns["stop_reason"]]
    searches = [count for count, keep in zip(columns["n_searches"], whole, strict=True) if keep]
    return Means(
        questions=len(set(columns["question_id"])),
        rows=len(columns["f1"]),
        broken=whole.count(False),
        f1=_mean(columns["f1"]),
        em=_mean(columns["em"]),
        searches=_mean(searches),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
