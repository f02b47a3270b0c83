"""A run on a Ray cluster of three nodes: the same rows as on one machine, with a node lost, and resumed."""

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from chat_server import Answer, ChatServer, Json, calls, says
from ray_cluster import ThreeNodes, all_up, three_nodes
from scripted_collection import content
from trajset.builder.chat.choice import settled
from trajset.builder.chat.model import UnreadableReplyError
from trajset.builder.collect import Tally, collect, collected
from trajset.builder.collect_job import origin_of, settings_of
from trajset.builder.collect_run import open_agent, open_job, run_collect
from trajset.builder.config import CollectConfig, IndexConfig, ScaleConfig, TeacherKnobs, WorldConfig
from trajset.builder.errors import ChatServerError, ClusterError, ConfigError, DataError, MissingExtraError
from trajset.builder.journal import Journal
from trajset.builder.notices import Notices
from trajset.builder.retrieval.tantivy_index import build_index
from trajset.builder.retrieval_config import RetrievalConfig
from trajset.builder.rollout import Agent
from trajset.builder.scale import Pool
from trajset.builder.scale_cluster import team_of
from trajset.builder.scale_rollouts import RolloutOpener, everywhere
from trajset.builder.scale_worker import Kit, Opener, Place, Refusal
from trajset.builder.schema import JsonObject
from trajset.builder.vllm_config import VllmConfig
from trajset.builder.world.files import write_world
from trajset.builder.world.world import generate

THREE = ScaleConfig(ray=True, ray_workers=3)


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> CollectConfig:
    """Sixty questions of a small world."""
    folder: Path = tmp_path_factory.mktemp("world")
    write_world(generate(WorldConfig(entities=60, questions=60)), folder)
    build_index(str(folder / "corpus.jsonl"), folder / "index", IndexConfig())
    return CollectConfig(
        questions=str(folder / "questions.jsonl"),
        index=(str(folder / "index"),),
        out=folder / "out",
        teacher="simulated",
        world=folder,
        concurrency=12,
    )


@pytest.fixture(scope="module")
def cluster() -> Iterator[ThreeNodes]:
    with three_nodes() as nodes:
        yield nodes


def rows_of(config: CollectConfig, **changes) -> list[JsonObject]:
    return [content(row) for row in run_collect(replace(config, **changes)).rows()]


def test_a_ray_run_equals_a_local_run(config, tmp_path, cluster, monkeypatch):
    on_ray = rows_of(config, out=tmp_path / "ray", scale=THREE)
    monkeypatch.delenv("RAY_ADDRESS")
    local = rows_of(config, out=tmp_path / "local")
    assert on_ray == local
    assert len(local) == 60
    assert not (tmp_path / "ray" / "workers").exists()


def slow_answer(request: Json) -> Answer:
    """Searches once, then answers, each after a while; what it says depends on the conversation alone."""
    searched = any(message["role"] == "tool" for message in request["messages"])
    answer = says("<answer>Oslo</answer>") if searched else calls('{"query": "a town"}')
    return replace(answer, delay_s=0.15)


def slow_until(said: list[str]) -> Callable[[Json], Answer]:
    """Slower still until all workers are up, so that each gets its part of the work."""

    def answer(request: Json) -> Answer:
        quick = slow_answer(request)
        return quick if all_up(said) else replace(quick, delay_s=2.0)

    return answer


def test_a_lost_node_costs_what_was_under_way_there(config, tmp_path, cluster, monkeypatch):
    said: list[str] = []
    lost = threading.Event()

    def lose(tally: Tally) -> None:
        if tally.made >= 20 and all_up(said) and not lost.is_set():
            lost.set()
            cluster.lose_one()

    with ChatServer(slow_until(said), models=("teacher",)) as server:
        asked = replace(config, teacher="teacher", base_url=(server.url,), grammar="tools")
        disturbed = replace(asked, out=tmp_path / "ray", scale=THREE)
        on_ray = [content(row) for row in run_collect(disturbed, lose, Notices(said.append)).rows()]
        requests = len(server.requests)
        monkeypatch.delenv("RAY_ADDRESS")
        assert on_ray == rows_of(asked, out=tmp_path / "local")
    cluster.mend()
    assert lost.is_set()
    assert len(on_ray) == 60
    assert [line for line in said if "Lost worker" in line and "under way are done again" in line]
    assert 120 <= requests <= 120 + 2 * 4  # a worker has four places, a rollout two turns; it may be idle


def test_an_interrupted_ray_run_goes_on_locally(config, tmp_path, cluster, monkeypatch):
    journals: list[int] = []
    said: list[str] = []

    def interrupt(tally: Tally) -> None:
        if tally.made >= 20 and all_up(said) and not journals:
            journals.append(len(list(tmp_path.glob("ray/workers/worker-*/journal.sqlite"))))
            signal.raise_signal(signal.SIGINT)

    with ChatServer(slow_until(said), models=("teacher",)) as server:
        asked = replace(config, teacher="teacher", base_url=(server.url,))
        first = run_collect(
            replace(asked, out=tmp_path / "ray", scale=THREE), interrupt, Notices(said.append)
        )
        monkeypatch.delenv("RAY_ADDRESS")
        rows = rows_of(asked, out=tmp_path / "ray", resume=True)
        assert rows == rows_of(asked, out=tmp_path / "local")
    assert first.interrupted
    assert 20 <= first.progress.finished < 60
    assert journals[0] == 3


def test_a_local_run_goes_on_with_another_number_of_workers(config, tmp_path, cluster, monkeypatch):
    asked = replace(config, out=tmp_path, resume=True)
    with monkeypatch.context() as patch:
        patch.delenv("RAY_ADDRESS")
        whole = rows_of(asked, out=tmp_path / "whole")

        once = [signal.SIGINT]

        def interrupt(tally: Tally) -> None:
            if tally.made >= 20 and once:
                signal.raise_signal(once.pop())

        assert not run_collect(replace(asked, concurrency=4), interrupt).complete
    tallies: list[Tally] = []
    done = run_collect(replace(asked, scale=replace(THREE, ray_workers=2)), tallies.append)
    assert [content(row) for row in done.rows()] == whole
    assert 0 < len(tallies) <= 40


def test_what_stops_a_local_run_stops_a_ray_run_with_the_same_words(config, tmp_path, cluster, monkeypatch):
    def message(name: str, **changes) -> str:
        with pytest.raises(ChatServerError) as caught:
            rows_of(asked, out=tmp_path / name, **changes)
        return str(caught.value)

    with ChatServer(slow_answer, key="right") as server:
        asked = replace(config, teacher="teacher", base_url=(server.url,), api_key_env="NO_SUCH_KEY")
        on_ray = message("ray", scale=THREE)
        monkeypatch.delenv("RAY_ADDRESS")
        assert on_ray == message("local")


def test_a_key_that_a_node_lacks_is_named_with_the_node(config, tmp_path, cluster, monkeypatch):
    monkeypatch.setenv("A_KEY_OF_MINE", "secret-value")
    with pytest.raises(
        ConfigError, match=r"worker \d on .*A_KEY_OF_MINE: must be set on every node"
    ) as caught:
        rows_of(config, out=tmp_path, scale=THREE, api_key_env="A_KEY_OF_MINE")
    assert "secret-value" not in str(caught.value)


def opened_with(config: CollectConfig, place: Path, **changes) -> None:
    """What a worker does first, on a node where the config's paths lead to something else."""
    job = open_job(config)

    def elsewhere(config: CollectConfig) -> Agent:
        return open_agent(replace(config, **changes))

    opener = RolloutOpener(settled(config), elsewhere, origin_of(job), settings_of(job), job.total)
    opener.open(Place(place, shared=False))


def test_what_a_node_lacks_or_has_otherwise_is_refused(config, tmp_path):
    (tmp_path / "corpus.jsonl").write_text('{"id": "1", "title": "A", "text": "B"}\n')
    build_index(str(tmp_path / "corpus.jsonl"), tmp_path / "index", IndexConfig())
    opened_with(config, tmp_path)
    with pytest.raises(DataError, match="index"):
        opened_with(config, tmp_path, index=(str(tmp_path / "none"),))
    with pytest.raises(DataError, match="corpus: must be the driver's"):
        opened_with(config, tmp_path, index=(str(tmp_path / "index"),))
    with pytest.raises(DataError, match="teacher_revision: must be the driver's"):
        opened_with(config, tmp_path, knobs=TeacherKnobs(known=0.1))


def test_a_worker_whose_family_needs_fitted_messages_is_the_drivers(config, tmp_path):
    served = replace(config, base_url=("http://127.0.0.1:9/v1",))
    for teacher in ("google/gemma-2-9b-it", "mistralai/Mistral-7B-Instruct-v0.3", "Qwen/Qwen3-32B"):
        opened_with(replace(served, teacher=teacher), tmp_path)


def test_places_mean_the_same_where_a_worker_starts(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "e5").mkdir()
    retrieval = RetrievalConfig(embedding_model="e5", search_cache=Path("~/cache"))
    sent = everywhere(replace(config, index=("es:http://localhost:9/wiki", "e5"), retrieval=retrieval))
    assert sent.index == ("es:http://localhost:9/wiki", str(tmp_path / "e5"))
    assert sent.retrieval.embedding_model == str(tmp_path / "e5")
    assert sent.retrieval.search_cache == tmp_path / "home" / "cache"
    assert everywhere(config).retrieval == config.retrieval
    for python, there in {"python3": Path("python3"), "env/bin/python": tmp_path / "env/bin/python"}.items():
        assert everywhere(replace(config, vllm=VllmConfig(Path(python)))).vllm.vllm_python == there


def do_all(
    items: Sequence[object], opener: Opener, said: list[str], workers: int = 1
) -> tuple[list[object], Pool]:
    """The results of the items, of workers with four places each."""

    async def run() -> list[object]:
        try:
            return list(await asyncio.gather(*map(pool.do, items)))
        finally:
            await pool.aclose()

    pool = Pool(ScaleConfig(ray_workers=workers), 4 * workers, Kit(opener), said.append)
    return asyncio.run(run()), pool


def test_a_worker_that_dies_is_started_again(tmp_path, cluster):
    class Dies:
        """Its process ends at item 5, the first time."""

        def open(self, place):
            return self

        async def do(self, item):
            if item == 5 and not (tmp_path / "died").exists():
                (tmp_path / "died").touch()
                os._exit(1)
            return item * item

        async def aclose(self): ...

    said: list[str] = []
    results, pool = do_all(range(10), Dies(), said)
    assert results == [number * number for number in range(10)]
    assert pool.lost == 1
    assert 1 <= pool.done_again <= 4


def test_a_worker_whose_server_alone_refuses_is_started_again(tmp_path, cluster):
    class SickOnce:
        """Of two workers the first to come never answers."""

        def open(self, place):
            self.sick = False
            with contextlib.suppress(FileExistsError):
                (tmp_path / "sick").touch(exist_ok=False)
                self.sick = True
            return self

        async def do(self, item):
            await asyncio.sleep(0.3)
            if self.sick:
                await asyncio.sleep(0.5)
                raise ChatServerError("no memory on this GPU")
            return item

        async def aclose(self): ...

    said: list[str] = []
    results, pool = do_all(range(40), SickOnce(), said, workers=2)
    assert results == list(range(40))
    assert pool.lost == 1
    assert any("no memory on this GPU" in line for line in said)


def test_workers_that_never_stay_up_end_the_run(cluster):
    class Hopeless:
        def open(self, place):
            os._exit(1)

    said: list[str] = []
    with pytest.raises(ClusterError, match="workers: must stay up"):
        do_all(range(10), Hopeless(), said)
    assert "given up after 3 starts" in said[-1]


def test_a_cluster_that_is_not_there(config, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    with pytest.raises(ClusterError, match=r"RAY_ADDRESS: must lead to a Ray cluster.*127\.0\.0\.1:9"):
        rows_of(config, out=tmp_path)
    monkeypatch.setenv("RAY_ADDRESS", "ray://127.0.0.1:10001")
    with pytest.raises(ConfigError, match="ray job submit"):
        rows_of(config, out=tmp_path)


@pytest.mark.parametrize(
    ("scale", "concurrency", "nodes", "team"),
    [
        (ScaleConfig(), 32, [{"CPU": 16}] * 3, (3, 11)),
        (ScaleConfig(ray_gpus=4), 256, [{"CPU": 64, "GPU": 8}] * 2 + [{"CPU": 64}], (4, 64)),
        (ScaleConfig(ray_gpus=1, ray_cpus=8), 64, [{"CPU": 16, "GPU": 8}], (2, 32)),
        (ScaleConfig(ray_workers=100), 32, [{"CPU": 1}], (32, 1)),
        (ScaleConfig(ray_workers=2, ray_gpus=1), 32, [{"CPU": 1}], (2, 16)),
    ],
)
def test_workers_as_the_cluster_has_room(scale, concurrency, nodes, team):
    found = team_of(scale, concurrency, nodes)
    assert (found.workers, found.places) == team


def test_no_room_at_all():
    with pytest.raises(ConfigError, match=r"must fit on a node.*--ray-workers"):
        team_of(ScaleConfig(ray_gpus=1), 32, [{"CPU": 16}])


def test_errors_travel_whole(cluster):
    class Raises:
        def open(self, place):
            return self

        async def do(self, item):
            raise UnreadableReplyError("no choice", 5, None)

        async def aclose(self): ...

    with pytest.raises(UnreadableReplyError, match=r"^no choice$") as caught:
        do_all([1], Raises(), [])
    assert (caught.value.prompt_tokens, caught.value.completion_tokens) == (5, None)
    assert str(Refusal.of(MissingExtraError("x", "This")).error("there: ")).startswith("there: This needs")
    assert Refusal.of(OSError(28, "No space left")).error().exit_code == 4


def test_what_workers_of_a_killed_driver_had_made_is_taken_over(config, tmp_path, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    rows = rows_of(config, out=tmp_path / "whole")
    job = open_job(replace(config, out=tmp_path / "out", resume=True))
    whole = collected(tmp_path / "whole")
    for worker in range(2):
        with Journal.begin(
            tmp_path / f"out/workers/worker-{worker}/journal.sqlite", settings_of(job), 60
        ) as own:
            for position, row in enumerate(whole.rows()):
                if position % 3 == worker:
                    own.record([(position, row)])
    tallies: list[Tally] = []
    done = asyncio.run(collect(job, tallies.append))
    assert [content(row) for row in done.rows()] == rows
    assert len(tallies) == 20
    assert not (tmp_path / "out" / "workers").exists()
