"""A small deterministic collection job, for tests in this process and, as a program, in one that gets killed.

python scripted_collection.py OUT QUESTIONS SEED_OF_DELAYS LONGEST_DELAY_S
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from trajset.builder.chat.model import ChatModel, ChatRequest, Completion
from trajset.builder.chat.scripted import Reply, ScriptedChat
from trajset.builder.collect import Collected, Tally, collect
from trajset.builder.collect_job import CollectJob
from trajset.builder.prompts import Call, Turn, load_prompt, render_turn
from trajset.builder.retrieval.retriever import DictRetriever
from trajset.builder.rollout import Agent, Limits
from trajset.builder.schema import Hit, JsonObject, Passage, Question, Row

QUESTIONS = tuple(
    Question(f"q{number:03}", "demo", f"What is {number}?", (f"answer {number}",), 1, ("A page",))
    for number in range(200)
)
PASSAGE = Passage("p1", "A page", "Text of the page. " * 20)


def reply(request: ChatRequest) -> Reply:
    """Searches once to three times, then answers, as the request's seed decides."""
    draw = random.Random(request.seed)
    searches = sum(message.is_model for message in request.messages)
    if searches == 0 or (searches < 3 and draw.random() < 0.5):
        turn = Turn("thinking", "", (Call("search", {"query": f"query {draw.randrange(5)}"}),))
    else:
        turn = Turn(None, "", answer=f"answer {draw.randrange(10)}")
    message = render_turn(turn, "tools")
    return Completion(message, "stop", 100 + searches, draw.randrange(50))


def job(out: Path, script: Callable[[ChatRequest], Reply] = reply, **changes: object) -> CollectJob:
    """Twenty questions, four at a time; `changes` are fields of the job."""
    model: ChatModel = ScriptedChat(script)
    hits = {f"query {number}": [Hit(PASSAGE, 1.0)] for number in range(4)}
    agent = Agent(model, DictRetriever(hits), load_prompt("adaptive", "tools"), limits=Limits(turns=5))
    return replace(CollectJob(QUESTIONS[:20], agent, out, concurrency=4), **changes)


def with_delays(asked: CollectJob, seed: int, longest_s: float) -> CollectJob:
    """The same job with a model that takes its time."""
    draw = random.Random(seed)
    model = ScriptedChat(reply, delay=lambda _: draw.uniform(0, longest_s))
    return replace(asked, agent=replace(asked.agent, model=model))


def content(row: Row) -> JsonObject:
    """A row without what a clock decides."""
    record = row.to_record()
    return {key: record[key] for key in record if key not in ("created_at", "latency_s", "search_latency_s")}


def _say(tally: Tally) -> None:
    sys.stdout.write(f"{tally.finished} {tally.draining}\n")
    sys.stdout.flush()


def _main(out: str, questions: str, seed: str, longest_s: str) -> None:
    asked = job(Path(out), questions=QUESTIONS[: int(questions)], concurrency=8, resume=True)
    result = asyncio.run(_collect(with_delays(asked, int(seed), float(longest_s))))
    sys.stdout.write(f"{result.complete} {result.interrupted} {result.next_step()}\n")


async def _collect(asked: CollectJob) -> Collected:
    # The loop comes to this only when the workers are under way.
    asyncio.get_running_loop().call_soon(lambda: (sys.stdout.write("begun\n"), sys.stdout.flush()))
    return await collect(asked, _say)


if __name__ == "__main__":
    _main(*sys.argv[1:])
