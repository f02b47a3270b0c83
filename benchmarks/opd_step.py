"""A step of on-policy distillation: ours beside TRL's bare `DistillationTrainer` with the same tool.

    python benchmarks/opd_step.py [--student FOLDER] [--steps 8] [--rounds 3] [--batch 32]

Both train the same micro student against the same teacher on the same questions, in turns. Sampling is
greedy, so that both write the same turns and make the same searches; that they did is checked by the losses.
Without `--student` one is made first (SFT, minutes), which searches as it should.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from datasets import Dataset, load_dataset
from machine import describe
from micro_student import SPLIT, Place, make_rows, place, settings_of_world
from micro_student import settings as sft_settings
from trajset.builder.prompts import SEARCH_TOOL, load_prompt, observation_text
from trajset.builder.retrieval.retriever import Retriever
from trajset.builder.schema import Question, SearchCall
from trajset.trainers.chat_tokenizer import open_tokenizer
from trajset.trainers.completions import Live
from trajset.trainers.live import LiveSettings, Writer
from trajset.trainers.live_chat import Room
from trajset.trainers.opd import LocalTeacher, OpdParts, opd_trainer
from trajset.trainers.step_store import StepStore
from trajset.trainers.student import make_student, world_texts
from trajset.trainers.target import choose_target
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, TrainerCallback
from trl import DistillationConfig, DistillationTrainer, SFTTrainer

WHO, KINDS = ("bare TRL", "trajset"), ("wall", "processor")
TURNS, K, ROOM = 4, 1, Room(160, 160, 2048)


class Search(dict[str, Any]):
    """The search tool as TRL takes one, with the schema that our prompts have."""

    __name__ = "search"

    def __init__(self, retriever: Retriever) -> None:
        super().__init__(SEARCH_TOOL)
        self.retriever = retriever

    def __call__(self, query: str) -> str:
        """What the model reads."""
        (hits,) = self.retriever.search([query], K)
        return observation_text(SearchCall(query, tuple(hits)))


@dataclass(frozen=True)
class Setup:
    """What both runs share."""

    student: Path
    here: Place
    questions: tuple[Question, ...]
    out: Path
    steps: int
    batch: int

    def args(self, name: str) -> DistillationConfig:
        """TRL's settings."""
        return DistillationConfig(
            output_dir=str(self.out / name),
            max_steps=self.steps,
            per_device_train_batch_size=self.batch,
            learning_rate=1e-5,
            logging_steps=1,
            max_completion_length=ROOM.completion,
            max_tool_calling_iterations=TURNS - 1,
            generation_kwargs={"do_sample": False},
            bf16=False,
            use_cpu=True,
            gradient_checkpointing=False,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            seed=0,
        )

    def model(self) -> Any:
        """The student's weights; the teacher has them too, a little changed."""
        return AutoModelForCausalLM.from_pretrained(self.student, dtype=torch.float32)

    def teacher(self) -> LocalTeacher:
        """A teacher of the student's size."""
        model = self.model()
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for weights in model.parameters():
                weights += 0.2 * weights.std() * torch.randn(weights.shape, generator=generator)
        return LocalTeacher(model, AutoTokenizer.from_pretrained(self.student))


def ours(setup: Setup, name: str) -> Any:
    """Our trainer, rows kept."""
    live = Live(setup.questions, Writer("micro"), samples=1, store=StepStore(setup.out / name / "steps"))
    settings = LiveSettings(setup.here.retriever, ROOM, k=K, turns=TURNS)
    target = choose_target(open_tokenizer(str(setup.student)), "tools")
    return opd_trainer(setup.args(name), OpdParts(setup.model(), target, setup.teacher(), live, settings))


def bare(setup: Setup, name: str) -> Any:
    """TRL's trainer with a tool."""
    text = load_prompt("always_search", "tools").text
    prompts = [
        [{"role": "system", "content": text}, {"role": "user", "content": one.question}]
        for one in setup.questions
    ]
    return DistillationTrainer(
        model=setup.model(),
        teacher_model=setup.teacher().model,
        args=setup.args(name),
        train_dataset=Dataset.from_dict({"prompt": prompts}),
        processing_class=AutoTokenizer.from_pretrained(setup.student),
        tools=[Search(setup.here.retriever)],
    )


class Clocks(TrainerCallback):
    """Seconds of every step: of the clock, and of the processor, which a busy machine does not change."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.processor: list[float] = []

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """A step, its generation included, begins."""
        self._began = time.perf_counter(), time.process_time()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """It ends."""
        self.wall.append(time.perf_counter() - self._began[0])
        self.processor.append(time.process_time() - self._began[1])


def run(trainer: Any) -> tuple[list[dict[str, float]], Clocks]:
    """Every step's numbers and times."""
    clocks = Clocks()
    trainer.add_callback(clocks)
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return [point for point in trainer.state.log_history if "step_time" in point], clocks


def trained_student(here: Place, out: Path, steps: int) -> Path:
    """A student that searches as it should."""
    make_rows(here, out / "data")
    student = make_student(out / "student", world_texts(here.world)).folder
    # A cache of its own: the shared one takes folders of one name for one another.
    split = load_dataset(str(out / "data"), split=SPLIT, cache_dir=str(out / "cache"))
    split = split.select_columns(["messages", "tools"])
    trainer = SFTTrainer(str(student), sft_settings(out / "sft", steps, 48), train_dataset=split)
    trainer.train()
    trainer.save_model(str(student))
    return student


def main() -> None:
    """Make what is missing, run both in turns, print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--student", type=Path)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    print(describe("torch", "transformers", "trl"))
    with tempfile.TemporaryDirectory() as scratch:
        out = options.out or Path(scratch)
        here = place(out, settings_of_world(20_000, 6000, 0, 1.0))
        student = options.student or trained_student(here, out, 160)
        asked = here.world.questions[-options.steps * options.batch :]
        compare(Setup(student, here, asked, out, options.steps, options.batch), options.rounds)


def compare(setup: Setup, rounds: int) -> None:
    """Both in turns, `rounds` times; the first step of each run warms up and does not count."""
    times: dict[str, list[float]] = {f"{who} {what}": [] for what in KINDS for who in WHO}
    for number in range(rounds):
        theirs, their_clocks = run(bare(setup, f"bare-{number}"))
        mine, my_clocks = run(ours(setup, f"ours-{number}"))
        for who, clocks in zip(WHO, (their_clocks, my_clocks), strict=True):
            times[f"{who} wall"] += clocks.wall[1:]
            times[f"{who} processor"] += clocks.processor[1:]
        pairs = [(a["loss"], b["loss"]) for a, b in zip(theirs, mine, strict=True)]
        same = all(abs(a - b) <= 1e-4 * abs(a) for a, b in pairs)
        print(
            f"round {number + 1}: losses {'equal' if same else f'differ {pairs}'}; searches a question "
            f"{theirs[0]['tools/call_frequency']:.2f} and {mine[0]['rollouts/searches']:.2f}, "
            f"f1 {mine[0]['rollouts/f1']:.2f}"
        )
    for kind in KINDS:
        base, ours_too = (times[f"{who} {kind}"] for who in WHO)
        ratio = median(a / b for a, b in zip(ours_too, base, strict=True))
        print(
            f"{kind} seconds a step of {setup.batch} rollouts: {WHO[0]} {median(base):.3f}, {WHO[1]} "
            f"{median(ours_too):.3f}, ratio {ratio:.3f} (medians of {len(base)} steps)"
        )


if __name__ == "__main__":
    main()
