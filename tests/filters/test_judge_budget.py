"""The account: what was spent, what is set aside, when to wait and when to stop."""

import asyncio
import random

import pytest
from trajset.filters.judge_budget import Account, Prices
from trajset.filters.judge_cache import Spent


def test_prices_are_per_million_tokens():
    assert Prices(1.25, 10).cost(1_000_000, 100_000) == pytest.approx(2.25)


def test_without_prices_the_cost_is_unknown_and_not_zero():
    account = Account()
    account.charge(Spent(100, 20), 0.0)
    assert account.usd is None
    assert account.spent == Spent(100, 20)


def test_a_reply_without_a_count_is_charged_with_the_most_it_can_have_cost():
    account = Account(Prices(1, 1), 10)
    account.charge(Spent.of(None, 5), 0.25)
    account.charge(Spent.of(500_000, 0), 0.25)
    assert account.usd == pytest.approx(0.75)
    assert account.spent.unmetered == 1


def test_nothing_is_begun_that_could_exceed_the_budget():
    async def go() -> list[bool]:
        account = Account(Prices(1, 1), 1.0)
        granted: list[bool] = []
        async with account.set_aside(0.6) as first, account.set_aside(0.6, wait=False) as second:
            granted += [first, second]
        async with account.set_aside(0.6) as third:
            granted.append(third)
        async with account.set_aside(1.1) as fourth:
            granted.append(fourth)
        return granted

    assert asyncio.run(go()) == [True, False, True, False]


def test_who_does_not_fit_waits_for_what_is_under_way():
    async def go() -> tuple[float, float]:
        account, draw = Account(Prices(1, 1), 1.0), random.Random(1)
        highest = 0.0

        async def row() -> None:
            nonlocal highest
            async with account.set_aside(0.3) as granted:
                if granted:
                    await asyncio.sleep(draw.uniform(0, 0.005))
                    account.charge(Spent(draw.randrange(10_000, 30_000), 0), 0.3)
                    highest = max(highest, account.usd or 0)

        await asyncio.gather(*[row() for _ in range(200)])
        return highest, account.usd or 0

    highest, spent = asyncio.run(go())
    assert 0.7 < spent == highest <= 1.0
