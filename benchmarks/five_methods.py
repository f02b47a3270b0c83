"""The five methods for real: a micro student on a named split of a dataset published to a Hub, on one CPU.

    python benchmarks/five_methods.py [--out FOLDER] [--exam 400] [--quick]

Everything is a `trajset` command, as a user gives it, against the stub Hub of the tests: the demo world, its
index, the simulated teacher's rows, the split `f1_search`, `publish`; then `train sft`, `opd`, `mixed`, `rft`
and `grpo`, each from `REPO@v1:f1_search`; and after each an exam of one-hop questions about the entities of
another world, with live search. It measures a simulated task. With `--out` a run that was stopped goes on.
`--quick` makes everything tiny: it tries the commands out and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from machine import describe
from trajset.builder.refs import DatasetRef, open_ref
from trajset.builder.retrieval.tantivy_index import TantivyRetriever
from trajset.builder.world.files import load_world
from trajset.trainers.held_out import Exam, HeldOut, examine, unseen_questions

STUB = Path(__file__).resolve().parents[1] / "tests" / "hub_stub.py"
REPO, SPLIT = "me/demo-world", "f1_search"
PLAIN = ("--plain", "--one-hop", "1", "--comparison", "0", "--lookalikes", "0", "--filler", "0")
FAST = {
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456",
    "OMP_WAIT_POLICY": "passive",
    "GOMP_SPINCOUNT": "0",
}
ADAM = ("--adam-beta2", "0.98", "--lr-scheduler-type", "cosine", "--logging-steps", "10")


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    entities: int = 20_000
    questions: int = 17_000
    new_questions: int = 1500
    exam: int = 400
    sft: int = 750
    half: int = 300
    opd: int = 150
    mixed_sft: int = 450
    mixed_opd: int = 200
    grpo: int = 40
    batch: int = 48
    rollouts: int = 32


QUICK = Sizes(400, 300, 100, 20, 4, 2, 2, 2, 2, 2, 8, 8)


class Bench:
    """The folder, the Hub's address, and what came out."""

    def __init__(self, out: Path, address: str, sizes: Sizes) -> None:
        self.out, self.sizes = out, sizes
        hub = {"HF_ENDPOINT": address, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(out / "hf")}
        self.environment = os.environ | FAST | hub | {"HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        self.lines: list[str] = []

    def trajset(self, *tokens: object) -> float:
        """Run a command, with `--resume` where its folder is there; seconds."""
        command = [str(token) for token in tokens]
        print(f"$ trajset {shlex.join(command)}", flush=True)
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "trajset", *command],
            cwd=self.out,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            check=False,
        )
        if done.returncode:
            sys.exit(done.returncode)
        print("".join(f"  {line}\n" for line in done.stdout.splitlines()[-2:]), end="", flush=True)
        return time.perf_counter() - started

    def make(self) -> None:
        """World, index, rows, split, published; the student; the world of the exam."""
        sizes = self.sizes
        worlds = (("here", sizes.entities, sizes.questions, 0), ("new", 4000, sizes.new_questions, 2))
        for name, entities, questions, seed in (*worlds, ("there", 3000, 500, 1)):
            if not (self.out / f"{name}-index").is_dir():
                counts = ("--entities", entities, "--questions", questions, "--seed", seed)
                self.trajset("world", name, *PLAIN, *counts)
                self.trajset("index", f"{name}/corpus.jsonl", f"{name}-index")
        if not (self.out / "data" / "manifest.json").is_file():
            simulated = ("--teacher", "simulated", "--world", "here", "--known", "0", "--misreading", "0")
            asked = ("--questions", "here/questions.jsonl", "--index", "here-index", "--k", 1)
            self.trajset("collect", *simulated, *asked, "--out", "data")
            self.trajset("filter", "data", "--recipe", SPLIT)
        self.trajset("publish", "data", REPO, "--tag", "v1")
        if not (self.out / "student").is_dir():
            self.trajset("student", "student", "--world", "here")

    def train(self, method: str, out: str, *options: object) -> float:
        """Train by a method on the published split; seconds, 0 where that was done before."""
        done = self.out / out / "training.json"
        if done.is_file() and json.loads(done.read_bytes())["state"] == "complete":
            return 0.0
        resume = ("--resume",) if done.is_file() else ()
        data = ("--data", f"{REPO}@v1:{SPLIT}")
        return self.trajset("train", method, *data, "--out", out, *options, *resume)

    def examined(self, folder: str) -> HeldOut:
        """What a student knows of a world that it never saw."""
        trained = (row.question for row in open_ref(DatasetRef(path=self.out / "data")).rows(SPLIT))
        asked = list(unseen_questions(load_world(self.out / "there").questions, trained))
        retriever = TantivyRetriever.open(self.out / "there-index")
        return examine(self.out / folder, asked[: self.sizes.exam], retriever, Exam(k=1))

    def tell(self, what: str, folder: str, seconds: float = 0.0) -> HeldOut:
        """Print and keep a line about a student."""
        found = self.examined(folder)
        lineage = self.out / folder / "training.json"
        steps = json.loads(lineage.read_bytes())["progress"]["step"] if lineage.is_file() else 0
        took = f"{seconds:.0f} s" if seconds else "before"
        line = f"| {what} | {steps:,} | {took} | {losses(self.out / folder)} | {found.accuracy:.1%} |"
        print(f"  {found}", flush=True)
        self.lines.append(f"{line[:-2]} | {found.searches_per_question:.2f} |")
        return found


def losses(folder: Path) -> str:
    """The first and the last loss of a run."""
    folders = (folder, folder / "opd", folder / "round-1" / "model")
    file = next((one / "history.jsonl" for one in folders if (one / "history.jsonl").is_file()), None)
    if file is None:
        return ""
    points = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    found = [point["loss"] for point in points if "loss" in point]
    return f"{found[0]:.3g} to {found[-1]:.3g}" if found else ""


def run(bench: Bench) -> None:
    """All five."""
    sizes = bench.sizes
    bench.make()
    fit = ("--per-device-train-batch-size", sizes.batch, *ADAM)
    live = ("--index", "here-index", "--k", 1, "--max-tokens", 64, "--max-completion-length", 256)
    roll = ("--per-device-train-batch-size", sizes.rollouts, "--gradient-accumulation-steps", 1)

    sft = ("--learning-rate", 3e-3, "--warmup-steps", 20, "--max-steps", sizes.sft)
    keep = ("--save-steps", sizes.half, "--save-total-limit", 0)
    seconds = bench.train("sft", "sft", "--model", "student", *sft, *fit, *keep)
    half = f"sft/checkpoint-{sizes.half}"
    bench.tell("SFT", "sft", seconds)
    begun = bench.tell(f"half-trained: SFT at step {sizes.half}", half)

    opd = ("--max-steps", sizes.opd, "--learning-rate", 1e-3, "--beta", 0, "--samples", 1, *roll, *ADAM)
    seconds = bench.train("opd", "opd", "--model", half, "--teacher", "sft", *live, *opd)
    taught = bench.tell("OPD from the half-trained, teacher SFT", "opd", seconds)

    new = ("--questions", "new/questions.jsonl", "--index", "new-index", "--k", 1, "--max-tokens", 64)
    rft = ("--learning-rate", 5e-4, "--num-train-epochs", 2, "--min-kept", 2 if sizes is QUICK else 64)
    seconds = bench.train("rft", "rft", "--model", half, *new, *rft, *fit) if sizes is not QUICK else 0.0
    kept = bench.tell("RFT from the half-trained", "rft", seconds) if sizes is not QUICK else begun

    stages = (
        *("--sft.learning-rate", 3e-3, "--sft.warmup-steps", 20, "--sft.max-steps", sizes.mixed_sft),
        *("--sft.per-device-train-batch-size", sizes.batch, "--sft.adam-beta2", 0.98),
        *("--sft.lr-scheduler-type", "cosine", "--opd.lr-scheduler-type", "cosine", "--opd.adam-beta2", 0.98),
        *(
            "--opd.learning-rate",
            1e-3,
            "--opd.warmup-steps",
            20,
            "--opd.max-steps",
            sizes.mixed_opd,
            "--beta",
            0,
            "--samples",
            1,
        ),
        *("--opd.per-device-train-batch-size", sizes.rollouts, "--opd.gradient-accumulation-steps", 1),
    )
    seconds = bench.train("mixed", "mixed", "--model", "student", "--teacher", "sft", *live, *stages)
    first = bench.tell("Mixed, its SFT stage", "mixed/sft")
    both = bench.tell("Mixed", "mixed", seconds)

    grpo = ("--max-steps", sizes.grpo, "--learning-rate", 3e-4, "--num-generations", 8, *roll)
    seconds = bench.train("grpo", "grpo", "--model", "student", *live, *grpo)
    bench.tell("GRPO from scratch", "grpo", seconds)
    print("\n| | steps | wall | loss | held out, right | searches |\n|---|---:|---:|---|---:|---:|")
    print("\n".join(bench.lines))
    print(
        f"\nOPD {taught.accuracy - begun.accuracy:+.1%} points, RFT {kept.accuracy - begun.accuracy:+.1%}, "
        f"Mixed {both.accuracy - first.accuracy:+.1%} over its SFT stage"
    )


def main() -> None:
    """Serve the stub, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--exam", type=int, default=400)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.disable_progress_bar()
    print(describe("torch", "transformers", "trl"), flush=True)
    hub = subprocess.Popen([sys.executable, str(STUB), "--port", "8391"], stdout=subprocess.PIPE, text=True)
    try:
        address = str(hub.stdout.readline() if hub.stdout else "").split()[0].partition("=")[2]
        with tempfile.TemporaryDirectory() as scratch:
            out = (options.out or Path(scratch)).resolve()
            out.mkdir(parents=True, exist_ok=True)
            run(Bench(out, address, QUICK if options.quick else Sizes(exam=options.exam)))
    finally:
        hub.terminate()


if __name__ == "__main__":
    main()
