"""What collecting costs beside waiting for the model.

1,000 rollouts of 4 turns (three searches and an answer) against a scripted server in a process of its own
that answers after 50 ms, 128 rollouts under way at once. Measured in one run, the same server for all:

    ideal          ceil(1000 / 128) waves x 4 turns x 50 ms, with nothing to compute
    aiohttp        the same requests sent by bare aiohttp: the floor of the transport
    openai         the same requests through `AsyncOpenAI.chat.completions.create`, the documented way
    trajset        all of `collect`: requests, parsing, searches, scoring, a journal commit a rollout

    python benchmarks/collect_overhead.py [--rollouts 1000] [--concurrency 128] [--latency 0.05]

CPU is of this process alone, a turn.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson
from openai import AsyncOpenAI, DefaultAioHttpClient
from trajset.builder.chat.model import ChatRequest, Sampling
from trajset.builder.chat.openai_client import Endpoint, OpenAIChat
from trajset.builder.chat.wire import write_request
from trajset.builder.collect import collect
from trajset.builder.collect_job import CollectJob
from trajset.builder.prompts import load_prompt, observation_text
from trajset.builder.retrieval.retriever import DictRetriever
from trajset.builder.rollout import Agent
from trajset.builder.schema import Hit, JsonObject, Message, Passage, Question, SearchCall

TURNS = 4
SERVER = Path(__file__).resolve().parents[1] / "tests" / "chat_server.py"
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


async def trajset_collect(url: str, load: Load) -> Taken:
    """The whole collector."""
    questions = tuple(
        Question(f"q{number}", "bench", f"Who directed film {number}?", ("Oslo",), 2, ("Page 1", "Page 7"))
        for number in range(load.rollouts)
    )
    model = OpenAIChat(Endpoint("teacher", url))
    agent = Agent(model, DictRetriever({QUERY: PASSAGES}), load_prompt("always_search", "tools"))
    with tempfile.TemporaryDirectory() as folder:
        job = CollectJob(questions, agent, Path(folder), concurrency=load.concurrency)
        taken = await measured(lambda: collect(job))
    await model.aclose()
    return taken


def show(name: str, taken: Taken, load: Load) -> None:
    """One line of the table."""
    cpu_ms = 1000 * taken.cpu_s / (load.rollouts * TURNS)
    print(f"{name:<12}{taken.wall_s:8.2f} s{taken.wall_s / load.ideal_s:8.2f} x{cpu_ms:10.3f} ms")


async def compare(url: str, load: Load) -> None:
    """Measure all three, one after the other."""
    print(f"{'':<12}{'wall':>10}{'/ ideal':>10}{'CPU a turn':>13}")
    show("ideal", Taken(load.ideal_s, 0.0), load)
    show("aiohttp", await bare_aiohttp(url, load), load)
    show("openai", await openai_library(url, load), load)
    show("trajset", await trajset_collect(url, load), load)


def main() -> None:
    """Start the server, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rollouts", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=128)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds the server takes to answer")
    options = parser.parse_args()
    load = Load(options.rollouts, options.concurrency, options.latency)
    command = [sys.executable, str(SERVER), "--turns", str(TURNS), "--latency", str(load.latency_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        asyncio.run(compare(url, load))
        server.communicate()


if __name__ == "__main__":
    main()
