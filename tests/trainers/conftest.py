"""A small plain world with everything that training needs: rows, a split, an index, a student."""

import asyncio
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from trajset.builder.collect import collect
from trajset.builder.collect_job import CollectJob
from trajset.builder.config import IndexConfig, TeacherKnobs, WorldConfig
from trajset.builder.dataset import Tables, write_dataset
from trajset.builder.manifest import MadeBy
from trajset.builder.prompts import load_prompt
from trajset.builder.retrieval.tantivy_index import TantivyRetriever, build_index
from trajset.builder.rollout import Agent
from trajset.builder.world.files import CORPUS, QUESTIONS, write_world
from trajset.builder.world.teacher import SimulatedTeacher
from trajset.builder.world.world import World, generate
from trajset.filters.recipes import load_recipe
from trajset.filters.splits import make_split
from trajset.trainers.training_run import Audience

SPLIT = "f1_search"


@dataclass(frozen=True)
class Lab:
    """Where everything lies. `data` holds `rows` rows in the split."""

    folder: Path
    world: World
    rows: int

    @property
    def data(self) -> str:
        return f"{self.folder / 'data'}:{SPLIT}"

    @property
    def student(self) -> str:
        return str(self.folder / "student")

    @property
    def index(self) -> str:
        return str(self.folder / "index")

    @property
    def questions(self) -> str:
        return str(self.folder / "world" / QUESTIONS)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Made once a process."""
    if importlib.util.find_spec("trl") is None:
        pytest.skip("needs the extra [train]: pip install 'trajset[train]'")
    from trajset.trainers.student import make_student, world_texts

    folder = tmp_path_factory.mktemp("lab")
    world = generate(
        WorldConfig(entities=150, questions=70, lookalikes=0.0, filler=0, one_hop=1.0, comparison=0.0),
        "plain",
    )
    write_world(world, folder / "world")
    build_index(str(folder / "world" / CORPUS), folder / "index", IndexConfig(name="demo-world"))
    rows = simulated_rows(world, folder / "data", folder / "index")
    make_student(folder / "student", world_texts(world))
    return Lab(folder, world, rows)


def simulated_rows(world: World, out: Path, index: Path, seed: int = 0) -> int:
    """A dataset of the simulated teacher's rows with the split; how many rows the split has."""
    agent = Agent(
        SimulatedTeacher(world, TeacherKnobs(known=0.1, misreading=0.0)),
        TantivyRetriever.open(index),
        load_prompt("always_search", "tools"),
        k=1,
    )
    done = asyncio.run(collect(CollectJob(world.questions, agent, out, seed=seed)))
    write_dataset(out, Tables(done.rows()), MadeBy("test", datetime.now(UTC)))
    return make_split(out, load_recipe(SPLIT)).split(SPLIT).rows


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """So small a model is slower on several threads, above all where others want the cores too."""
    if importlib.util.find_spec("torch") is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def said() -> list[str]:
    """What a run said."""
    return []


@pytest.fixture
def audience(said: list[str]) -> Audience:
    """Somebody who listens, without a terminal."""
    return Audience(Console(quiet=True), said.append)
