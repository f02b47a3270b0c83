"""Everything goes wrong at once, by seed: every question ends in a row or in a named failure to be retried.

5 % error statuses, 5 % timeouts, 2 % truncated replies, 2 % malformed tool calls, 5 % failing searches, and
a server that is away for a while. The replies depend on nothing but the conversation and its seed, so what
comes out in the end has to be what an undisturbed run makes.
"""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from chat_server import Answer, ChatServer, Json, calls, error, says
from scripted_collection import content
from trajset.builder.chat.openai_client import Endpoint, OpenAIChat
from trajset.builder.collect import Collected, Report, Tally, collect
from trajset.builder.collect_job import CollectJob
from trajset.builder.errors import ChatServerError, RetrieverError
from trajset.builder.event_loop import run_in_loop
from trajset.builder.identity import derived_seed
from trajset.builder.outage import IN_A_ROW
from trajset.builder.prompts import MALFORMED_ARGUMENTS, load_prompt
from trajset.builder.retrieval.retriever import DictRetriever
from trajset.builder.rollout import Agent, Limits
from trajset.builder.schema import Hit, JsonObject, Passage, Question, Row, StopReason

PASSAGE = Passage("p1", "A page", "Text of the page. " * 20)
QUESTIONS = tuple(Question(f"q{number:03}", "demo", f"What is {number}?", ("Oslo",)) for number in range(240))
TOO_LONG_S = 0.6


def malformed(seed: int) -> bool:
    return seed % 50 == 0


def reply(request: Json) -> Answer:
    """Two searches, then an answer; 2 % of the searches are no JSON."""
    turns = sum(message["role"] == "assistant" for message in request["messages"])
    if turns == 2:
        return says(f"<answer>{request['seed'] % 5}</answer>")
    return calls('{"query": "a' if malformed(request["seed"]) else '{"query": "a page"}')


@dataclass
class Faulty:
    """The same replies, some of them spoilt."""

    draw: random.Random = field(default_factory=lambda: random.Random(3))

    def __call__(self, request: Json) -> Answer:
        good, luck = reply(request), self.draw.random()
        if luck < 0.05:
            return error(500, "internal error")
        if luck < 0.10:
            return replace(good, delay_s=TOO_LONG_S)
        if luck < 0.12:
            return replace(good, body=good.body[: len(good.body) // 2])
        return good


@dataclass
class Failing:
    """A search engine of which every twentieth call fails, wherever it comes from."""

    draw: random.Random | None = field(default_factory=lambda: random.Random(4))
    name: str = "engine"
    corpus: str = "corpus"

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        if self.draw is not None and self.draw.random() < 0.05:
            raise RetrieverError("no engine")
        return DictRetriever({"a page": [Hit(PASSAGE, 1.0)]}).search(queries, k)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> list[JsonObject]:
    with ChatServer(reply) as server:
        result = run(job(tmp_path_factory.mktemp("undisturbed"), server.url, engine=Failing(None)))
    return [content(row) for row in result.rows()]


def job(out: Path, url: str, retries: int = 1, engine: Failing | None = None, **changes) -> CollectJob:
    model = OpenAIChat(Endpoint("teacher", url, timeout_s=TOO_LONG_S / 2, retries=retries))
    limits = Limits(search_pauses_s=(0.02,) * retries)
    agent = Agent(model, engine or Failing(), load_prompt("always_search", "tools"), limits=limits)
    return replace(CollectJob(QUESTIONS, agent, out, concurrency=32), **changes)


def run(asked: CollectJob, report: Report | None = None) -> Collected:
    async def go() -> Collected:
        try:
            return await collect(asked, report)
        finally:
            await asked.agent.model.aclose()

    return run_in_loop(go())


def broken(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.outcome.stop_reason is StopReason.INFRASTRUCTURE]


@contextmanager
def away(server: ChatServer, after: int, seconds: float) -> Iterator[None]:
    """Close the server's port for a while, once it has seen so many requests."""
    stopped = threading.Event()

    def pause() -> None:
        while len(server.requests) < after and not stopped.wait(0.005):
            pass
        server.__exit__()
        stopped.wait(seconds)
        server.__enter__()

    thread = threading.Thread(target=pause)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def test_every_fault_ends_in_a_row_or_in_a_failure_that_is_tried_again(tmp_path, undisturbed):
    with ChatServer(Faulty()) as server:
        first = run(job(tmp_path, server.url))
        rows = list(first.rows())
        second = run(job(tmp_path, server.url, retries=6, resume=True))
    assert first.complete
    assert [row.question.question_id for row in rows] == [question.question_id for question in QUESTIONS]
    named = {(row.outcome.error or "").split(":")[0] for row in broken(rows)}
    assert named
    assert named <= {"ChatUnavailableError", "UnreadableReplyError", "RetrieverError"}
    assert {row.scores.f1 for row in broken(rows)} == {None}
    assert second.next_step() is None
    assert [content(row) for row in second.rows()] == undisturbed


def test_malformed_calls_are_kept_and_are_the_models_fault(undisturbed):
    count = 0
    for row in undisturbed:
        turns = [message for message in row["messages"] if message["role"] == "assistant"]
        for number, turn in enumerate(turns[:2], start=1):
            arguments = turn["tool_calls"][0]["function"]["arguments"]
            assert (MALFORMED_ARGUMENTS in arguments) is malformed(derived_seed(row["seed"], number))
            count += MALFORMED_ARGUMENTS in arguments
        assert row["n_failed_searches"] == sum(search["error"] is not None for search in row["searches"])
    assert 0 < count == sum(row["n_failed_searches"] for row in undisturbed)
    assert {row["stop_reason"] for row in undisturbed} == {StopReason.ANSWERED}


@pytest.mark.parametrize(("seconds", "retries"), [(2.5, 1), pytest.param(60.0, 4, marks=pytest.mark.slow)])
def test_a_server_that_is_away_for_a_while_is_waited_for(tmp_path, undisturbed, seconds, retries):
    tallies: list[Tally] = []
    with ChatServer(Faulty()) as server, away(server, 100, seconds):
        started = time.monotonic()
        first = run(job(tmp_path, server.url, retries, outage_s=300.0), tallies.append)
        took = time.monotonic() - started
        refused = [row for row in broken(list(first.rows())) if "refused" in (row.outcome.error or "")]
        second = run(job(tmp_path, server.url, retries=6, resume=True))
    assert took > seconds
    assert first.complete
    assert len(refused) < 5 * IN_A_ROW
    assert [tally.outage.limit_s for tally in tallies if tally.outage][:1] == [300.0]
    assert [content(row) for row in second.rows()] == undisturbed


def test_an_outage_without_end_stops_the_run_and_costs_a_few_rollouts(tmp_path, undisturbed):
    with ChatServer(reply) as server:
        with (
            away(server, 100, 60.0),
            pytest.raises(ChatServerError, match=r"in a row.* for \d s, .*--resume"),
        ):
            run(job(tmp_path, server.url, retries=0, outage_s=1.5))
        second = run(job(tmp_path, server.url, retries=6, resume=True))
    assert second.next_step() is None
    assert [content(row) for row in second.rows()] == undisturbed
