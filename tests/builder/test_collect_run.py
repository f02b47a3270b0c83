"""`trajset collect` from its config: the demo world's teacher, a chat server, what a config gets wrong."""

from dataclasses import replace
from pathlib import Path

import pytest
from chat_server import ChatServer, Json, calls, says
from scripted_collection import content
from trajset.builder.collect_run import run_collect
from trajset.builder.config import CollectConfig, IndexConfig, WorldConfig
from trajset.builder.errors import ChatServerError, ConfigError, DataError
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
    server_less = replace(config, out=tmp_path, teacher="x", base_url="http://127.0.0.1:9/v1", retries=0)
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
        asked = replace(config, out=tmp_path, teacher="teacher", base_url=server.url, policy=policy)
        rows = list(run_collect(asked).rows())
    assert {row.outcome.stop_reason for row in rows} == {StopReason.ANSWERED}
    assert {row.search_use.n_searches for row in rows} == {1}
    assert {len(row.search_use.searches[0]["passage_ids"]) for row in rows} == {5}
    assert {row.cost.completion_tokens for row in rows} == {40}
    assert len({request["seed"] for request in server.requests}) == 20
