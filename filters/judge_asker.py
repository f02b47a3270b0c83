"""One row to its verdicts: what needs no asking, the two turns, the cache, the account.

Every reply is committed to the cache before it is looked at. Equal rows share their replies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator

from ..builder.chat.model import (
    ChatRequest,
    ChatUnavailableError,
    Completion,
    ContextLengthError,
    UnreadableReplyError,
)
from ..builder.schema import Message
from .judge_budget import Account
from .judge_cache import ReplyCache, Spent
from .judge_model import Judge, Work
from .judge_prompts import Case
from .judge_verdict import Reading, read_verdict

Judged = tuple[Reading, Work]

REASKS = 2
"""How often a reply that came and cannot be read is asked for again."""

_PAUSE_S = 0.5
_NOTHING_YET = Completion(Message("assistant", ""), "stop")


class OverBudgetError(Exception):
    """The next row does not fit into the budget; `most` is what it could cost, in USD."""

    def __init__(self, most: float) -> None:
        super().__init__()
        self.most = most


def without_asking(case: Case) -> Reading | None:
    """The verdict that needs no model, as in `scoring.score_answer`: no answer is no right answer, and where
    infrastructure broke the rollout or no gold answer is known there is none."""
    if not case.completed:
        return Reading(None, None, "not asked: the rollout did not complete")
    if not any(gold.strip() for gold in case.gold_answers):
        return Reading(None, None, "not asked: the question has no gold answer")
    if case.answer is None or not case.answer.strip():
        return Reading(False, None, "not asked: there is no answer")
    return None


class Asker:
    """Asks a judge. `requests` and `spent` are its own; the account holds what earlier runs have paid too."""

    def __init__(self, judge: Judge, cache: ReplyCache, account: Account) -> None:
        self.requests = 0
        self.spent = Spent()
        self._judge, self._cache, self._account = judge, cache, account
        self._under_way: dict[str, asyncio.Event] = {}
        self.has_worked = False

    def take_stock(self, cases: Iterable[Case], done: Collection[str]) -> int:
        """Charge what was paid for these rows before; how many of them are not done."""
        seen: set[str] = set()
        total = 0
        for case in cases:
            total += case.row_id not in done
            for request in self._known_turns(case) if without_asking(case) is None else ():
                self._charge_once(request, seen)
        return total

    def _charge_once(self, request: ChatRequest, seen: set[str]) -> None:
        key = self._judge.key(request)
        if key not in seen and (entry := self._cache.get(key)):
            self._account.charge(entry.spent, self._most(request))
        seen.add(key)

    async def verdicts(self, case: Case) -> tuple[Judged, ...]:
        """The verdict of the first turn and, where the judge reflects, of the second.

        Raises:
            OverBudgetError: the row was not begun.
            ChatUnavailableError: a server broke it.
            ChatServerError: the server refuses for good.
            StorageError: the disk refuses.
        """
        if (reading := without_asking(case)) is not None:
            return ((reading, Work()),) * len(self._judge.hashes)
        request = self._judge.first(case)
        key = self._judge.key(request)
        while (begun := self._under_way.get(key)) is not None:
            await begun.wait()
        self._under_way[key] = asyncio.Event()
        try:
            return await self._turns(request)
        finally:
            self._under_way.pop(key).set()

    async def _turns(self, request: ChatRequest) -> tuple[Judged, ...]:
        most = self._most_of_row(request)
        async with self._account.set_aside(most) as granted:
            if not granted:
                raise OverBudgetError(most)
            first, completion = await self._turn(request)
            if not self._judge.reflect:
                return (first,)
            if completion is None or first[0].verdict is None:
                return (first, (Reading(None, None, "not asked: there is no first verdict"), first[1]))
            second, _ = await self._turn(self._judge.second(request, completion))
            return (first, (second[0], first[1] + second[1]))

    async def _turn(self, request: ChatRequest) -> tuple[Judged, Completion | None]:
        try:
            completion = await self._reply(request)
        except ContextLengthError as error:
            if not self.has_worked:  # then it is rather a setting than this row
                raise ChatUnavailableError(f"{error} Lower --max-tokens, or take --mode answer.") from error
            return (Reading(None, None, f"not judged: too long for the model ({error})"), Work()), None
        self.has_worked = True
        return (read_verdict(completion), Work.of(completion)), completion

    async def _reply(self, request: ChatRequest) -> Completion:
        """The reply from the cache, or else the model's."""
        key = self._judge.key(request)
        if known := self._known(request):
            return known
        return await self._attempt(key, request, REASKS)

    async def _attempt(self, key: str, request: ChatRequest, more: int) -> Completion:
        try:
            return await self._ask(key, request)
        except UnreadableReplyError:
            async with self._account.set_aside(self._most(request), wait=False) as granted:
                if not more or not granted:
                    raise
                await asyncio.sleep(_PAUSE_S)
                return await self._attempt(key, request, more - 1)

    async def _ask(self, key: str, request: ChatRequest) -> Completion:
        self.requests += 1
        try:
            completion = await self._judge.model.complete(request)
        except UnreadableReplyError as error:
            self._pay(self._cache.waste(key, error.prompt_tokens, error.completion_tokens), request)
            raise
        self._pay(self._cache.put(key, completion), request)
        return completion

    def _pay(self, spent: Spent, request: ChatRequest) -> None:
        self.spent += spent
        self._account.charge(spent, self._most(request))

    def _most(self, request: ChatRequest) -> float:
        return self._account.most(*self._judge.most_tokens(request))

    def _most_of_row(self, request: ChatRequest) -> float:
        """What the turns that are not in the cache can cost."""
        known = self._known(request)
        most = 0.0 if known else self._most(request)
        if not self._judge.reflect:
            return most
        second = self._judge.second(request, known or _NOTHING_YET)
        if known and self._known(second):
            return most
        read, written = self._judge.most_tokens(second)
        return most + self._account.most(read if known else read + written, written)

    def _known(self, request: ChatRequest) -> Completion | None:
        entry = self._cache.get(self._judge.key(request))
        return entry.completion if entry else None

    def _known_turns(self, case: Case) -> Iterator[ChatRequest]:
        """The requests of a row as far as the cache tells them."""
        request = self._judge.first(case)
        yield request
        if self._judge.reflect and (known := self._known(request)):
            yield self._judge.second(request, known)
