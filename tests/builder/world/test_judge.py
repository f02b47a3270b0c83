"""The simulated judge: its knobs are its error rates, its verdicts repeatable, its name tells all."""

import asyncio
import json

import pytest
from trajset.builder.chat.fence import Section, fenced
from trajset.builder.chat.model import ChatRequest, Sampling
from trajset.builder.config import JudgeKnobs
from trajset.builder.schema import Message
from trajset.builder.world.judge import SimulatedJudge


def request(number: int, right: bool, earlier: tuple[str, ...] = (), seed: int = 0) -> ChatRequest:
    data = fenced(
        [
            Section("question", f"Who founded town {number}?"),
            Section("gold answers", '["Ada Orvel"]'),
            Section("answer", "It was Ada Orvel." if right else "Ada Norvel"),
        ]
    )
    messages = [Message("system", "Judge."), Message("user", f"{data}\n\nYour verdict?")]
    for reply in earlier:
        messages += [Message("assistant", reply), Message("user", "Sure?")]
    return ChatRequest(tuple(messages), (), Sampling(), seed)


def reply(judge: SimulatedJudge, asked: ChatRequest) -> str:
    return asyncio.run(judge.complete(asked)).message.content


def share_correct(judge: SimulatedJudge, right: bool, turns: int = 1, number: int = 1500) -> float:
    async def go() -> int:
        accepted = 0
        for n in range(number):
            earlier: tuple[str, ...] = ()
            for _ in range(turns):
                completion = await judge.complete(request(n, right, earlier))
                earlier = (*earlier, completion.message.content)
            accepted += json.loads(earlier[-1])["verdict"] == "correct"
        return accepted

    return asyncio.run(go()) / number


def test_its_error_rates_are_its_knobs():
    judge = SimulatedJudge(JudgeKnobs(accepts_wrong=0.3, rejects_right=0.1, mends=0.5, spoils=0.2))
    assert share_correct(judge, right=False) == pytest.approx(0.3, abs=0.04)
    assert share_correct(judge, right=True) == pytest.approx(0.9, abs=0.03)
    assert share_correct(judge, right=False, turns=2) == pytest.approx(0.3 * 0.5 + 0.7 * 0.2, abs=0.04)
    assert share_correct(judge, right=True, turns=2) == pytest.approx(0.9 * 0.8 + 0.1 * 0.5, abs=0.04)


def test_without_errors_it_judges_as_the_oracle_does():
    judge = SimulatedJudge(JudgeKnobs(0, 0, 0, 0))
    assert share_correct(judge, right=True, number=20) == 1
    assert share_correct(judge, right=False, number=20) == 0


def test_the_same_row_is_judged_alike_and_another_seed_draws_anew():
    judge = SimulatedJudge(JudgeKnobs(accepts_wrong=0.5))
    first = [reply(judge, request(n, right=False)) for n in range(40)]
    assert first == [reply(judge, request(n, right=False)) for n in range(40)]
    assert first != [reply(judge, request(n, right=False, seed=1)) for n in range(40)]


def test_its_knobs_stand_in_its_name():
    knobs = JudgeKnobs(0.3, 0.05, 0.5, 0.02)
    name = "simulated(accepts_wrong=0.3, rejects_right=0.05, mends=0.5, spoils=0.02)"
    assert SimulatedJudge(knobs).name == name


def test_what_is_no_row_gets_no_verdict():
    asked = ChatRequest((Message("user", "Hello"),), (), Sampling(), 0)
    assert "verdict" not in reply(SimulatedJudge(JudgeKnobs()), asked)
