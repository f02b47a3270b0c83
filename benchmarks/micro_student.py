"""A micro student from nothing: rows of the demo world, plain TRL, then an exam about entities it never met.

    python benchmarks/micro_student.py [--steps 750] [--batch 48] [--rows 17000] [--exam 400] [--one-hop 1]
        [--out FOLDER]

World, index, rows and the split `f1_search` are made by trajset; training is TRL's `SFTTrainer` on that split
as `load_dataset` gives it; the exam is in another world, without the names that the first one has too. With
`--one-hop 0.5` half of the questions need two facts. The numbers measure a simulated task. One thread; the
settings of glibc and OpenMP at the end of docs/students.md make it several times as fast.
"""

import argparse
import asyncio
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from datasets import load_dataset
from machine import describe
from trajset.builder.collect import collect
from trajset.builder.collect_job import CollectJob
from trajset.builder.config import IndexConfig, TeacherKnobs, WorldConfig
from trajset.builder.dataset import Tables, write_dataset
from trajset.builder.manifest import MadeBy
from trajset.builder.prompts import load_prompt
from trajset.builder.retrieval.tantivy_index import TantivyRetriever, build_index
from trajset.builder.rollout import Agent
from trajset.builder.schema import Question
from trajset.builder.world.files import CORPUS, write_world
from trajset.builder.world.teacher import SimulatedTeacher
from trajset.builder.world.world import World, generate
from trajset.filters.recipes import load_recipe
from trajset.filters.splits import make_split
from trajset.trainers.held_out import Exam, examine, unseen_questions
from trajset.trainers.student import make_student, world_texts
from trl import SFTConfig, SFTTrainer

K = 1
SPLIT = "f1_search"


@dataclass(frozen=True)
class Place:
    """A world with its index."""

    world: World
    retriever: TantivyRetriever


def settings_of_world(entities: int, questions: int, seed: int, one_hop: float) -> WorldConfig:
    """A world of questions of one hop, that share of them, and of two."""
    return WorldConfig(
        entities, questions, seed, lookalikes=0.0, filler=0, one_hop=one_hop, comparison=0.0, max_hops=2
    )


def place(folder: Path, config: WorldConfig) -> Place:
    """A plain world and its index."""
    world = generate(config, "plain")
    write_world(world, folder / "world")
    build_index(str(folder / "world" / CORPUS), folder / "index", IndexConfig(name="demo-world"))
    return Place(world, TantivyRetriever.open(folder / "index"))


def make_rows(here: Place, folder: Path) -> list[Question]:
    """A dataset of the simulated teacher's rows with the split `f1_search`; all of its questions."""
    teacher = SimulatedTeacher(here.world, TeacherKnobs(known=0.0, misreading=0.0))
    agent = Agent(teacher, here.retriever, load_prompt("always_search", "tools"), k=K)
    done = asyncio.run(collect(CollectJob(here.world.questions, agent, folder)))
    write_dataset(folder, Tables(done.rows()), MadeBy("benchmark", datetime.now(UTC)))
    make_split(folder, load_recipe(SPLIT))
    return [row.question for row in done.rows()]


def settings(folder: Path, steps: int, batch: int) -> SFTConfig:
    """TRL's settings: full float32 training of the tokens that the teacher wrote."""
    return SFTConfig(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=batch,
        learning_rate=3e-3,
        lr_scheduler_type="cosine",
        warmup_steps=20,
        adam_beta2=0.98,
        max_grad_norm=1.0,
        logging_steps=25,
        max_length=1024,
        assistant_only_loss=True,
        bf16=False,
        use_cpu=True,
        gradient_checkpointing=False,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        seed=0,
    )


def main() -> None:
    """Make, train, examine, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=750)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rows", type=int, default=17_000)
    parser.add_argument("--exam", type=int, default=400)
    parser.add_argument("--one-hop", type=float, default=1.0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    print(describe("torch", "transformers", "trl"))
    with tempfile.TemporaryDirectory() as scratch:
        run(options.out or Path(scratch), options)


def run(out: Path, options: argparse.Namespace) -> None:
    """All steps, in the folder `out`."""
    started = time.perf_counter()
    here = place(out / "here", settings_of_world(20_000, options.rows, 0, options.one_hop))
    there = place(out / "there", settings_of_world(3000, 1500, 1, options.one_hop))
    trained = make_rows(here, out / "data")
    student = make_student(out / "student", world_texts(here.world)).folder
    # A cache of its own: the shared one takes folders of one name for one another.
    split = load_dataset(str(out / "data"), split=SPLIT, cache_dir=str(out / "cache"))
    split = split.select_columns(["messages", "tools"])
    print(f"{len(split):,} rows made in {time.perf_counter() - started:.0f} s")

    started = time.perf_counter()
    trainer = SFTTrainer(
        str(student), settings(out / "run", options.steps, options.batch), train_dataset=split
    )
    print(f"tokenised in {time.perf_counter() - started:.0f} s")
    started, used = time.perf_counter(), time.process_time()
    trainer.train()
    seconds, used = time.perf_counter() - started, time.process_time() - used
    for entry in trainer.state.log_history:
        if "loss" in entry:
            print(f"step {entry['step']:4}  loss {float(entry['loss']):.3f}")
    tokens = max(entry.get("num_tokens", 0) for entry in trainer.state.log_history)
    print(f"{options.steps} steps in {seconds:.0f} s ({used:.0f} s of CPU), {tokens / seconds:,.0f} tokens/s")
    trainer.save_model(str(student))

    unseen = list(unseen_questions(there.world.questions, trained))
    for hops in sorted({question.hops for question in unseen if question.hops}):
        asked = [question for question in unseen if question.hops == hops][: options.exam]
        started = time.perf_counter()
        found = examine(student, asked, there.retriever, Exam(k=K))
        print(f"held out, hops {hops}: {found} ({time.perf_counter() - started:.0f} s)")


if __name__ == "__main__":
    main()
