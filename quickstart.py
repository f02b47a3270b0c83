"""`trajset quickstart`: the whole chain on the demo world, each step reused where it is done already."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from .builder.collect import Collected, collect
from .builder.collect_job import CollectJob
from .builder.collect_progress import shown_progress
from .builder.config import IndexConfig, QuickstartConfig, published_values
from .builder.dataset import LocalDataset, Tables, write_dataset
from .builder.journal import FILE_NAME
from .builder.manifest import MANIFEST, MadeBy
from .builder.prompts import load_prompt
from .builder.retrieval.tantivy_index import TantivyRetriever, build_index
from .builder.rollout import Agent
from .builder.world.files import CORPUS, SETTINGS, load_world, write_world
from .builder.world.oracle import oracle_labels
from .builder.world.teacher import SimulatedTeacher
from .builder.world.world import World, generate
from .commands.progress import STDERR, counting
from .dataset_cards.render import write_card
from .filters.outcomes import outcomes
from .filters.recipes import load_recipe
from .filters.splits import make_split

RECIPES = ("f1_only", "f1_search")
_PASSAGES_PER_SEARCH = 5


@dataclass(frozen=True, slots=True)
class _Quickstart:
    """One run: its settings, its folders, and where it prints a line per step."""

    config: QuickstartConfig
    console: Console

    @property
    def dataset(self) -> Path:
        return self.config.out / "dataset"

    @contextmanager
    def step(self, name: str) -> Generator[list[str]]:
        """The block appends what came of the step; it is printed with the seconds it took."""
        started, said = time.perf_counter(), list[str]()
        yield said
        seconds = f"{time.perf_counter() - started:.1f} s"
        self.console.print(f"[bold]{name:<13}[/]{' '.join(said)}  [dim]{seconds}[/]", highlight=False)

    def world(self) -> World:
        """The demo world, from its folder or made anew."""
        folder = self.config.out / "world"
        with self.step("world") as said:
            made = load_world(folder) if (folder / SETTINGS).is_file() else None
            said.append("reused:" if made and made.config == self.config.world else "generated:")
            if made is None or made.config != self.config.world:
                made = generate(self.config.world)
                write_world(made, folder)
            said.append(
                f"{self.config.world.entities:,} invented entities, {len(made.questions):,} questions"
            )
        return made

    def index(self) -> TantivyRetriever:
        """The BM25 index over the world's passages."""
        folder = self.config.out / "index"
        with self.step("index") as said, counting("passages") as count:
            built = build_index(
                str(self.config.out / "world" / CORPUS), folder, IndexConfig(name="demo-world"), count
            )
            said.append(f"{'reused' if built.reused else 'built'}: {built.manifest.passages:,} passages")
        return TantivyRetriever.open(folder)

    def job(self, world: World, retriever: TantivyRetriever) -> CollectJob:
        """The simulated teacher, once over every question."""
        agent = Agent(
            SimulatedTeacher(world, self.config.knobs),
            retriever,
            load_prompt("always_search", "tools"),
            k=_PASSAGES_PER_SEARCH,
        )
        questions, out = tuple(world.questions), self.dataset
        resume = (out / FILE_NAME).is_file()
        return CollectJob(questions, agent, out, concurrency=self.config.concurrency, resume=resume)

    def collect(self, job: CollectJob) -> Collected:
        """The trajectories; what a journal has already is not made again."""
        with self.step("trajectories") as said:
            with shown_progress(STDERR) as report:
                done = asyncio.run(collect(job, report))
            said.append(
                f"{'resumed' if job.resume else 'collected'}: {done.n_rows:,} by the simulated teacher"
            )
        return done

    def write(self, world: World, job: CollectJob, done: Collected) -> None:
        """Rows, and the exact labels that only a generated world can give."""
        prompt = job.agent.prompt
        with self.step("dataset") as said:
            labels = list(oracle_labels(world, done.rows()))
            made = MadeBy(
                "quickstart", datetime.now(UTC), published_values(self.config), {prompt.id: prompt.text}
            )
            write_dataset(self.dataset, Tables(done.rows(), labels=labels), made)
            said.append(f"written: {done.n_rows:,} rows, {len(labels):,} exact labels")

    def is_written(self) -> bool:
        """Whether the dataset there was made with these settings."""
        if not (self.dataset / MANIFEST).is_file():
            return False
        return LocalDataset.open(self.dataset).manifest.config == published_values(self.config)

    def split(self) -> None:
        """The splits of the shipped F1 recipes, then the card."""
        with self.step("splits, card") as said:
            present = LocalDataset.open(self.dataset).manifest.recipes
            for recipe in map(load_recipe, RECIPES):
                if present.get(recipe.name, {}).get("hash") != recipe.hash:
                    manifest = make_split(self.dataset, recipe)
                    said.append(f"{recipe.name} {manifest.split(recipe.name).rows:,} rows,")
            said.append("card" if said else "reused;")
            write_card(self.dataset)


def run(config: QuickstartConfig, console: Console) -> None:
    """World, index, trajectories, labels, splits, card; then the table of recipes.

    Raises:
        TrajsetError: a folder in the way, or a disk that refuses.
    """
    started = time.perf_counter()
    this = _Quickstart(config, console)
    world = this.world()
    retriever = this.index()
    if this.is_written():
        console.print("[bold]trajectories[/] reused: the dataset is there, made with these settings")
    else:
        job = this.job(world, retriever)
        done = this.collect(job)
        if not done.complete:
            console.print("Stopped. `trajset quickstart` goes on from here.")
            return
        this.write(world, job, done)
    this.split()
    _show(this, time.perf_counter() - started)


def _show(this: _Quickstart, seconds: float) -> None:
    table = outcomes(LocalDataset.open(this.dataset), [load_recipe(name) for name in RECIPES]).table()
    table.title = "Simulated: made by the demo world's teacher, labelled exactly by its oracle"
    this.console.print(table)
    folder = this.dataset
    this.console.print(f"{seconds:.0f} s in all. Look at {folder}/README.md, then try:", highlight=False)
    for line in (
        f"trajset filter {folder} --recipe f1_search --set min_f1=0.9",
        f"trajset info {folder}",
        "python -c 'from datasets import load_dataset; "
        f'print(load_dataset("{folder}", split="f1_search"))\'',
    ):
        this.console.print(f"  {line}", highlight=False, soft_wrap=True)
