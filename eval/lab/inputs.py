"""What the laboratory starts from: two worlds, their indexes, rows of the simulated teacher, a student."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson

from ...builder.collect import collect
from ...builder.collect_job import CollectJob
from ...builder.config import IndexConfig, WorldConfig
from ...builder.dataset import LocalDataset, Tables, write_dataset
from ...builder.journal import FILE_NAME
from ...builder.manifest import MANIFEST, MadeBy
from ...builder.prompts import load_prompt
from ...builder.questions import load_questions
from ...builder.retrieval.noise import NoisyRetriever, parse_noise
from ...builder.retrieval.tantivy_index import TantivyRetriever, build_index
from ...builder.rollout import Agent
from ...builder.schema import Row
from ...builder.shards import write_file
from ...builder.world.files import CORPUS, load_world, write_world
from ...builder.world.teacher import SimulatedTeacher
from ...builder.world.world import World, generate
from ...filters.recipes import load_recipe
from ...filters.splits import make_split
from ...trainers.student import make_student, world_texts
from .lessons import memory_rows, shuffled
from .places import Places
from .plan import SPLITS
from .sizes import DILIGENT, KNOBS, MEMORY, NOISE, Sizes

Card = Callable[[Path], object]
"""Writes the card of a dataset."""
_TOOL_SEED = 1000
"""Seed of the rows that the base learns the tool from; the seeds of the raw sets are 0, 1, 2, ..."""
_AT_ONCE = 64


def make_inputs(places: Places, sizes: Sizes, card: Card) -> None:
    """Worlds, indexes, questions by use, what the base learns from, and a student with random weights.

    Raises:
        StorageError: the disk refuses.
        KeyboardInterrupt: a signal stopped it; the next call goes on.
    """
    world = generate(_config(sizes.entities, _asked(sizes), 0), "plain")
    exam = generate(_config(sizes.exam_entities, sizes.exam_questions, 1), "plain")
    for made, folder, index in (
        (world, places.world, places.index),
        (exam, places.exam_world, places.exam_index),
    ):
        write_world(made, folder)
        build_index(str(folder / CORPUS), index, IndexConfig(name=f"demo-{folder.name}"))
    _write_questions(world, places, sizes)
    make_student(places.blank, world_texts(world))
    plain = TantivyRetriever.open(places.index)
    shown = Agent(SimulatedTeacher(world, DILIGENT), plain, load_prompt("adaptive", "tools"), k=1)
    tool = _collected(places, "tool", shown, _TOOL_SEED)
    card(places.rows("tool"))
    rehearsed = shuffled(list(tool.rows()), 0)[: sizes.rehearsed]
    told = [*memory_rows(exam, MEMORY, sizes.memory_rows), *rehearsed]
    _write(places.rows("memory"), shuffled(told, 1), card)


def make_rows(places: Places, seed: int, card: Card) -> None:
    """The raw set of a seed, and the splits that the recipes cut from it.

    Raises:
        DataError, StorageError: the inputs are damaged, or the disk refuses.
    """
    name = f"raw-{seed}"
    teacher = SimulatedTeacher(load_world(places.world), KNOBS)
    failing = NoisyRetriever(TantivyRetriever.open(places.index), parse_noise([NOISE]), seed)
    _collected(places, name, Agent(teacher, failing, load_prompt("always_search", "tools"), k=1), seed)
    for split in SPLITS.values():
        if split != "raw":
            make_split(places.rows(name), load_recipe(split))
    card(places.rows(name))


def _asked(sizes: Sizes) -> int:
    return sizes.tool_questions + sizes.questions + sizes.new_questions


def _config(entities: int, questions: int, seed: int) -> WorldConfig:
    """One-hop questions without look-alikes: what so small a student learns in minutes."""
    return WorldConfig(
        entities=entities,
        questions=questions,
        seed=seed,
        lookalikes=0.0,
        filler=0,
        one_hop=1.0,
        comparison=0.0,
    )


def _write_questions(world: World, places: Places, sizes: Sizes) -> None:
    """The questions by use: no question has two."""
    ends = [sizes.tool_questions, sizes.tool_questions + sizes.questions, len(world.questions)]
    for use, start, end in zip(("tool", "rows", "new"), [0, *ends], ends, strict=False):
        lines = [orjson.dumps(question) for question in world.questions[start:end]]
        write_file(places.questions(use), b"\n".join([*lines, b""]))


def _collected(places: Places, name: str, agent: Agent, seed: int) -> LocalDataset:
    """The simulated teacher's rows about the questions of a use."""
    out = places.rows(name)
    if not (out / MANIFEST).is_file():
        use = "tool" if name == "tool" else "rows"
        job = CollectJob(
            tuple(load_questions(str(places.questions(use)))), agent, out, seed=seed, concurrency=_AT_ONCE
        )
        done = asyncio.run(collect(dataclasses.replace(job, resume=(out / FILE_NAME).is_file())))
        if not done.complete:
            raise KeyboardInterrupt
        write_dataset(out, Tables(done.rows()), MadeBy("lab", datetime.now(UTC)))
    return LocalDataset.open(out)


def _write(out: Path, rows: Sequence[Row], card: Card) -> None:
    write_dataset(out, Tables(_numbered(rows)), MadeBy("lab", datetime.now(UTC)))
    card(out)


def _numbered(rows: Iterable[Row]) -> Iterator[Row]:
    """Each with a `sample_index` and an id of its own: a fact is told many times in the same words."""
    for place, row in enumerate(rows):
        identity = dataclasses.replace(row.identity, id=f"{row.id[:24]}{place:08x}", sample_index=place)
        yield dataclasses.replace(row, identity=identity)
