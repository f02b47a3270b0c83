"""When a run waits and when it stops, as rollouts end one after another."""

import asyncio
from dataclasses import dataclass

import pytest
from trajset.builder.errors import ChatServerError, RetrieverError
from trajset.builder.outage import IN_A_ROW, OutageWatch
from trajset.builder.schema import Outcome, StopReason

WORKED = Outcome("Oslo", StopReason.ANSWERED)


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def watch(limit_s: float = 60.0, left: int = 100, started_before: bool = False) -> tuple[OutageWatch, Clock]:
    clock = Clock()
    return OutageWatch(limit_s, left, started_before, clock), clock


def broken(watching: OutageWatch, times: int, error: str = "ChatUnavailableError: gone") -> None:
    for _ in range(times):
        watching.note(Outcome(None, StopReason.INFRASTRUCTURE, error))
        watching.check()


def test_nothing_but_failures_at_the_start_stops_at_once():
    watching, _ = watch()
    broken(watching, IN_A_ROW - 1)
    with pytest.raises(ChatServerError, match=f"{IN_A_ROW} rollouts in a row.*the last by .*gone"):
        broken(watching, 1)


def test_a_small_run_stops_when_all_of_it_is_broken():
    watching, _ = watch(left=3)
    with pytest.raises(ChatServerError, match="3 rollouts"):
        broken(watching, 3)


def test_a_resumed_run_keeps_the_few_that_always_break():
    watching, _ = watch(left=3, started_before=True)
    broken(watching, 3)
    assert watching.outage is None


def test_failures_between_successes_are_no_outage():
    watching, _ = watch(limit_s=0.0)
    for _ in range(5):
        watching.note(WORKED)
        broken(watching, IN_A_ROW - 1)
    assert watching.outage is None


def test_an_outage_lasts_from_its_first_failure_until_something_works():
    watching, clock = watch()
    watching.note(WORKED)
    clock.now = 5.0
    broken(watching, 1)
    clock.now = 12.0
    broken(watching, IN_A_ROW - 1)
    assert watching.outage is not None
    assert (watching.outage.lasted_s, watching.outage.limit_s) == (7.0, 60.0)
    assert "gone" in watching.outage.error
    watching.note(WORKED)
    assert watching.outage is None


def test_an_outage_that_lasts_too_long_names_what_is_away():
    watching, clock = watch()
    watching.note(WORKED)
    broken(watching, IN_A_ROW, "RetrieverError: no engine")
    clock.now = 60.0
    with pytest.raises(RetrieverError, match=r"for 60 s, the last by RetrieverError: no engine"):
        watching.check()


def test_whoever_waits_is_woken_when_something_works():
    async def go() -> bool:
        watching, _ = watch()
        watching.note(WORKED)
        broken(watching, IN_A_ROW)
        waiting = asyncio.create_task(watching.wait(9))
        await asyncio.sleep(0)
        asleep = not waiting.done()
        watching.note(WORKED)
        await waiting
        return asleep

    assert asyncio.run(go())
