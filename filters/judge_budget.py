"""What judging costs, and a budget that is not exceeded.

Before a request is sent, the most that it can cost is set aside: a tokenizer makes at most one token of a
byte, and a reply has at most `max_tokens`. When the reply is there, what it did cost counts instead. So a
request is sent only when spent + set aside + the most that it can cost stays within the budget, with all
requests under way set aside. Prices are list prices; discounts (cached input, batches) only make it cheaper.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from .judge_cache import Spent

_MILLION = 1_000_000
TEMPLATE_TOKENS = 256
"""Set aside for what a server's chat template adds to a request."""


@dataclass(frozen=True, slots=True)
class Prices:
    """USD per million tokens read and written."""

    per_million_in: float
    per_million_out: float

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """In USD."""
        return (prompt_tokens * self.per_million_in + completion_tokens * self.per_million_out) / _MILLION


class Account:
    """What was spent, in tokens and, where prices are known, in USD; and what is set aside.

    A reply without a token count is charged with the most that it can have cost.
    """

    def __init__(self, prices: Prices | None = None, budget: float | None = None) -> None:
        self.spent = Spent()
        self._prices, self._budget = prices, budget
        self._charged = self._set_aside = 0.0
        self._under_way = 0
        self._changed = asyncio.Condition()

    @property
    def usd(self) -> float | None:
        """Spent so far; None without prices."""
        return None if self._prices is None else self._charged

    @property
    def budget(self) -> float | None:
        """The most that may be spent, in USD; None where nothing limits it."""
        return self._budget

    def most(self, prompt_tokens: int, completion_tokens: int) -> float:
        """What that many tokens cost, in USD; 0 without prices."""
        return self._prices.cost(prompt_tokens, completion_tokens) if self._prices else 0.0

    def charge(self, spent: Spent, most: float) -> None:
        """Count replies; `most` is what one without a token count can have cost."""
        self.spent += spent
        if self._prices is not None:
            self._charged += self._prices.cost(spent.prompt_tokens, spent.completion_tokens)
            self._charged += most * spent.unmetered

    def fits(self, most: float) -> bool:
        """Whether that much may still be spent, besides all that is set aside."""
        return self._budget is None or self._charged + self._set_aside + most <= self._budget

    @asynccontextmanager
    async def set_aside(self, most: float, wait: bool = True) -> AsyncGenerator[bool]:
        """Set that much aside for the block; False where it does not fit.

        With `wait` that is only said when nothing is under way any more: what is may turn out cheaper than
        what was set aside for it. Who has set something aside already must not wait for more.
        """
        async with self._changed:
            if wait:
                await self._changed.wait_for(lambda: self.fits(most) or not self._under_way)
            granted = self.fits(most)
            self._take(most, granted)
        try:
            yield granted
        finally:
            async with self._changed:
                self._take(-most, -granted)
                self._changed.notify_all()

    def _take(self, most: float, count: int) -> None:
        """Set aside, or with negative numbers give back; nothing is left over of rounding."""
        self._under_way += count
        self._set_aside = self._set_aside + most * abs(count) if self._under_way else 0.0
