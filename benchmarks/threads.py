"""A call that does nothing, made in a thread: `builder/threads.py` beside a `concurrent.futures` executor.

    python benchmarks/threads.py [--calls 20000] [--at-once 64]

Microseconds a call: wall time, CPU of the process, CPU of the event loop's thread. Best of five, in turns;
the ratio is that of the event loop's.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from machine import describe
from trajset.builder.event_loop import run_in_loop
from trajset.builder.threads import Threads

MOST = 256
Costs = tuple[float, float, float]


async def measured(call: Callable[[], Awaitable[object]], calls: int, at_once: int) -> Costs:
    """Microseconds a call, of wall time, of the process and of the loop's thread."""
    left = iter(range(calls))

    async def caller() -> None:
        for _ in left:
            await call()

    before = time.perf_counter(), time.process_time(), time.thread_time()
    await asyncio.gather(*(caller() for _ in range(at_once)))
    after = time.perf_counter(), time.process_time(), time.thread_time()
    wall, process, loop = (1e6 * (end - start) / calls for start, end in zip(before, after, strict=True))
    return wall, process, loop


async def compare(calls: int, at_once: int) -> None:
    """Print both."""
    loop = asyncio.get_running_loop()
    executor, threads = ThreadPoolExecutor(MOST), Threads(MOST, "bench")
    ways: dict[str, Callable[[], Awaitable[object]]] = {
        "executor": lambda: loop.run_in_executor(executor, int),
        "threads": lambda: threads.run(int),
    }
    costs: dict[str, list[Costs]] = {name: [] for name in ways}
    for _ in range(5):
        for name, call in ways.items():
            costs[name].append(await measured(call, calls, at_once))
    threads.close()
    best = {name: min(found, key=lambda cost: cost[2]) for name, found in costs.items()}
    print(f"{'':<10}{'wall':>9}{'process':>9}{'loop':>9}  us a call")
    for name, (wall, process, own) in best.items():
        print(f"{name:<10}{wall:>9.1f}{process:>9.1f}{own:>9.1f}")
    print(f"the loop's share: {best['executor'][2] / best['threads'][2]:.1f}x")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--at-once", type=int, default=64)
    asked = parser.parse_args()
    print(describe("uvloop"))
    run_in_loop(compare(asked.calls, asked.at_once))
