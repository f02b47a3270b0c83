"""`trajset collect` from its config: the demo world's teacher, a chat server, what a config gets wrong."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from chat_server import ChatServer, Json, calls, error, says
from scripted_collection import content
from trajset.builder.agent_config import TalkConfig
from trajset.builder.collect_run import run_collect
from trajset.builder.config import (
    CollectConfig,
    IndexConfig,
    LastTurnConfig,
    SummariserConfig,
    WorldConfig,
)
from trajset.builder.errors import ChatServerError, ConfigError, DataError
from trajset.builder.notices import Notices
from trajset.builder.retrieval.tantivy_index import build_index
from trajset.builder.schema import StopReason
from trajset.builder.world.files import write_world
from trajset.builder.world.world import generate


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> CollectConfig:
    """Ten questions of a small world."""
    folder: Path = tmp_path_factory.mktemp("world")
    write_world(generate(WorldConfig(entities=60, questions=20)), folder)
    build_index(str(folder / "corpus.jsonl"), folder / "index", IndexConfig())
    return CollectConfig(
        questions=str(folder / "questions.jsonl"),
        index=(str(folder / "index"),),
        out=folder / "out",
        teacher="simulated",
        world=folder,
        limit=10,
    )


def test_the_simulated_teacher_makes_the_same_rows_every_time(config, tmp_path):
    first = run_collect(replace(config, out=tmp_path / "a"))
    again = run_collect(replace(config, out=tmp_path / "b", concurrency=1))
    rows = [content(row) for row in first.rows()]
    assert rows == [content(row) for row in again.rows()]
    assert len(rows) == 10
    assert {row["teacher"] for row in rows} == {"simulated"}
    assert first.next_step() is None


def test_the_config_lies_beside_the_journal(config, tmp_path):
    run_collect(replace(config, out=tmp_path))
    assert 'teacher = "simulated"' in (tmp_path / "config.toml").read_text()


def test_partial_collects_nothing(config, tmp_path):
    run_collect(replace(config, out=tmp_path))
    assert len(list(run_collect(replace(config, out=tmp_path, partial=True)).rows())) == 10
    with pytest.raises(DataError, match="must hold a journal"):
        run_collect(replace(config, out=tmp_path / "none", partial=True))


def test_partial_with_other_settings_is_refused(config, tmp_path):
    run_collect(replace(config, out=tmp_path))
    with pytest.raises(ConfigError, match=r"grammar|prompt='always_search/tags"):
        run_collect(replace(config, out=tmp_path, grammar="tags", partial=True))


def test_a_run_that_breaks_leaves_its_config(config, tmp_path):
    server_less = replace(config, out=tmp_path, teacher="x", base_url=("http://127.0.0.1:9/v1",), retries=0)
    with pytest.raises(ChatServerError):
        run_collect(server_less)
    assert 'teacher = "x"' in (tmp_path / "config.toml").read_text()


def test_the_simulated_teacher_needs_its_world(config):
    with pytest.raises(ConfigError, match="world: must be given"):
        run_collect(replace(config, world=None))


@pytest.mark.parametrize("policy", ["always_search", "adaptive"])
def test_a_chat_server_answers(config, tmp_path, policy):
    def answer(request: Json):
        searched = any(message["role"] == "tool" for message in request["messages"])
        return says("<answer>Oslo</answer>") if searched else calls('{"query": "a town"}')

    with ChatServer(answer, models=("teacher",)) as server:
        asked = replace(config, out=tmp_path, teacher="teacher", base_url=(server.url,), policy=policy)
        rows = list(run_collect(asked).rows())
    assert {row.outcome.stop_reason for row in rows} == {StopReason.ANSWERED}
    assert {row.search_use.n_searches for row in rows} == {1}
    assert {len(row.search_use.searches[0]["passage_ids"]) for row in rows} == {5}
    assert {row.cost.completion_tokens for row in rows} == {40}
    assert len({request["seed"] for request in server.requests}) == 20


def search_read_answer(request: Json):
    """The teacher and the summariser of a run, at one server."""
    system = request["messages"][0]["content"]
    if system.startswith("You read search results"):
        return says(f"<think>Hm.</think>{request['model']} read it.")
    searched = any(message["role"] == "tool" for message in request["messages"])
    return says("<answer>Oslo</answer>") if searched else calls('{"query": "a town"}')


@pytest.mark.parametrize(("summariser", "reader"), [("same", "teacher"), ("reader", "reader")])
def test_a_summariser_reads_for_the_teacher(config, tmp_path, summariser, reader):
    with ChatServer(search_read_answer, models=("teacher", "reader")) as server:
        asked = replace(
            config, out=tmp_path, teacher="teacher", base_url=(server.url,), max_tokens=99, limit=3
        )
        asked = replace(asked, summaries=SummariserConfig(summariser, summariser_max_tokens=77))
        rows = list(run_collect(asked).rows())
    assert len(rows) == 3
    for row in rows:
        assert row.outcome.stop_reason is StopReason.ANSWERED
        assert row.conversation.messages[3].content == f"{reader} read it."
        (record,) = row.search_use.searches
        assert record["summary"] == f"{reader} read it."
        assert record["summary_completion_tokens"] == 20
        assert len(record["text_hashes"]) == 5
        assert row.cost.completion_tokens == 40
        kind, _, summary = (row.provenance.retriever or "").partition("+")
        assert kind.startswith("bm25-tantivy@")
        assert summary.startswith(f"summary:{reader}@")
    asked_of = {
        request["model"]: request["max_tokens"] for request in server.requests if "tools" not in request
    }
    assert asked_of == {reader: 77}


def test_token_ids_are_asked_for_of_turns_alone(config, tmp_path):
    """The log names turns of rows, and summaries are none."""
    with ChatServer(search_read_answer, models=("teacher",)) as server:
        asked = replace(config, out=tmp_path, teacher="teacher", base_url=(server.url,), limit=1)
        run_collect(replace(asked, summaries=SummariserConfig("same"), talk=TalkConfig(token_ids=True)))
    assert {("tools" in request, "return_token_ids" in request) for request in server.requests} == {
        (True, True),
        (False, False),
    }


def test_a_summariser_is_a_setting_that_resume_holds_on_to(config, tmp_path):
    with ChatServer(search_read_answer, models=("teacher",)) as server:
        plain = replace(config, out=tmp_path, teacher="teacher", base_url=(server.url,), limit=1)
        ids = {row.id for row in run_collect(plain).rows()}
        summed = replace(plain, summaries=SummariserConfig("same"), resume=True)
        with pytest.raises(ConfigError, match="summariser"):
            run_collect(summed)
        forced = replace(plain, last_turn=LastTurnConfig(force_answer=True), resume=True)
        with pytest.raises(ConfigError, match="prompt"):
            run_collect(forced)
        other = {row.id for row in run_collect(replace(summed, out=tmp_path / "b", resume=False)).rows()}
    assert ids.isdisjoint(other)


def test_the_simulated_teacher_cannot_summarise(config):
    with pytest.raises(ConfigError, match="summariser: must be a model that can summarise"):
        run_collect(replace(config, summaries=SummariserConfig("same")))


@pytest.mark.parametrize("grammar", ["tools", "tags"])
def test_the_simulated_teacher_answers_when_it_has_to(config, tmp_path, grammar):
    asked = replace(config, out=tmp_path, max_turns=2, grammar=grammar)
    free = [row.outcome.stop_reason for row in run_collect(replace(asked, out=tmp_path / "a")).rows()]
    assert StopReason.TURN_LIMIT in free
    forced = replace(asked, out=tmp_path / "b", last_turn=LastTurnConfig(force_answer=True))
    rows = list(run_collect(forced).rows())
    assert {row.outcome.stop_reason for row in rows} == {StopReason.ANSWERED}
    assert {row.search_use.n_searches for row in rows} <= {0, 1}


def test_two_servers_one_of_which_dies_share_the_questions(config, tmp_path):
    served = Counter[str]()

    def well(request: Json):
        served["well"] += 1
        searched = any(message["role"] == "tool" for message in request["messages"])
        return says("<answer>Oslo</answer>") if searched else calls('{"query": "a town"}')

    def dying(request: Json):
        served["dying"] += 1
        return well(request) if served["dying"] <= 3 else error(500, "engine is dead")

    said: list[str] = []
    with ChatServer(well) as a, ChatServer(dying) as b:
        asked = replace(config, out=tmp_path, teacher="teacher", base_url=(a.url, b.url))
        done = run_collect(asked, notices=Notices(said.append))
    rows = list(done.rows())
    assert done.complete
    assert {row.outcome.stop_reason for row in rows} == {StopReason.ANSWERED}
    assert len({row.id for row in rows}) == 10
    assert served["dying"] > 3
    assert any(text.startswith(f"{b.url} is set aside for 15 s") for text in said)
    assert any(text.startswith(f"{a.url}: 1") for text in said)


def test_a_server_named_twice_is_refused(config):
    url = "http://127.0.0.1:9/v1"
    with pytest.raises(ConfigError, match="base_url: must name each server once"):
        run_collect(replace(config, teacher="x", base_url=(url, url)))
