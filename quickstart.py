"""`trajset quickstart`: the whole chain on the demo world, each step reused where it is done already."""

from __future__ import annotations

import asyncio
import shlex
import time
import tomllib
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from glob import escape as escaped_pattern
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.markup import escape

from .builder.agent import Agent
from .builder.collect import Collected, collect
from .builder.collect_job import CollectJob
from .builder.collect_progress import shown_progress
from .builder.config import IndexConfig, QuickstartConfig, published_values, save_config
from .builder.dataset import LocalDataset, Tables, write_dataset
from .builder.errors import ConfigError, Problem
from .builder.journal import FILE_NAME
from .builder.manifest import MANIFEST, MadeBy
from .builder.prompts import load_prompt
from .builder.retrieval.tantivy_index import TantivyRetriever, build_index
from .builder.world.files import CORPUS, SETTINGS, load_world, write_world
from .builder.world.oracle import oracle_labels
from .builder.world.teacher import SimulatedTeacher
from .builder.world.world import World, generate
from .commands.judge import shown_progress as shown_judging
from .commands.progress import STDERR, counting
from .dataset_cards.render import write_card
from .filters.judge import judge_dataset
from .filters.judge_config import SIMULATED, JudgeConfig
from .filters.judge_open import open_job
from .filters.outcomes import outcomes
from .filters.recipes import load_recipe
from .filters.splits import make_split

RECIPES = ("llm_judge", "llm_judge_reflect", "f1_only", "f1_search")
_PASSAGES_PER_SEARCH = 5


def loading_code(folder: Path, split: str) -> str:
    """Python that prints a split of a folder, found by its files: the cache of `load_dataset(FOLDER)` knows a
    folder by its last name only."""
    files = orjson.dumps(f"{escaped_pattern(str(folder))}/data/{split}-*.parquet").decode()
    load = f'load_dataset("parquet", data_files={files}, split="train")'
    return f"from datasets import load_dataset; print({load})"


RUN = "config.toml"
"""The settings that a demo was begun with, in its folder."""


def _deciding(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that decide what the rows will be."""
    return {name: value for name, value in values.items() if name not in ("out", "concurrency")}


@dataclass(frozen=True, slots=True)
class _Quickstart:
    """One run: its settings, its folders, and where it prints a line per step."""

    config: QuickstartConfig
    console: Console

    @property
    def dataset(self) -> Path:
        return self.config.out / "dataset"

    def check_folder(self) -> None:
        """See that the folder is free, or holds a demo with these settings, before anything is replaced.

        Raises:
            ConfigError: it was begun with other settings.
        """
        wanted, begun = _deciding(published_values(self.config)), self._begun_with()
        if other := {name: value for name, value in begun.items() if wanted.get(name) != value}:
            rule = "must be free, or hold a demo with the same settings"
            listed = ", ".join(f"{name}={value}" for name, value in other.items())
            fix = f"That one was begun with {listed}: set these, or name another --out."
            raise ConfigError(str(Problem("--out", rule, str(self.config.out), fix)))

    def _begun_with(self) -> dict[str, Any]:
        file = self.config.out / RUN
        try:
            return _deciding(tomllib.loads(file.read_text("utf-8"))) if file.is_file() else {}
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            fix = "Delete the folder, or name another --out."
            raise ConfigError(str(Problem(str(file), "must be TOML", str(error), fix))) from error

    @contextmanager
    def step(self, name: str) -> Generator[list[str]]:
        """The block appends what came of the step; it is printed with the seconds it took."""
        started, said = time.perf_counter(), list[str]()
        yield said
        seconds = f"{time.perf_counter() - started:.1f} s"
        line = f"[bold]{name:<13}[/]{escape(' '.join(said))}  [dim]{seconds}[/]"
        self.console.print(line, highlight=False, markup=True)

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
            with shown_progress(STDERR) as (report, _):
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
        made_with = LocalDataset.open(self.dataset).manifest.config
        return _deciding(made_with) == _deciding(published_values(self.config))

    def judge(self) -> None:
        """The simulated judge's verdicts, and those after reflection; what is judged already stays."""
        config = JudgeConfig(SIMULATED, reflect=True, resume=True, knobs=self.config.judge)
        with self.step("verdicts") as said:
            with shown_judging(STDERR) as report:
                judged = judge_dataset(self.dataset, open_job(config), report)
            if judged.asked.tally.draining:
                raise KeyboardInterrupt
            rows = judged.asked.tally.finished
            said.append(f"judged: {rows:,} rows by the simulated judge, twice" if rows else "reused")

    def split(self) -> None:
        """The splits of the four recipes, then the card."""
        with self.step("splits, card") as said:
            present = LocalDataset.open(self.dataset).manifest.recipes
            for recipe in map(load_recipe, RECIPES):
                if present.get(recipe.name, {}).get("hash") != recipe.hash:
                    manifest = make_split(self.dataset, recipe)
                    said.append(f"{recipe.name} {manifest.split(recipe.name).rows:,} rows,")
            said.append("card" if said else "reused")
            write_card(self.dataset)


def run(config: QuickstartConfig, console: Console) -> None:
    """World, index, trajectories, labels, verdicts, splits, card; then the table of recipes.

    Raises:
        TrajsetError: a folder in the way, or a disk that refuses.
        KeyboardInterrupt: it was stopped; what is finished is kept.
    """
    started = time.perf_counter()
    this = _Quickstart(config, console)
    this.check_folder()
    world = this.world()
    save_config(config, config.out / RUN)
    retriever = this.index()
    if this.is_written():
        reused = "[bold]trajectories[/] reused: the dataset is there, made with these settings"
        console.print(reused, markup=True)
    else:
        job = this.job(world, retriever)
        done = this.collect(job)
        if not done.complete:
            console.print("Stopped. The same command goes on from here.")
            raise KeyboardInterrupt
        this.write(world, job, done)
    this.judge()
    this.split()
    _show(this, time.perf_counter() - started)


def _show(this: _Quickstart, seconds: float) -> None:
    table = outcomes(LocalDataset.open(this.dataset), [load_recipe(name) for name in RECIPES]).table()
    table.title = "Simulated: teacher and judge are programs of the demo world, its oracle labels exactly"
    this.console.print(table)
    folder = shlex.quote(str(this.dataset))
    this.console.print(f"{seconds:.0f} s in all. Look at {folder}/README.md, then try:", highlight=False)
    for line in (
        f"trajset ablate {folder} --out {shlex.quote(str(this.config.out / 'ablation'))}",
        f"trajset filter {folder} --recipe f1_search --set min_f1=0.9",
        f'trajset sql "SELECT hops, avg(f1) FROM rows GROUP BY hops ORDER BY hops" {folder}',
        f"python -c {shlex.quote(loading_code(this.dataset, 'f1_search'))}",
    ):
        this.console.print(f"  {line}", highlight=False, soft_wrap=True)
