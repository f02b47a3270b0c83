"""The numbers of rows as a Polars frame, from a dataset's scalar columns or from rows in memory.

    id, question_id, question, hops, and the five columns of `cells.Made`
    f1, em, cover_match, and a column for each judge, from its own column or the judgements table
    searches, never_searches, failed_searches, answered, turns, prompt_tokens, completion_tokens
    total, model, retrieval (seconds), stop_reason

What the model did is unknown where its rollout was broken off by infrastructure or could not be read. The
text of conversations is not read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import polars as pl

from ..builder.readable import Readable
from ..builder.schema import Judgement, Row, StopReason
from ..builder.verdicts import JUDGES
from .cells import Cell
from .results import Failure

SCORES = ("f1", "em", "cover_match")
BEHAVIOUR = (
    "searches",
    "never_searches",
    "failed_searches",
    "answered",
    "turns",
    "prompt_tokens",
    "completion_tokens",
)
LATENCY = ("total", "model", "retrieval")
MADE = ("dataset", "teacher", "teacher_revision", "policy", "retriever")

_KEYS = ("id", "question_id", "question", "hops", "stop_reason")
_COUNTS = ("n_searches", "n_failed_searches", "n_turns", "prompt_tokens", "completion_tokens")
_SECONDS = ("latency_s", "search_latency_s")
COLUMNS = (*_KEYS, *MADE, *SCORES, *JUDGES, *_COUNTS, *_SECONDS, "answer")
"""What is read of a dataset."""

_BROKEN = [reason.value for reason in StopReason if not reason.completed]
_KINDS: dict[str, pl.DataType] = {
    **dict.fromkeys((*_KEYS, *MADE, "answer"), pl.String()),
    **dict.fromkeys((*SCORES, *JUDGES, *_COUNTS, *_SECONDS), pl.Float64()),
    "hops": pl.Int64(),
}


@dataclass(frozen=True, slots=True)
class Measurement:
    """The rows of a cell, in the columns of this module."""

    cell: Cell
    frame: pl.DataFrame


def frame_of(dataset: Readable) -> pl.DataFrame:
    """All raw rows of a dataset, in order, with the verdicts of judges that have no column in a column each.

    Raises:
        DataError: a file cannot be read.
        HubError: the Hub refuses or cannot be reached.
    """
    read = cast("pl.DataFrame", pl.from_arrow(dataset.table(columns=COLUMNS)))
    frame = _measured(read)
    for judge, verdicts in _other_judges(dataset.judgements()).items():
        frame = frame.join(verdicts.rename({"verdict": judge}), on="id", how="left", maintain_order="left")
    return frame


def frame_of_rows(rows: Iterable[Row]) -> pl.DataFrame:
    """The same of rows in memory, without other judges."""
    records = [row.to_record() for row in rows]
    return _measured(
        pl.DataFrame([{name: record[name] for name in COLUMNS} for record in records], schema=_raw_kinds())
    )


def judges_in(frame: pl.DataFrame) -> tuple[str, ...]:
    """The judges with a column in the frame, those of `verdicts.JUDGES` first."""
    known = {*_KEYS, *MADE, *SCORES, *BEHAVIOUR, *LATENCY, *JUDGES, *map(str, Failure), "wrong", "type"}
    return (*JUDGES, *(name for name in frame.columns if name not in known))


def _raw_kinds() -> dict[str, pl.DataType]:
    truths = dict.fromkeys(("em", "cover_match", *JUDGES), pl.Boolean())
    return {name: _KINDS[name] for name in COLUMNS} | truths


def _measured(read: pl.DataFrame) -> pl.DataFrame:
    read = read.select(pl.col(name).cast(_KINDS[name]) for name in COLUMNS)
    scores = [pl.col(name).fill_nan(None) for name in (*SCORES, *JUDGES)]
    did = ~pl.col("stop_reason").is_in(_BROKEN)
    done = [pl.when(did).then(value).alias(name) for name, value in _done().items()]
    return read.select(*_KEYS, *MADE, *scores, *done)


def _done() -> dict[str, pl.Expr]:
    """What the model did, by column. A row that never searched spent no time on searches."""
    searches, seconds = pl.col("n_searches"), pl.col("latency_s").fill_nan(None)
    searching = pl.when(searches == 0).then(0.0).otherwise(pl.col("search_latency_s").fill_nan(None))
    return {
        "searches": searches,
        "never_searches": (searches == 0).cast(pl.Float64),
        "failed_searches": pl.col("n_failed_searches"),
        "answered": pl.col("answer").is_not_null().cast(pl.Float64),
        "turns": pl.col("n_turns"),
        "prompt_tokens": pl.col("prompt_tokens"),
        "completion_tokens": pl.col("completion_tokens"),
        "total": seconds,
        "model": seconds - searching,
        "retrieval": pl.when(seconds.is_not_null()).then(searching),
    }


def _other_judges(judgements: Iterable[Judgement]) -> dict[str, pl.DataFrame]:
    """Verdicts by row id of the judges without a column; of several by one judge on a row the last."""
    found: dict[str, dict[str, bool | None]] = {}
    for judgement in judgements:
        if judgement.judge not in JUDGES:
            found.setdefault(judgement.judge, {})[judgement.row_id] = judgement.verdict
    kinds = {"id": pl.String, "verdict": pl.Boolean}
    return {
        judge: pl.DataFrame({"id": list(of), "verdict": list(of.values())}, schema=kinds).with_columns(
            pl.col("verdict").cast(pl.Float64)
        )
        for judge, of in found.items()
    }
