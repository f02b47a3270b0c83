"""Calls in threads: what comes of them, how many at once, and nothing that hangs."""

import asyncio
import subprocess
import sys
import threading

import pytest
from trajset.builder.errors import RetrieverError
from trajset.builder.threads import Threads


def test_results_and_errors_come_back_to_whoever_waits():
    def half(number: int) -> float:
        if number % 2:
            raise RetrieverError(f"{number} is odd")
        return number / 2

    async def ask() -> list[float | BaseException]:
        threads = Threads(4, "half")
        try:
            return await asyncio.gather(*(threads.run(half, n) for n in range(100)), return_exceptions=True)
        finally:
            threads.close()

    for number, result in enumerate(asyncio.run(ask())):
        if number % 2:
            assert isinstance(result, RetrieverError)
            assert str(result) == f"{number} is odd"
        else:
            assert result == number / 2


def test_an_error_that_no_future_takes_hangs_nobody():
    """A bug in a search engine: a future refuses StopIteration."""

    async def ask() -> None:
        threads = Threads(1, "ends")
        try:
            async with asyncio.timeout(5):
                await threads.run(next, iter(()))
        finally:
            threads.close()

    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(ask())


@pytest.mark.parametrize(("most", "calls"), [(3, 21), (64, 50)])
def test_calls_that_wait_get_as_many_threads_as_they_may(most, calls):
    together = threading.Barrier(min(most, calls), timeout=60)  # passed only where so many run at once
    names: set[str] = set()

    def meet() -> None:
        names.add(threading.current_thread().name)
        together.wait()

    async def ask() -> None:
        threads = Threads(most, "meeting")
        await asyncio.gather(*(threads.run(meet) for _ in range(calls)))
        threads.close()

    asyncio.run(ask())
    assert len(names) == min(most, calls)


def test_calls_one_after_another_need_one_thread_which_ends():
    names: set[str] = set()

    async def ask() -> None:
        threads = Threads(50, "lone")
        for _ in range(50):
            await threads.run(lambda: names.add(threading.current_thread().name))
        threads.close()

    asyncio.run(ask())
    assert names == {"lone-1"}
    for thread in threading.enumerate():
        if thread.name == "lone-1":
            thread.join(10)
            assert not thread.is_alive()


def test_who_does_not_wait_any_more_leaves_the_threads_usable():
    gate = threading.Event()

    async def ask() -> tuple[str, bool]:
        threads = Threads(1, "gated")
        dropped = asyncio.create_task(threads.run(gate.wait))
        await asyncio.sleep(0.05)
        dropped.cancel()
        waiting = asyncio.create_task(threads.run(lambda: "next"))
        await asyncio.sleep(0.05)
        done = waiting.done()
        gate.set()
        result = await waiting
        threads.close()
        return result, done

    assert asyncio.run(ask()) == ("next", False)


def test_a_call_that_hangs_does_not_keep_the_program_from_ending():
    script = """
import asyncio, threading
from trajset.builder.threads import Threads
async def main():
    hanging = asyncio.create_task(Threads(1, "x").run(threading.Event().wait))
    await asyncio.sleep(0.1)
    hanging.cancel()
asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60, check=False).returncode == 0
