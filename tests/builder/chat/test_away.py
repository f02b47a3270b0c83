"""A server that is away: rollouts wait for it, and the wait is nobody's slowness."""

import asyncio

import pytest
from trajset.builder.chat.away import ServerAwayError
from trajset.builder.chat.model import ChatRequest, Completion
from trajset.builder.errors import ChatServerError
from trajset.builder.prompts import load_prompt
from trajset.builder.retrieval.retriever import DictRetriever
from trajset.builder.rollout import Agent, Limits, rollout
from trajset.builder.schema import Message, Question, StopReason, Trajectory

QUESTION = Question("q", "demo", "Who?", ("me",))


class Away:
    """A model whose server is away at the given requests, for a while."""

    name, revision = "away", None

    def __init__(self, away_at: set[int], away_s: float | None, *, lost: bool, reply_s: float = 0.0) -> None:
        """`away_s` is None for ever."""
        self.away_at, self.away_s, self.lost, self.reply_s = away_at, away_s, lost, reply_s
        self.asked = 0

    async def complete(self, request: ChatRequest) -> Completion:
        self.asked += 1
        if self.asked in self.away_at:
            raise ServerAwayError("The server died.", self._back, lost=self.lost)
        await asyncio.sleep(self.reply_s)
        return Completion(Message("assistant", "<answer>me</answer>"), "stop", 1, 1)

    async def _back(self) -> None:
        if self.away_s is None:
            raise ChatServerError("died after 5 restarts")
        await asyncio.sleep(self.away_s)

    async def aclose(self) -> None:
        pass


def run(model: Away, limits: Limits) -> Trajectory:
    agent = Agent(model, DictRetriever({}), load_prompt("adaptive", "tags"), limits=limits)
    return asyncio.run(rollout(QUESTION, agent, 0))


def test_the_deadline_stands_still_while_the_server_is_away():
    trajectory = run(Away({1, 2}, 0.4, lost=True), Limits(time_s=0.3))
    assert trajectory.outcome.stop_reason is StopReason.ANSWERED
    assert trajectory.cost.latency_s < 0.3


def test_it_goes_on_afterwards():
    model = Away({1}, 0.3, lost=False, reply_s=5.0)
    trajectory = run(model, Limits(time_s=0.2, reply_s=0.1))
    assert trajectory.outcome.stop_reason is StopReason.INFRASTRUCTURE
    assert trajectory.outcome.error is not None
    assert "no reply for 0 s when the deadline of 0.2 s passed" in trajectory.outcome.error


def test_a_request_that_is_lost_three_times_is_given_up():
    model = Away(set(range(1, 99)), 0.0, lost=True)
    trajectory = run(model, Limits())
    assert trajectory.outcome.stop_reason is StopReason.INFRASTRUCTURE
    assert trajectory.outcome.error == "ChatUnavailableError: The server died. It was asked 3 times."
    assert model.asked == 3


def test_a_server_that_was_not_asked_yet_may_be_waited_for_as_often_as_it_takes():
    model = Away(set(range(1, 10)), 0.0, lost=False)
    assert run(model, Limits()).outcome.stop_reason is StopReason.ANSWERED


def test_a_server_that_stays_away_stops_the_run():
    with pytest.raises(ChatServerError, match="after 5 restarts"):
        run(Away({1}, None, lost=True), Limits())
