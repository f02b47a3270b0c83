"""A judge on a Ray cluster: the same verdicts, the budget kept, a node lost in the middle."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from chat_server import ChatServer
from ray_cluster import ThreeNodes, all_up, three_nodes
from sample_rows import CREATED, sample_row
from scripted_judge import ScriptedJudge, judged_alike
from trajset.builder.config import ScaleConfig
from trajset.builder.dataset import LocalDataset, Tables, write_dataset
from trajset.builder.manifest import MadeBy
from trajset.builder.schema import Outcome, Row, StopReason
from trajset.filters.judge import Judged, judge_dataset
from trajset.filters.judge_config import JudgeConfig
from trajset.filters.judge_open import open_job
from trajset.filters.judge_run import Tally

THREE = ScaleConfig(ray=True, ray_workers=3)
SLOW_S = 5.0
"""What a reply takes until all workers are up, so that much is left to do by then."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[ThreeNodes]:
    with three_nodes() as nodes:
        yield nodes


def row(number: int) -> Row:
    answer = "Rome" if number % 3 else f"Oslo {number % 7}"
    return replace(sample_row(number, answer), outcome=Outcome(answer, StopReason.ANSWERED))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_dataset(tmp_path / "data", Tables([row(number) for number in range(60)]), MadeBy("test", CREATED))
    return tmp_path / "data"


def test_a_ray_run_equals_a_local_run_though_a_node_is_lost(folder, tmp_path, cluster, monkeypatch):
    said: list[str] = []
    lost = threading.Event()

    def lose(tally: Tally) -> None:
        judge.delay_s = 0.1 if all_up(said) else SLOW_S
        if tally.finished >= 15 and all_up(said) and not lost.is_set():
            lost.set()
            cluster.lose_one()

    with ChatServer(judge := ScriptedJudge(delay_s=SLOW_S)) as server:
        config = JudgeConfig("judge", base_url=server.url, concurrency=12, reflect=True, name="far")
        on_ray = open_job(replace(config, scale=THREE), said.append)
        judge_dataset(folder, on_ray, lose)
        judge.delay_s, requests = 0.0, sum(judge.asked.values())
        monkeypatch.delenv("RAY_ADDRESS")
        # With a cache of its own, so that it asks anew.
        judge_dataset(folder, open_job(replace(config, name="near", cache=tmp_path)))
    cluster.mend()
    judgements = list(LocalDataset.open(folder).judgements())
    far, near = (
        [replace(j, judge=j.judge.replace(name, "")) for j in judgements if j.judge.startswith(name)]
        for name in ("far", "near")
    )
    assert len(far) == 120
    assert judged_alike(far, near)
    assert lost.is_set()
    assert any("Lost worker" in line for line in said)
    assert 0 < requests - (sum(judge.asked.values()) - requests) <= 4


def test_the_budget_holds_over_all_workers(folder, cluster):
    with ChatServer(judge := ScriptedJudge(delay_s=0.02)) as server:
        config = JudgeConfig("judge", base_url=server.url, concurrency=12, scale=THREE, max_tokens=200)
        judged: Judged = judge_dataset(
            folder, open_job(replace(config, price_in=1.0, price_out=4.0, budget=0.02))
        )
    paid = (judge.tokens["read"] + 4 * judge.tokens["written"]) / 1_000_000
    assert 0 < judged.asked.left < 60
    assert judged.asked.tally.usd == pytest.approx(paid)
    assert paid <= 0.02
