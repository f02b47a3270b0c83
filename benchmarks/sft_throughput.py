"""Supervised fine-tuning: `trajset train sft` beside TRL's bare `SFTTrainer`, same rows, same model, one run.

    python benchmarks/sft_throughput.py [--rows 1200] [--steps 30] [--batch 32] [--length 448] [--rounds 3]

TRL gets the split as `load_dataset` gives it, with `assistant_only_loss`. Ours renders, audits, counts what
it sees and keeps its account. Both train the micro student in float32 from the same weights on the same rows
in the same order: that they do is checked by the losses. The third is ours with packing, one sequence of
`--length` tokens a step. Rows are short: most of about a hundred tokens, few of up to four hundred, so that
a padded batch is mostly padding. The rounds take turns; the ratio is the median over the rounds of the tokens
(padding not counted) that a second of training takes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
import transformers
from datasets import disable_progress_bars, load_dataset
from machine import describe
from micro_student import SPLIT, Place, make_rows
from rich.console import Console
from trajset.builder.config import IndexConfig, WorldConfig
from trajset.builder.retrieval.tantivy_index import TantivyRetriever, build_index
from trajset.builder.world.files import CORPUS, write_world
from trajset.builder.world.world import generate
from trajset.trainers.named_split import open_split
from trajset.trainers.options import RenderingOptions, SftConfig, SftFitting
from trajset.trainers.render import Renderer
from trajset.trainers.run_book import RunBook
from trajset.trainers.run_folder import RunFolder
from trajset.trainers.sft import limits_of, sft_trainer, target_of
from trajset.trainers.student import make_student, world_texts
from trajset.trainers.student_model import find_student
from trajset.trainers.training_data import Preparation, prepare
from trajset.trainers.training_run import Audience, fit, new_lineage
from transformers import PrinterCallback
from trl import SFTConfig as TrlConfig
from trl import SFTTrainer

BARE, OURS, PACKED = "bare TRL", "trajset", "trajset, packed"
LENGTH = 1024


@dataclass(frozen=True)
class Setup:
    """What all share."""

    folder: Path
    steps: int
    batch: int
    length: int

    @property
    def student(self) -> Path:
        """The student's folder."""
        return self.folder / "student"


@dataclass(frozen=True)
class Measured:
    """One run: seconds before the first step, seconds of training, tokens in it, the losses."""

    prepared_s: float
    trained_s: float
    tokens: int
    losses: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return self.tokens / self.trained_s


def mixed_place(folder: Path, questions: int) -> Place:
    """A plain world with its index: nineteen of twenty questions are of one hop, the others of up to four."""
    config = WorldConfig(2000, questions, lookalikes=0.0, filler=0, one_hop=0.95, comparison=0.0)
    world = generate(config, "plain")
    write_world(world, folder / "world")
    build_index(str(folder / "world" / CORPUS), folder / "index", IndexConfig(name="demo-world"))
    return Place(world, TantivyRetriever.open(folder / "index"))


def losses(trainer: Any) -> tuple[float, ...]:
    """The losses that were logged."""
    return tuple(round(point["loss"], 4) for point in trainer.state.log_history if "loss" in point)


def runtime(trainer: Any) -> float:
    """Seconds of training, by the trainer's own clock."""
    return float(next(p for p in trainer.state.log_history if "train_runtime" in p)["train_runtime"])


def bare(setup: Setup, out: Path) -> Measured:
    """TRL as its documentation has it."""
    started = time.perf_counter()
    cache = str(setup.folder / "cache")  # by itself it takes another folder of the same name for this one
    rows = load_dataset(str(setup.folder / "data"), split=SPLIT, cache_dir=cache)
    rows = rows.select_columns(["messages", "tools"])
    trainer = SFTTrainer(
        str(setup.student),
        TrlConfig(
            output_dir=str(out),
            max_steps=setup.steps,
            per_device_train_batch_size=setup.batch,
            learning_rate=1e-3,
            max_length=LENGTH,
            assistant_only_loss=True,
            bf16=False,
            use_cpu=True,
            gradient_checkpointing=False,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            logging_first_step=True,
            seed=0,
        ),
        train_dataset=rows,
    )
    trainer.remove_callback(PrinterCallback)
    prepared = time.perf_counter() - started
    trainer.train()
    seconds = runtime(trainer)
    tokens = max(int(point.get("num_tokens", 0)) for point in trainer.state.log_history)
    return Measured(prepared, seconds, tokens, losses(trainer))


def ours(setup: Setup, out: Path, *, packing: bool) -> Measured:
    """The parts of `trajset train sft`, so that preparation and training are timed apart."""
    started = time.perf_counter()
    fitting = SftFitting(
        learning_rate=1e-3,
        max_steps=setup.steps,
        per_device_train_batch_size=1 if packing else setup.batch,
        save_steps=10 * setup.steps,
        packing=packing,
        trainer_arg=('save_strategy="no"',),
    )
    config = SftConfig(
        f"{setup.folder / 'data'}:{SPLIT}",
        str(setup.student),
        out,
        rendering=RenderingOptions(max_length=setup.length if packing else LENGTH),
        fitting=fitting,
    )
    student, split = find_student(config.model, None), open_split(config.data)
    target = target_of(student, config.rendering)
    renderer = Renderer(target, limits_of(student, config.rendering))
    data = prepare(split.rows(), Preparation(renderer, out / "work"))
    book = RunBook(RunFolder(out), new_lineage("sft", split.to_json(), student.to_json(), {}), print)
    trainer = sft_trainer(config, student, target, data, book)
    prepared = time.perf_counter() - started
    fit(trainer, book, target, Audience(Console(quiet=True), print))
    return Measured(prepared, runtime(trainer), book.lineage.progress.tokens_seen, losses(trainer))


def measure(setup: Setup, rounds: int) -> dict[str, list[Measured]]:
    """All three in turns, after one go of each that does not count."""
    ways: dict[str, Callable[[Path], Measured]] = {
        BARE: lambda out: bare(setup, out),
        OURS: lambda out: ours(setup, out, packing=False),
        PACKED: lambda out: ours(setup, out, packing=True),
    }
    found: dict[str, list[Measured]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            one = way(setup.folder / f"{name} {number}")
            if number:
                found[name].append(one)
    return found


def main() -> None:
    """Make rows, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1200)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--length", type=int, default=448, help="tokens of a packed sequence")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    disable_progress_bars()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    print(describe("torch", "transformers", "trl"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        here = mixed_place(folder / "here", options.rows)
        make_rows(here, folder / "data")
        make_student(folder / "student", world_texts(here.world))
        found = measure(Setup(folder, options.steps, options.batch, options.length), options.rounds)
    base = found[BARE]
    for name, runs in found.items():
        ratios = [one.rate / other.rate for one, other in zip(runs, base, strict=True)]
        seconds, tokens = median(one.trained_s for one in runs), median(one.tokens for one in runs)
        print(
            f"{name:16} prepared in {median(one.prepared_s for one in runs):5.2f} s, "
            f"{tokens:7,.0f} tokens in {seconds:6.2f} s, "
            f"{median(one.rate for one in runs):7,.0f} tokens/s, {median(ratios):.2f}x of bare TRL"
        )
    assert all(one.losses == other.losses for one, other in zip(found[OURS], base, strict=True)), (
        "other losses"
    )
    print(f"losses of the first two are equal: {base[0].losses}")


if __name__ == "__main__":
    main()
