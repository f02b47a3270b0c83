"""A language model judges the answers of a dataset; its verdicts become judgements beside those there are.

    judge_dataset(folder, open_job(JudgeConfig(model="simulated", reflect=True)))

The dataset is changed once, at the end: what ends a run before leaves it as it was, and the replies so far in
the cache (`judge_cache`). Where the judge's verdicts have a column of their own in the rows, splits that were
cut by it are cut anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from ..builder.amend import Amendment, amend
from ..builder.dataset import LocalDataset
from ..builder.errors import ConfigError, Problem
from ..builder.locks import writing
from ..builder.manifest import RAW, MadeBy
from ..builder.records import Convert, reader
from ..builder.schema import JsonObject, Judgement, Message, StopReason
from ..builder.sealed import canary_in, change_message, opener, seal_text
from ..builder.table import records_from_table
from ..builder.upstream import OWN_FOLDER
from .judge_budget import Account, Prices
from .judge_cache import ReplyCache
from .judge_model import Judge
from .judge_prompts import Case
from .judge_run import Asked, JudgeRun, Report
from .refresh import SplitMove, refresh_splits

LOCK = f"{OWN_FOLDER}/judgements.lock"
"""Held from reading the judgements to writing them: two judges who finish at once both keep theirs."""

_COLUMNS = ("id", "question", "gold_answers", "answer", "stop_reason")
_BATCH_ROWS = 256


@dataclass(frozen=True, slots=True)
class JudgeJob:
    """Who judges, how many rows, how fast, for how much; `settings` is what the manifest will say of it.

    `budget` is in USD and counts what earlier runs have paid for the same rows. `cache` is a folder; None is
    the dataset's own.
    """

    judge: Judge
    concurrency: int = 32
    limit: int | None = None
    prices: Prices | None = None
    budget: float | None = None
    resume: bool = False
    replace: bool = False
    cache: Path | None = None
    settings: JsonObject = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of it: the run, the rows that had a verdict before, and the splits that moved."""

    asked: Asked
    kept: int
    moves: tuple[SplitMove, ...]


def judge_dataset(folder: Path, job: JudgeJob, report: Report | None = None) -> Judged:
    """Judge the rows and store the verdicts; the card is for the caller to write anew.

    Raises:
        ConfigError: a judge of that name is there already, or with `resume` it is another judge.
        DataError: no dataset there, or the cache is none.
        ChatServerError: the server refuses for good, or nothing but failures came back.
        StorageError: the disk refuses. In the last two cases the dataset is as it was and replies are kept.
    """
    dataset = LocalDataset.open(folder)
    done = _done(dataset, job)
    asked = asyncio.run(_ask(dataset, job, done, report))
    if asked.judgements:
        _store(folder, job, asked.judgements)
    return Judged(asked, len(done), refresh_splits(folder))


def _done(dataset: LocalDataset, job: JudgeJob) -> frozenset[str]:
    """Ids of the rows that have all verdicts of this judge, where it is resumed.

    Raises:
        ConfigError: there are verdicts of that name, and the job does not say what to do with them; or they
            are of another model or prompt.
    """
    hashes = job.judge.hashes
    there = [judgement for judgement in dataset.judgements() if judgement.judge in hashes]
    if job.replace or not there:
        return frozenset()
    same = [j for j in there if (j.model, j.prompt_hash) == (job.judge.model_name, hashes[j.judge])]
    if not job.resume:
        raise ConfigError(str(_taken(there, len(same) == len(there))))
    if len(same) < len(there):
        raise ConfigError(str(_other(job.judge, there)))
    by_judge = [{j.row_id for j in same if j.judge == judge} for judge in hashes]
    return frozenset(set.intersection(*by_judge))


def _taken(there: Sequence[Judgement], same: bool) -> Problem:
    go_on = "Go on with it through --resume, judge" if same else "Judge"
    fix = f"{go_on} under another --name, or drop its verdicts with --replace."
    found = f"{there[0].judge}, {len(there):,} verdicts by {there[0].model}"
    return Problem("name", "must be that of no judge in the dataset", found, fix)


def _other(judge: Judge, there: Sequence[Judgement]) -> Problem:
    wanted = {(judge.model_name, prompt) for prompt in judge.hashes.values()}
    other = next(j for j in there if (j.model, j.prompt_hash) not in wanted)
    rule = f"must go on with the model and prompt of {other.judge}: {other.model}, {other.prompt_hash}"
    fix = "Set them back, judge under another --name, or drop its verdicts with --replace."
    return Problem("resume", rule, f"{judge.model_name}, {judge.hashes[other.judge]}", fix)


async def _ask(dataset: LocalDataset, job: JudgeJob, done: frozenset[str], report: Report | None) -> Asked:
    def cases() -> Iterator[Case]:
        return islice(_cases(dataset, job.judge.prompt.mode == "trajectory"), job.limit)

    account = Account(job.prices, job.budget)
    try:
        with ReplyCache.open(job.cache or dataset.path, _canary(dataset)) as cache:
            run = JudgeRun(job.judge, cache, account, report)
            return await run.run(cases, done, job.concurrency)
    finally:
        await job.judge.model.aclose()


def _cases(dataset: LocalDataset, with_messages: bool) -> Iterator[Case]:
    """The rows in order, read in pieces; messages only where they are shown."""
    columns = [*_COLUMNS, "messages"] if with_messages else list(_COLUMNS)
    read = reader(Message)
    for batch in dataset.source(RAW).to_batches(columns=columns, batch_size=_BATCH_ROWS):
        for record in records_from_table(batch):
            yield _case(record, read)


def _case(record: JsonObject, read: Convert | None) -> Case:
    """A row as the judge sees it; a sealed one is opened in memory."""
    messages: list[JsonObject] = record.get("messages") or []
    opened = opener(record["question"])
    return Case(
        record["id"],
        opened(record["question"]),
        tuple(map(opened, record["gold_answers"])),
        None if record["answer"] is None else opened(record["answer"]),
        StopReason(record["stop_reason"]).completed,
        tuple(change_message(read(message), opened) for message in messages) if read else (),
    )


def _canary(dataset: LocalDataset) -> str | None:
    """With what a judge's words about the rows are sealed; None where all rows are in clear."""
    questions: list[str] = dataset.table(RAW, ["question"]).column("question").to_pylist()
    return next((canary for question in questions if (canary := canary_in(question))), None)


def _store(folder: Path, job: JudgeJob, new: Sequence[Judgement]) -> None:
    """Put the verdicts beside those of other judges, and in the place of this one's for the same rows."""
    fresh = {(judgement.row_id, judgement.judge) for judgement in new}
    prompts = job.judge.prompt.published(job.judge.reflect)
    made = MadeBy("judge", datetime.now(UTC), job.settings, prompts)
    with writing(folder, name=LOCK):
        dataset = LocalDataset.open(folder)  # anew: others may have judged in the meantime
        kept = [
            judgement
            for judgement in dataset.judgements()
            if (judgement.row_id, judgement.judge) not in fresh
            and not (job.replace and judgement.judge in job.judge.hashes)
        ]
        amend(folder, Amendment(judgements=[*kept, *_sealed(new, _canary(dataset))]), made)


def _sealed(judgements: Sequence[Judgement], canary: str | None) -> Sequence[Judgement]:
    """Rationales quote what was judged."""
    if canary is None:
        return judgements
    return [
        replace(one, rationale=None if one.rationale is None else seal_text(one.rationale, canary))
        for one in judgements
    ]
