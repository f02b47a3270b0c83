"""Training on one GPU: how much of the card's matrix rate SFT and on-policy distillation make use of.

    python benchmarks/gpu_training.py [--attn sdpa|flash_attention_2] [--steps 30] [--batch 2] [--length 4096]
        [--opd-steps 4] [--rollouts 32] [--gradient-checkpointing] [--cpu-smoke]

Qwen3 models of 109 M and 596 M parameters with random weights, made on the spot, go through the parts of
`trajset train`: SFT on packed rows of the simulated teacher, then distillation of the smaller by the larger
with live searches. Weights are float32, matrix products bfloat16, the teacher bfloat16. What random weights
write is never a search; so every turn is generated to its last token, and its end is then replaced by a call,
or at the last turn by an answer. Utilisation is (6 N + 12 L H Q T) x tokens/s over the rate of large bfloat16
matrix products, measured in the same run (see `Model.flops`). T is the mean length of the row that a token
stands in, not that of the pack. In a step of distillation the student's writing and the teacher's reading
count as a forward pass each.

Without a GPU, or with `--cpu-smoke`, tiny models in float32 take the same way: that shows that it runs.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from datasets import disable_progress_bars
from gpu_models import WARM, Meter, Model, card, make_model, matrix_rate
from machine import describe
from micro_student import SPLIT, Place, make_rows
from rich.console import Console
from trajset.builder.config import IndexConfig, WorldConfig
from trajset.builder.errors import ConfigError
from trajset.builder.retrieval.tantivy_index import TantivyRetriever, build_index
from trajset.builder.world.files import CORPUS, write_world
from trajset.builder.world.world import generate
from trajset.trainers.arguments import common_arguments, with_others
from trajset.trainers.chat_tokenizer import open_tokenizer
from trajset.trainers.completions import Live
from trajset.trainers.live import LiveSettings, Writer
from trajset.trainers.live_chat import Room
from trajset.trainers.lockstep import Said
from trajset.trainers.named_split import open_split
from trajset.trainers.opd import LocalTeacher, OpdParts, opd_trainer
from trajset.trainers.opd_run import RecordedOpd
from trajset.trainers.options import Fitting, OpdFitting, RenderingOptions, SftConfig, SftFitting
from trajset.trainers.run_book import RunBook
from trajset.trainers.run_folder import RunFolder
from trajset.trainers.sft import preparation, sft_trainer, target_of
from trajset.trainers.student import CALL_HEAD, micro_tokenizer, world_texts
from trajset.trainers.student_model import StudentFiles, find_student
from trajset.trainers.target import Target
from trajset.trainers.training_data import prepare
from trajset.trainers.training_run import Audience, fit, new_lineage
from trl import DistillationConfig

TURNS, K = 4, 3


@dataclass(frozen=True)
class Setup:
    """What is measured, and where. `turn`: tokens that the student writes at a time."""

    folder: Path
    here: Place
    options: argparse.Namespace
    device: str
    turn: int

    @property
    def data(self) -> str:
        """The split."""
        return f"{self.folder / 'data'}:{SPLIT}"

    def common(self, steps: int) -> dict[str, Any]:
        """Options of both trainers."""
        checkpointing = self.options.gradient_checkpointing
        return {
            "learning_rate": 1e-4,
            "max_steps": WARM + steps,
            "use_cpu": self.device == "cpu",
            "gradient_checkpointing": "on" if checkpointing else "off",
            "attn_implementation": self.options.attn,
            "logging_steps": 10,
            "trainer_arg": ('save_strategy="no"',),
        }


@dataclass(frozen=True)
class Line:
    """A line of the table: seconds and tokens of a step, bytes at the peak, operations of a step."""

    what: str
    step: float
    tokens: float
    peak: int
    flops: float

    def text(self, rate: float) -> str:
        """Under the head of `main`."""
        memory = f"{self.peak / 2**30:.1f}" if self.peak else "-"
        return (
            f"{self.what:28} {self.step:8.3f} {self.tokens:9,.0f} {self.tokens / self.step:10,.0f} "
            f"{memory:>8} {self.flops / self.step / rate:7.1%}"
        )


class Steered(RecordedOpd):
    """What the model writes is generated in full; then its end is made a call, or at last an answer."""

    call: list[int]
    answer: list[int]
    head: int

    def single_turn(self, prompts: list[list[int]]) -> list[Said]:
        """The replies; how many searches a conversation has shows in its ids."""
        ends = [self.call if prompt.count(self.head) < TURNS - 1 else self.answer for prompt in prompts]
        said = super().single_turn(prompts)
        return [
            Said([*one.ids[: max(0, len(one.ids) - len(end))], *end])
            for one, end in zip(said, ends, strict=True)
        ]


def make_place(folder: Path, questions: int) -> Place:
    """A world in varied style, with its index."""
    world = generate(WorldConfig(entities=2000, questions=questions), "varied")
    write_world(world, folder / "world")
    build_index(str(folder / "world" / CORPUS), folder / "index", IndexConfig(name="demo-world"))
    return Place(world, TantivyRetriever.open(folder / "index"))


def run(trainer: Any, book: RunBook, target: Target, device: str) -> Meter:
    """Train to the end as `trajset train` does."""
    meter = Meter(book, device)
    trainer.book = book
    trainer.add_callback(meter)
    fit(trainer, book, target, Audience(Console(quiet=True), print))
    return meter


def new_book(setup: Setup, out: Path, method: str, student: StudentFiles) -> RunBook:
    """The account of a run."""
    lineage = new_lineage(method, open_split(setup.data).to_json(), student.to_json(), {})
    return RunBook(RunFolder(out), lineage, print)


def sft(setup: Setup, model: Model) -> Line:
    """Supervised fine-tuning, packed."""
    options, out = setup.options, setup.folder / f"sft-{model.name}"
    fitting = SftFitting(
        per_device_train_batch_size=options.batch, packing=True, **setup.common(options.steps)
    )
    config = SftConfig(
        setup.data,
        str(model.folder),
        out,
        rendering=RenderingOptions(max_length=options.length),
        fitting=fitting,
    )
    student = find_student(config.model, None)
    target = target_of(student, config.rendering)
    data = prepare(open_split(config.data).rows(), preparation(config, student, target, out / "work"))
    lengths = [len(ids) for ids in data.train["input_ids"]]
    print(f"{len(lengths):,} rows of {sum(lengths) / len(lengths):,.0f} tokens")
    book = new_book(setup, out, "sft", student)
    meter = run(sft_trainer(config, student, target, data, book), book, target, setup.device)
    spanned = sum(length**2 for length in lengths) / sum(lengths)
    flops = meter.tokens * model.flops(spanned)
    return Line(
        f"SFT {model.name} ({model.parameters / 1e6:.0f} M)", meter.step, meter.tokens, meter.peak, flops
    )


def opd(setup: Setup, model: Model, teacher: Model) -> Line:
    """On-policy distillation with live searches."""
    options, out = setup.options, setup.folder / "opd"
    batch = min(8, options.rollouts)
    fitting = OpdFitting(
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=options.rollouts // batch,
        **setup.common(options.opd_steps),
    )
    student = find_student(str(model.folder), None)
    target = target_of(student, RenderingOptions(grammar="tools"))
    room = Room(setup.turn, 6144, 8192)
    parts = OpdParts(
        student.place,
        target,
        LocalTeacher(str(teacher.folder), open_tokenizer(str(teacher.folder)).inner),
        Live(setup.here.world.questions, Writer(model.name), samples=1),
        LiveSettings(setup.here.retriever, room, k=K, turns=TURNS),
    )
    trainer = opd_trainer(opd_arguments(setup, fitting, out, room), parts, Steered)
    inner: Any = target.tokenizer.inner
    asked = json.dumps({"name": "search", "arguments": {"query": setup.here.world.questions[0].question}})
    texts = (f"<tool_call>{asked}</tool_call><|im_end|>", "<answer>Oslo</answer><|im_end|>", CALL_HEAD)
    trainer.call, trainer.answer, (trainer.head,) = (
        inner(text, add_special_tokens=False)["input_ids"] for text in texts
    )
    meter = run(trainer, new_book(setup, out, "opd", student), target, setup.device)
    length = meter.tokens / options.rollouts
    flops = meter.tokens * (4 / 3 * model.flops(length) + teacher.flops(length) / 3)
    searches = [point["rollouts/searches"] for point in trainer.state.log_history if "loss" in point]
    print(f"OPD: {length:,.0f} tokens and {searches[-1]:.1f} searches a rollout")
    return Line(f"OPD {model.name} by {teacher.name}", meter.step, meter.tokens, meter.peak, flops)


def opd_arguments(setup: Setup, fitting: Fitting, out: Path, room: Room) -> DistillationConfig:
    """TRL's config: every turn is generated to its limit."""
    arguments = common_arguments(fitting, out, None) | {
        "beta": 1.0,
        "max_completion_length": room.completion,
        "generation_kwargs": {"min_new_tokens": room.turn},
        "teacher_model_init_kwargs": {
            "dtype": "float32" if setup.device == "cpu" else "bfloat16",
            "attn_implementation": setup.options.attn,
        },
    }
    return with_others(DistillationConfig, arguments, fitting.trainer_arg)


def measured(what: Callable[[], Line], name: str) -> Line | None:
    """A line; None where memory or a library does not let it be measured, which is said."""
    started = time.perf_counter()
    try:
        line = what()
    except (ConfigError, torch.OutOfMemoryError) as error:
        print(f"{name}: {error}")
        return None
    finally:
        gc.collect()
        torch.cuda.empty_cache()
    rate = line.tokens / line.step
    print(f"{name}: {rate:,.0f} tokens/s; {time.perf_counter() - started:.0f} s in all", flush=True)
    return line


def read_options(given: Sequence[str]) -> argparse.Namespace:
    """The options; small numbers where there is no GPU."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    no_gpu = not torch.cuda.is_available()
    parser.add_argument("--cpu-smoke", action="store_true", default=no_gpu, help="the default without a GPU")
    smoke = "--cpu-smoke" in given or no_gpu
    parser.add_argument("--attn", choices=["sdpa", "flash_attention_2"], default="sdpa")
    parser.add_argument("--steps", type=int, default=2 if smoke else 30)
    parser.add_argument("--batch", type=int, default=1 if smoke else 2, help="packed sequences a step")
    parser.add_argument("--length", type=int, default=2048 if smoke else 4096, help="tokens of each")
    parser.add_argument("--opd-steps", type=int, default=1 if smoke else 4)
    parser.add_argument("--rollouts", type=int, default=2 if smoke else 32, help="rollouts a step")
    parser.add_argument("--gradient-checkpointing", action="store_true")
    return parser.parse_args(given)


def main() -> None:
    """Make models and rows, measure, print the table."""
    options = read_options(sys.argv[1:])
    smoke = options.cpu_smoke
    device = "cpu" if smoke else "cuda"
    if smoke:
        torch.set_num_threads(1)
        print("CPU SMOKE TEST: tiny models in float32; the numbers say nothing about a GPU")
    disable_progress_bars()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    print(describe("torch", "transformers", "trl", "accelerate"))
    rate = matrix_rate(device)
    print(
        f"{card(device)}: {rate / 1e12:,.2f} TFLOP/s in {'float32' if smoke else 'bfloat16'} matrix products"
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        here = make_place(folder / "here", 60 if smoke else 2000)
        make_rows(here, folder / "data")
        tokenizer = micro_tokenizer(world_texts(here.world), 2048)
        names = ("tiny", "small") if smoke else ("100m", "600m")
        student, teacher = (make_model(name, folder / name, tokenizer) for name in names)
        setup = Setup(folder, here, options, device, 48 if smoke else 128)
        ways: dict[str, Callable[[], Line]] = {
            f"SFT {student.name}": lambda: sft(setup, student),
            f"SFT {teacher.name}": lambda: sft(setup, teacher),
            "OPD": lambda: opd(setup, student, teacher),
        }
        lines = [measured(way, name) for name, way in ways.items()]
    print(f"\n{'':28} {'step s':>8} {'tokens':>9} {'tokens/s':>10} {'peak GiB':>8} {'MFU':>7}")
    for line in filter(None, lines):
        print(line.text(rate))
    print(f"on {card(device)}, attention {options.attn}; tokens are those of a step, padding not counted")


if __name__ == "__main__":
    main()
