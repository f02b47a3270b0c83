"""Several servers of one model: even load, conversations that stay where they are, servers that die."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from chat_server import ChatServer, calls, error, says
from trajset.builder.chat.balanced import Backend, BalancedChat
from trajset.builder.chat.model import ChatRequest, ChatUnavailableError, ContextLengthError, Sampling
from trajset.builder.chat.openai_client import Endpoint, OpenAIChat
from trajset.builder.chat.scripted import Reply, ScriptedChat
from trajset.builder.errors import ChatServerError, ServiceError
from trajset.builder.notices import Notices
from trajset.builder.schema import Message

SYSTEM = Message("system", "You search.")
DOWN = ChatUnavailableError("connection refused")


def request(question: str, turns: int = 0) -> ChatRequest:
    said = (Message("assistant", "<search>x</search>"), Message("user", "nothing")) * turns
    return ChatRequest((SYSTEM, Message("user", question), *said), (), Sampling(), seed=turns)


def scripted(*replies: Reply, delay_s: float = 0.0) -> ScriptedChat:
    """Answers with its replies in turn, the last one for ever."""
    left = list(replies)
    return ScriptedChat(lambda _: left.pop(0) if len(left) > 1 else left[0], delay=lambda _: delay_s)


def backends(*models: ScriptedChat) -> list[Backend]:
    return [Backend(f"http://server-{place}/v1", model) for place, model in enumerate(models)]


def ask_all(chat: BalancedChat, requests: Sequence[ChatRequest]) -> None:
    async def go() -> None:
        await asyncio.gather(*(chat.complete(asked) for asked in requests))

    asyncio.run(go())


OK = Message("assistant", "<answer>Oslo</answer>")


def test_every_turn_of_a_conversation_goes_to_the_same_server():
    servers = backends(scripted(OK), scripted(OK), scripted(OK))
    chat = BalancedChat(servers, 0, Notices())
    for question in range(30):
        before = [server.answered for server in servers]
        for turn in range(4):
            ask_all(chat, [request(f"question {question}", turn)])
        gained = sorted(server.answered - count for server, count in zip(servers, before, strict=True))
        assert gained == [0, 0, 4]
    assert all(server.answered > 0 for server in servers)


def test_no_server_has_much_more_under_way_than_the_others():
    most: Counter[str] = Counter()
    servers = backends(*(scripted(OK, delay_s=0.05) for _ in range(4)))

    async def go() -> None:
        chat = BalancedChat(servers, 0, Notices())
        asked = [asyncio.create_task(chat.complete(request(f"question {place}"))) for place in range(400)]
        await asyncio.sleep(0.02)
        most.update({server.name: server.under_way for server in servers})
        await asyncio.gather(*asked)

    asyncio.run(go())
    assert sum(most.values()) == 400
    assert max(most.values()) <= 126  # 1.25 times the mean, and one
    assert min(most.values()) >= 50


def test_one_question_asked_by_all_does_not_pile_up_on_its_server():
    servers = backends(*(scripted(OK, delay_s=0.05) for _ in range(2)))
    ask_all(BalancedChat(servers, 0, Notices()), [request("the same")] * 100)
    assert min(server.answered for server in servers) >= 37


def test_a_server_that_fails_is_set_aside_and_tried_again():
    said: list[str] = []
    now = [0.0]
    servers = backends(scripted(DOWN, DOWN, OK), scripted(OK))
    chat = BalancedChat(servers, 0, Notices(said.append), clock=lambda: now[0])
    asked = [request(f"question {place}") for place in range(20)]
    for one in asked:
        ask_all(chat, [one])
    assert (servers[0].failed, servers[0].answered, servers[1].answered) == (1, 0, 20)
    assert said == ["http://server-0/v1 is set aside for 15 s: connection refused"]
    for now[0], failed in ((14.0, 1), (16.0, 2), (40.0, 2), (50.0, 2)):
        for one in asked:
            ask_all(chat, [one])
        assert servers[0].failed == failed
    assert servers[0].answered > 0
    assert said[1:] == [
        "http://server-0/v1 is set aside for 30 s: connection refused",
        "http://server-0/v1 answers again",
    ]


def test_requests_that_fail_of_one_outage_set_the_server_aside_once():
    said: list[str] = []
    servers = backends(scripted(DOWN, delay_s=0.01), scripted(OK))
    ask_all(BalancedChat(servers, 0, Notices(said.append)), [request(f"q {place}") for place in range(50)])
    assert servers[0].failed > 5
    assert servers[0].failed_in_a_row == 1
    assert len(said) == 1


def test_when_all_are_down_the_last_one_is_heard():
    servers = backends(scripted(DOWN), scripted(DOWN))
    with pytest.raises(ChatUnavailableError, match="connection refused"):
        ask_all(BalancedChat(servers, 0, Notices()), [request("q")])
    assert [server.failed for server in servers] == [1, 1]


def test_when_all_were_down_they_are_tried_all_the_same():
    servers = backends(scripted(DOWN, OK), scripted(DOWN, OK))
    ask_all(BalancedChat(servers, 1, Notices()), [request("q")])
    assert sum(server.answered for server in servers) == 1


@pytest.mark.parametrize("refusal", [ChatServerError("no such model"), ContextLengthError("too long")])
def test_what_is_wrong_with_the_request_is_asked_of_one_server_only(refusal: ServiceError):
    servers = backends(scripted(refusal), scripted(refusal))
    with pytest.raises(type(refusal)):
        ask_all(BalancedChat(servers, 3, Notices()), [request("q")])
    assert sum(server.failed for server in servers) == 0
    assert [server.under_way for server in servers] == [0, 0]


def test_two_real_servers_one_of_which_begins_to_fail():
    served: Counter[str] = Counter()

    def well(_: object):
        served["a"] += 1
        return calls('{"query": "x"}')

    def failing(_: object):
        served["b"] += 1
        return says("hello") if served["b"] <= 5 else error(503, "shutting down")

    said: list[str] = []
    with ChatServer(well) as a, ChatServer(failing) as b:
        clients = [OpenAIChat(Endpoint("teacher", server.url, retries=0)) for server in (a, b)]
        servers = [Backend(name, client) for name, client in zip("ab", clients, strict=True)]

        async def go() -> None:
            chat = BalancedChat(servers, 2, Notices(said.append))
            assert chat.name == "teacher"
            for place in range(40):
                await chat.complete(request(f"question {place}"))
            await chat.aclose()

        asyncio.run(go())
    assert servers[0].answered + servers[1].answered == 40
    assert (servers[1].answered, servers[1].failed) == (5, 1)
    assert said[-2:] == ["a: 35 replies", "b: 5 replies, 1 failures"]
