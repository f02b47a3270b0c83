"""A server that trajset starts, against a stand-in: it is kept up, and never outlives the run."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from fake_vllm import VERSION, alive, fake_python, starts_of
from trajset.builder.chat.vllm_server import Launch, VllmServer
from trajset.builder.collect import Collected
from trajset.builder.collect_run import run_collect
from trajset.builder.config import CollectConfig, IndexConfig, TalkConfig, WorldConfig
from trajset.builder.errors import ChatServerError, ConfigError
from trajset.builder.notices import Notices
from trajset.builder.retrieval.tantivy_index import build_index
from trajset.builder.schema import StopReason
from trajset.builder.vllm_config import VllmConfig
from trajset.builder.world.files import write_world
from trajset.builder.world.world import generate

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    write_world(generate(WorldConfig(entities=60, questions=20)), folder)
    build_index(str(folder / "corpus.jsonl"), folder / "index", IndexConfig())
    return folder


@pytest.fixture
def config(world: Path, tmp_path: Path) -> CollectConfig:
    (tmp_path / "qwen3-fake").mkdir()
    (tmp_path / "qwen3-fake" / "config.json").write_text('{"model_type": "qwen3"}')
    return CollectConfig(
        questions=str(world / "questions.jsonl"),
        index=(str(world / "index"),),
        out=tmp_path / "out",
        teacher=f"vllm:{tmp_path / 'qwen3-fake'}",
        talk=TalkConfig(family="qwen3"),
        limit=10,
        concurrency=4,
        vllm=served(tmp_path),
    )


def served(folder: Path, *words: object) -> VllmConfig:
    arguments = " ".join(map(str, ("--fake-state", folder / "state", *words)))
    return VllmConfig(vllm_python=fake_python(folder), vllm_args=arguments, vllm_start=30)


def eventually(holds: Callable[[], bool], within_s: float = 20.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return holds()


def reasons(done: Collected) -> set[StopReason]:
    return {row.outcome.stop_reason for row in done.rows()}


def test_the_server_is_started_asked_and_stopped(config, tmp_path):
    said: list[str] = []
    shown: list[str] = []
    done = run_collect(config, notices=Notices(said.append, shown.append))
    rows = list(done.rows())
    assert reasons(done) == {StopReason.ANSWERED}
    assert {(row.provenance.teacher, row.provenance.teacher_revision) for row in rows} == {
        ("qwen3-fake", None)
    }
    (start,) = starts_of(tmp_path / "state")
    assert not alive(start["pid"])
    assert not alive(start["child"])
    assert any(text.startswith(f"vLLM {VERSION} serves qwen3-fake on port") for text in said)
    assert any(text.startswith("vLLM is starting: ") for text in shown)
    assert shown[-1] == ""
    log = (tmp_path / "out" / "vllm.log").read_text()
    assert "loading the weights" in log
    assert "[trajset] stopping the server" in log
    (record,) = [
        orjson.loads(line) for line in (tmp_path / "out" / "servers.jsonl").read_bytes().splitlines()
    ]
    assert (record["server"], record["version"], record["model"]) == ("vllm", VERSION, "qwen3-fake")


def test_a_server_that_dies_in_the_middle_is_started_again_and_nothing_is_lost(config, tmp_path):
    said: list[str] = []
    dying = replace(config, vllm=served(tmp_path, "--fake-die-after", 9), timeout=20.0)
    done = run_collect(dying, notices=Notices(said.append))
    assert done.complete
    assert reasons(done) == {StopReason.ANSWERED}
    assert len({row.id for row in done.rows()}) == done.n_rows == 10
    first, second = starts_of(tmp_path / "state")
    assert not any(alive(pid) for start in (first, second) for pid in (start["pid"], start["child"]))
    assert any("restart 1 of at most 5" in text for text in said)
    log = (tmp_path / "out" / "vllm.log").read_text()
    assert log.count("loading the weights") == 2
    assert "the server ended with signal SIGKILL" in log


def test_a_server_that_dies_again_and_again_stops_the_run(config, tmp_path):
    dying = replace(config, vllm=replace(served(tmp_path, "--fake-always-die"), vllm_restarts=1), retries=0)
    with pytest.raises(ChatServerError, match="died after 1 restarts") as caught:
        run_collect(dying)
    assert "CUDA error: an illegal memory access" in str(caught.value)
    assert len(starts_of(tmp_path / "state")) == 2
    well = replace(config, resume=True)
    assert reasons(run_collect(well)) == {StopReason.ANSWERED}


def test_a_start_that_fails_tells_the_end_of_the_log(config, tmp_path):
    said: list[str] = []
    failing = replace(config, vllm=served(tmp_path, "--fake-fail", "'ValueError: no such dtype'"))
    with pytest.raises(ChatServerError, match="died while it started") as caught:
        run_collect(failing, notices=Notices(said.append))
    assert "ValueError: no such dtype" in str(caught.value)
    assert "exit code 1" in str(caught.value)
    assert said == []


def test_a_start_that_takes_too_long_is_ended(config, tmp_path):
    slow = replace(config, vllm=replace(served(tmp_path, "--fake-start", 60), vllm_start=1.0))
    with pytest.raises(ChatServerError, match="did not answer within 1 s"):
        run_collect(slow)
    (start,) = starts_of(tmp_path / "state")
    assert eventually(lambda: not alive(start["pid"]))


def test_the_start_does_not_count_to_the_deadline_of_a_rollout(config, tmp_path):
    slow = replace(config, vllm=served(tmp_path, "--fake-start", 3), timeout=2.0)
    done = run_collect(slow)
    assert reasons(done) == {StopReason.ANSWERED}
    assert max(row.cost.latency_s for row in done.rows()) < 2.0


def test_where_nothing_is_left_no_server_is_started(config, tmp_path):
    run_collect(config)
    run_collect(replace(config, resume=True))
    run_collect(replace(config, partial=True))
    assert len(starts_of(tmp_path / "state")) == 1


def test_the_key_of_another_server_is_not_handed_over(config, tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "sk-secret")
    run_collect(replace(config, api_key_env="SOME_KEY"))
    (start,) = starts_of(tmp_path / "state")
    assert start["key"] is None


def test_a_base_url_beside_it_is_refused(config):
    with pytest.raises(ConfigError, match="base_url: must not be given for --teacher vllm:"):
        run_collect(replace(config, base_url=("http://127.0.0.1:1/v1",)))


def test_a_server_that_runs_and_is_deaf_is_started_again(tmp_path):
    words = ("--port", "0", "--fake-deaf", "--fake-state", str(tmp_path / "state"))
    launch = Launch(
        command=(str(fake_python(tmp_path)), *words),
        environment=dict(os.environ),
        model="fake",
        folder=tmp_path,
        port=0,
        start_s=30,
        restarts=1,
        deaf_s=0.5,
    )
    said: list[str] = []

    async def go() -> int:
        server = VllmServer(launch, Notices(said.append))
        try:
            await server.up()
            assert await server.falls(20)
            await server.up()
            return server.starts
        finally:
            await server.stop()

    assert asyncio.run(go()) == 2
    assert any("did not answer for 0.5 s" in text for text in said)
    assert not any(alive(start["pid"]) for start in starts_of(tmp_path / "state"))


def test_a_large_log_of_earlier_starts_is_set_aside(config):
    config.out.mkdir()
    with (config.out / "vllm.log").open("wb") as log:
        log.truncate(65 << 20)
    run_collect(config)
    assert (config.out / "vllm.log.1").stat().st_size == 65 << 20
    assert (config.out / "vllm.log").stat().st_size < 10_000


def command(config: CollectConfig) -> list[str]:
    options = config.vllm
    return [
        *(sys.executable, "-m", "trajset", "collect", "--questions", config.questions),
        *(
            "--index",
            *config.index,
            "--out",
            str(config.out),
            "--teacher",
            config.teacher,
            "--family",
            "qwen3",
        ),
        *("--vllm-python", str(options.vllm_python), "--vllm-args", options.vllm_args),
    ]


def test_the_server_goes_when_trajset_is_killed(config, tmp_path):
    slow = replace(config, vllm=served(tmp_path, "--fake-start", 60))
    with subprocess.Popen(command(slow), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert eventually(lambda: bool(starts_of_safely(tmp_path / "state")))
        (start,) = starts_of_safely(tmp_path / "state")
        assert alive(start["pid"])
        run.kill()
    assert eventually(lambda: not alive(start["pid"]) and not alive(start["child"]))


def starts_of_safely(state: Path) -> list[dict[str, int]]:
    """The starts, as far as they are written to the end."""
    try:
        return starts_of(state)
    except ValueError:
        return []


def test_a_killed_supervisor_costs_a_restart_only(config, tmp_path):
    dying = replace(config, vllm=served(tmp_path, "--fake-start", 1))
    with subprocess.Popen(command(dying), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert eventually(lambda: (tmp_path / "out" / "servers.jsonl").exists())
        (start,) = starts_of(tmp_path / "state")
        os.kill(os.getpgid(start["pid"]), signal.SIGKILL)
        run.wait(60)
    assert run.returncode == 0
    assert eventually(lambda: not alive(start["pid"]) and not alive(start["child"]))
