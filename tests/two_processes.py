"""A step of distillation in two processes, one of which has more turns to make than the other.

    torchrun --nproc-per-node 2 tests/two_processes.py STUDENT OUT

Prints for each process a line of JSON: how many prompts each of its generations had, and what it learns from.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from live_rollouts import HITS, Library, question
from trajset.trainers.chat_tokenizer import open_tokenizer
from trajset.trainers.completions import Live
from trajset.trainers.live import LiveSettings, Writer
from trajset.trainers.live_chat import Room
from trajset.trainers.lockstep import Said
from trajset.trainers.opd import LocalTeacher, OpdParts, OpdTrainer, opd_trainer
from trajset.trainers.step_store import StepStore
from trajset.trainers.target import choose_target
from trl import DistillationConfig

CALL = '<tool_call>{"name": "search", "arguments": {"query": "Vesna director"}}</tool_call><|im_end|>'
ANSWER = "<answer>Oslo</answer><|im_end|>"


class Scripted(OpdTrainer):
    """The first process's rollouts search twice, the second's not at all."""

    def single_turn(self, prompts: list[list[int]]) -> list[Said]:
        """Searches as long as it may, then answers."""
        calls.append(len(prompts))
        searches = 2 if self.accelerator.process_index == 0 else 0
        text = CALL if len(calls) <= searches else ANSWER
        ids = self.processing_class(text, add_special_tokens=False)["input_ids"]
        return [Said(ids) for _ in prompts]


calls: list[int] = []


def main(student: str, out: Path) -> None:
    """Train one step."""
    torch.set_num_threads(1)
    args = DistillationConfig(
        output_dir=str(out),
        per_device_train_batch_size=2,
        max_completion_length=256,
        max_steps=1,
        logging_steps=1,
        bf16=False,
        use_cpu=True,
        gradient_checkpointing=False,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        shuffle_dataset=False,
    )
    tokenizer = open_tokenizer(student)
    live = Live(tuple(map(question, range(4))), Writer("micro"), 1, StepStore(out / "steps"))
    settings = LiveSettings(Library(HITS), Room(64, 256, 2048))
    parts = OpdParts(
        student, choose_target(tokenizer, "tools"), LocalTeacher(student, tokenizer.inner), live, settings
    )
    trainer: Any = opd_trainer(args, parts, Scripted)
    trainer.train()
    point = next(entry for entry in trainer.state.log_history if "loss" in entry)
    told = {
        "process": trainer.accelerator.process_index,
        "calls": calls,
        "searches": point["rollouts/searches"],
    }
    sys.stdout.write(json.dumps(told) + "\n")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
