"""Curves in a tracker: a library handed in, one that fails, one that is not there, and the real ones."""

import asyncio
import os
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from scripted_collection import job
from trajset.builder.collect import collect
from trajset.builder.collect_run import run_collect
from trajset.builder.config import CollectConfig, IndexConfig, WorldConfig, published_values
from trajset.builder.errors import ConfigError, MissingExtraError
from trajset.builder.journal import Journal
from trajset.builder.notices import Notices
from trajset.builder.retrieval.tantivy_index import build_index
from trajset.builder.run_status import RunStatus, read_status
from trajset.builder.schema import StopReason
from trajset.builder.tracking import Tracker, metrics_of, open_tracker
from trajset.builder.watch_config import WatchConfig
from trajset.builder.watching import Audience, watched
from trajset.builder.world.files import write_world
from trajset.builder.world.world import generate


@dataclass
class Recorder:
    """A tracker's library that keeps what it is told, and fails where it is told to."""

    fails: str = ""
    begun: list[dict[str, object]] = field(default_factory=list)
    points: list[dict[str, float]] = field(default_factory=list)
    finished: int = 0

    def init(
        self, *, project: str, name: str, config: dict[str, object], resume: str, settings: dict[str, str]
    ):
        self._fail("init")
        self.begun.append({"project": project, "name": name, "resume": resume, "settings": settings})
        return self

    def log(self, data: dict[str, float]):
        self._fail("log")
        self.points.append(data)

    def finish(self):
        self.finished += 1

    def _fail(self, at: str):
        if self.fails == at:
            raise RuntimeError("no connection")


def audience(library: Recorder, notices: Notices | None = None) -> Audience:
    tracker = Tracker(library, "mine", "run-1", {}, every_s=0.01, by_id=True)
    return Audience(notices or Notices(), tracker, every_s=0.01)


def test_the_numbers_of_a_run_become_points(tmp_path):
    library = Recorder()
    asyncio.run(collect(job(tmp_path, audience=audience(library))))
    assert library.begun == [
        {"project": "mine", "name": "run-1", "resume": "allow", "settings": {"run_id": "run-1"}}
    ]
    last = library.points[-1]
    assert (last["done"], last["failed"], last["left"], last["stop/answered"]) == (20, 0, 0, 20)
    assert last["searches"] >= 1
    assert last["tokens/completion"] > 0
    assert library.finished == 1


def test_a_tracker_that_fails_later_does_not_stop_the_run_and_is_told_of_once(tmp_path):
    said: list[str] = []
    done = asyncio.run(collect(job(tmp_path, audience=audience(Recorder("log"), Notices(said.append)))))
    assert done.complete
    assert said == ["tracking failed, the run goes on: RuntimeError: no connection"]
    assert read_status(tmp_path, 0.0).state == "complete"


def test_the_last_word_does_not_meet_one_that_is_still_being_said(tmp_path):
    order: list[str] = []
    begun = threading.Event()

    class Slow(Recorder):
        def log(self, data: dict[str, float]):
            order.append("begun")
            begun.set()
            time.sleep(0.3)
            order.append("ended")

    async def watch() -> None:
        with Journal.begin(tmp_path / "journal.sqlite", {}, 1) as journal:
            async with watched(journal, tmp_path, 1, audience(Slow())):
                await asyncio.to_thread(begun.wait, 10)

    asyncio.run(watch())
    assert order == ["begun", "ended"] * 2


def test_a_tracker_that_cannot_begin_is_a_wrong_setting(tmp_path):
    with pytest.raises(ConfigError, match=r"track: must be able to begin \(RuntimeError: no connection\)"):
        asyncio.run(collect(job(tmp_path, audience=audience(Recorder("init")))))


def test_what_is_unknown_is_no_point():
    status = RunStatus("running", 10, 1, 2, 7, 0.0, {StopReason.ANSWERED: 1})
    assert metrics_of(status) == {
        "done": 1,
        "failed": 2,
        "left": 7,
        "tokens/prompt": 0,
        "tokens/completion": 0,
        "stop/answered": 1,
    }
    assert metrics_of(replace(status, f1=0.0))["f1"] == 0.0


def test_without_the_option_nothing_is_imported():
    assert open_tracker(WatchConfig(), "run", {}) is None


def config(folder: Path, **changes: object) -> CollectConfig:
    write_world(generate(WorldConfig(entities=60, questions=20)), folder)
    build_index(str(folder / "corpus.jsonl"), folder / "index", IndexConfig())
    asked = CollectConfig(
        questions=str(folder / "questions.jsonl"),
        index=(str(folder / "index"),),
        out=folder / "out",
        teacher="simulated",
        world=folder,
        limit=5,
    )
    return replace(asked, **changes)


def test_a_tracker_hears_what_a_manifest_publishes(tmp_path):
    asked = config(tmp_path, watch=WatchConfig("trackio"))
    assert str(tmp_path) not in str(published_values(asked))
    assert "track" not in published_values(asked)


def test_a_library_that_is_missing_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "trackio", None)
    with pytest.raises(MissingExtraError, match=r"--track trackio needs the extra \[track\]"):
        run_collect(config(tmp_path, watch=WatchConfig("trackio")))


def test_trackio_takes_the_points(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    pytest.importorskip("trackio", reason="needs the extra [track]")
    watch = WatchConfig("trackio", "points-taken", track_every=0.1)
    assert run_collect(config(tmp_path, watch=watch)).complete
    files = Path(os.environ["TRACKIO_DIR"]).rglob("points-taken*.db")
    assert any(path.stat().st_size > 0 for path in files)


def test_wandb_takes_the_points_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="needs the extra [track]")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert run_collect(config(tmp_path, watch=WatchConfig("wandb", track_every=0.1))).complete
    assert list(tmp_path.rglob("*.wandb"))
