"""What collecting costs beside waiting for the model.

2,000 rollouts of 4 turns (three searches and an answer) against a scripted server in a process of its own
(`lean_server.py`) that answers after 50 ms, 256 rollouts under way at once. Measured one after the other, the
same server for all:

    ideal          ceil(2000 / 256) waves x 4 turns x 50 ms, with nothing to compute
    aiohttp        the same requests sent by bare aiohttp, replies parsed as JSON, nothing else
    openai         the same requests through `AsyncOpenAI.chat.completions.create`, the documented way
    trajset        all of `collect`: requests, parsing, searches, scoring, a journal commit a rollout

    python benchmarks/collect_overhead.py [--rollouts 2000] [--concurrency 256] [--latency 0.05] [--repeat 3]

Of the repetitions the one with the least wall time counts. CPU is of this process alone, a turn.

    python benchmarks/collect_overhead.py --memory [--rollouts 20000]

collects that many rollouts with a latency of 1 ms and prints the resident memory of this process on the way.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import orjson
from openai import AsyncOpenAI, DefaultAioHttpClient
from trajset.builder.chat.model import ChatRequest, Sampling
from trajset.builder.chat.openai_client import Endpoint, OpenAIChat
from trajset.builder.chat.wire import write_request
from trajset.builder.collect import Report, Tally, collect
from trajset.builder.collect_job import CollectJob
from trajset.builder.event_loop import run_in_loop
from trajset.builder.prompts import load_prompt, observation_text
from trajset.builder.retrieval.retriever import DictRetriever
from trajset.builder.rollout import Agent
from trajset.builder.schema import Hit, JsonObject, Message, Passage, Question, SearchCall

TURNS = 4
SERVER = Path(__file__).resolve().with_name("lean_server.py")
PASSAGES = [
    Hit(
        Passage(f"p{number}", f"Page {number}", "A sentence of a passage in the corpus. " * 12), 10.0 - number
    )
    for number in range(5)
]
QUERY = "who directed the film"


@dataclass(frozen=True, slots=True)
class Load:
    """How much, how many at once, and how slow the server is."""

    rollouts: int
    concurrency: int
    latency_s: float
    repeat: int = 1

    @property
    def ideal_s(self) -> float:
        """Wall time if nothing but the waiting took time."""
        return math.ceil(self.rollouts / self.concurrency) * TURNS * self.latency_s


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of wall time and of this process's CPU time."""

    wall_s: float
    cpu_s: float


async def measured(work: Callable[[], Awaitable[object]]) -> Taken:
    """Wall and CPU time of some work."""
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    return Taken(time.perf_counter() - wall, time.process_time() - cpu)


def bodies() -> list[JsonObject]:
    """The requests of one rollout, as they stand on the wire."""
    prompt = load_prompt("always_search", "tools")
    messages = [Message("system", prompt.text), Message("user", "Who directed the film of the year?")]
    call = {"id": "call_0", "type": "function", "function": {"name": "search", "arguments": {"query": QUERY}}}
    found = observation_text(SearchCall(QUERY, tuple(PASSAGES)))
    requests: list[JsonObject] = []
    for turn in range(TURNS):
        request = ChatRequest(tuple(messages), prompt.tools, Sampling(), seed=turn)
        requests.append(orjson.loads(write_request("teacher", request)))
        messages += [
            Message("assistant", "", tool_calls=(call,)),
            Message("tool", found, tool_call_id="call_0"),
        ]
    return requests


async def in_parallel(load: Load, one_rollout: Callable[[], Awaitable[None]]) -> None:
    """Run the rollouts with a fixed number of workers."""
    left = iter(range(load.rollouts))

    async def worker() -> None:
        for _ in left:
            await one_rollout()

    await asyncio.gather(*(worker() for _ in range(load.concurrency)))


async def bare_aiohttp(url: str, load: Load) -> Taken:
    """The floor: the requests, and their replies parsed as JSON."""
    requests = bodies()
    connector = aiohttp.TCPConnector(limit=load.concurrency)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def one_rollout() -> None:
            for body in requests:
                async with session.post(f"{url}/chat/completions", data=orjson.dumps(body)) as response:
                    orjson.loads(await response.read())

        return await measured(lambda: in_parallel(load, one_rollout))


async def openai_library(url: str, load: Load) -> Taken:
    """The library as documented: keyword arguments in, a pydantic model out."""
    requests = bodies()
    for body in requests:
        body["extra_body"] = {"top_k": body.pop("top_k")}
    async with AsyncOpenAI(base_url=url, api_key="none", http_client=DefaultAioHttpClient()) as client:

        async def one_rollout() -> None:
            for body in requests:
                await client.chat.completions.create(**body)

        return await measured(lambda: in_parallel(load, one_rollout))


async def trajset_collect(url: str, load: Load, report: Report | None = None) -> Taken:
    """The whole collector."""
    questions = tuple(
        Question(f"q{number}", "bench", f"Who directed film {number}?", ("Oslo",), 2, ("Page 1", "Page 7"))
        for number in range(load.rollouts)
    )
    model = OpenAIChat(Endpoint("teacher", url))
    agent = Agent(model, DictRetriever({QUERY: PASSAGES}), load_prompt("always_search", "tools"))
    with tempfile.TemporaryDirectory() as folder:
        job = CollectJob(questions, agent, Path(folder), concurrency=load.concurrency)
        taken = await measured(lambda: collect(job, report))
    await model.aclose()
    return taken


Way = Callable[[str, Load], Coroutine[object, object, Taken]]


def best(way: Way, url: str, load: Load) -> Taken:
    """The quickest of the repetitions: a busy machine only ever adds."""
    return min((run_in_loop(way(url, load)) for _ in range(load.repeat)), key=lambda taken: taken.wall_s)


def show(name: str, taken: Taken, load: Load) -> None:
    """One line of the table."""
    cpu_ms = 1000 * taken.cpu_s / (load.rollouts * TURNS)
    print(f"{name:<12}{taken.wall_s:8.2f} s{taken.wall_s / load.ideal_s:8.2f} x{cpu_ms:10.3f} ms")


def compare(url: str, load: Load) -> None:
    """Measure all three, one after the other."""
    print(f"{'':<12}{'wall':>10}{'/ ideal':>10}{'CPU a turn':>13}")
    show("ideal", Taken(load.ideal_s, 0.0), load)
    show("aiohttp", best(bare_aiohttp, url, load), load)
    show("trajset", best(trajset_collect, url, load), load)
    show("openai", best(openai_library, url, replace(load, repeat=1)), load)


def resident_mb() -> float:
    """Resident memory of this process in MB, by `/proc` (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def memory(url: str, load: Load) -> None:
    """Resident memory after 10, 25, 50, 75 and 100 % of the rollouts, and the growth since the first."""
    marks = [load.rollouts * share // 100 for share in (10, 25, 50, 75, 100)]
    seen: dict[int, float] = {}

    def look(tally: Tally) -> None:
        if tally.made in marks:
            seen[tally.made] = resident_mb()

    taken = run_in_loop(trajset_collect(url, load, look))
    for made, size in seen.items():
        print(f"{made:>8} rollouts{size:10.1f} MB{size - seen[marks[0]]:+10.1f} MB")
    print(f"{load.rollouts * TURNS / taken.wall_s:.0f} turns/s")


def options() -> argparse.Namespace:
    """What stands on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--memory", action="store_true", help="watch the memory instead of the time")
    parser.add_argument("--rollouts", type=int, help="2000, for --memory 20000")
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--latency", type=float, help="seconds a reply takes: 0.05, for --memory 0.001")
    parser.add_argument("--repeat", type=int, default=3)
    return parser.parse_args()


def main() -> None:
    """Start the server, measure, print."""
    asked = options()
    rollouts, latency_s = (20_000, 0.001) if asked.memory else (2_000, 0.05)
    load = Load(asked.rollouts or rollouts, asked.concurrency, asked.latency or latency_s, asked.repeat)
    command = [sys.executable, str(SERVER), "--turns", str(TURNS), "--latency", str(load.latency_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        (memory if asked.memory else compare)(url, load)
        server.communicate()


if __name__ == "__main__":
    main()
