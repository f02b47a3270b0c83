"""Many verdicts: bounded concurrency, one reply for equal questions, a budget, two ways to stop.

Rows are taken in their order. A row is begun only where all of its turns fit into the budget, and is finished
once it is begun; what a server broke is left out, to be asked again by the next run. Replies are committed to
the cache one by one, so whatever ends a run, the next one goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from ..builder.chat.model import ChatUnavailableError
from ..builder.errors import ChatServerError
from ..builder.interrupt import signals_to
from ..builder.schema import Judgement
from .judge_asker import Asker, OverBudgetError
from .judge_budget import Account
from .judge_cache import ReplyCache, Spent
from .judge_model import Judge
from .judge_prompts import Case

Cases = Callable[[], Iterator[Case]]
"""Gives the rows to judge, in order, anew at each call."""

_FIRST = 8
"""Broken rows at the start of a run, with none that works, after which it stops."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How far a run is. `finished` and `unscored` count rows, `requests` what was asked in this run.

    `spent` and `usd` (None without prices) are all that these rows have cost, earlier runs included.
    """

    total: int
    finished: int
    unscored: int
    broken: int
    requests: int
    spent: Spent
    usd: float | None
    budget: float | None
    draining: bool


Report = Callable[[Tally], None]
"""Is called after every row, and when the run begins to drain."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run gave. `next_usd` is what the next row could cost, where the budget did not allow it."""

    judgements: tuple[Judgement, ...]
    tally: Tally
    spent_now: Spent
    next_usd: float | None

    @property
    def left(self) -> int:
        """Rows without a verdict that were not even begun."""
        return self.tally.total - self.tally.finished - self.tally.broken


def _silent(_: Tally) -> None:
    """Nobody watches."""


class JudgeRun:
    """One go at the rows of a dataset: the workers and what they share."""

    def __init__(
        self, judge: Judge, cache: ReplyCache, account: Account, report: Report | None = None
    ) -> None:
        self._judge, self._account = judge, account
        self._asker = Asker(judge, cache, account)
        self._report = report or _silent
        self._judgements: dict[int, tuple[Judgement, ...]] = {}
        self._workers: list[asyncio.Task[None]] = []
        self._total = self._unscored = self._broken = self._broken_in_a_row = 0
        self._next_usd: float | None = None
        self._draining = False

    async def run(self, cases: Cases, done: Collection[str], concurrency: int) -> Asked:
        """Judge the rows until none is left, the budget is used up, a signal stops it or a server refuses.

        `done` are the ids of rows that have their verdicts; what those have cost counts in the account.

        Raises:
            ChatServerError: the server refuses for good, or nothing but failures came back.
            StorageError: the disk refuses. In both cases what was committed to the cache stays.
        """
        self._asker.has_worked = bool(done)
        self._total = self._asker.take_stock(cases(), done)
        todo = enumerate(case for case in cases() if case.row_id not in done)
        crew = min(concurrency, self._total)
        self._workers = [asyncio.create_task(self._work(todo, crew)) for _ in range(crew)]
        if self._workers:
            with signals_to(self._on_signal):
                try:
                    await asyncio.wait(self._workers, return_when=asyncio.FIRST_EXCEPTION)
                finally:
                    await self._drop_workers()
        for worker in self._workers:
            if not worker.cancelled() and (error := worker.exception()):
                raise error
        judgements = tuple(judgement for _, row in sorted(self._judgements.items()) for judgement in row)
        return Asked(judgements, self._tally(), self._asker.spent, self._next_usd)

    async def _work(self, todo: Iterator[tuple[int, Case]], crew: int) -> None:
        for place, case in todo:
            await asyncio.sleep(0)  # a model that answers at once leaves no other gap for signals
            if self._draining or self._next_usd is not None:
                return
            await self._judge_row(place, case, crew)
            self._report(self._tally())

    async def _judge_row(self, place: int, case: Case, crew: int) -> None:
        try:
            readings = await self._asker.verdicts(case)
        except OverBudgetError as stop:
            self._next_usd = stop.most
        except ChatUnavailableError as error:
            self._broken += 1
            self._broken_in_a_row += 1
            self._check_patience(crew, error)
        else:
            self._broken_in_a_row = 0
            self._judgements[place] = self._judge.judgements(case.row_id, readings)
            self._unscored += readings[-1][0].verdict is None

    def _check_patience(self, crew: int, error: ChatUnavailableError) -> None:
        """Stop when nothing but failures comes back: at once at the start, later after two full crews."""
        patience = max(_FIRST, 2 * crew) if self._asker.has_worked else min(_FIRST, self._total)
        if self._broken_in_a_row >= patience:
            raise ChatServerError(
                f"{self._broken_in_a_row} rows in a row could not be judged, the last because: {error} "
                "Replies that came are kept: run the same command again once the server answers."
            )

    async def _drop_workers(self) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    def _on_signal(self) -> None:
        """The first signal drains, the second drops what is under way."""
        if self._draining:
            for worker in self._workers:
                worker.cancel()
        self._draining = True
        self._report(self._tally())

    def _tally(self) -> Tally:
        return Tally(
            self._total,
            len(self._judgements),
            self._unscored,
            self._broken,
            self._asker.requests,
            self._account.spent,
            self._account.usd,
            self._account.budget,
            self._draining,
        )
