"""The benchmark for a GPU: its formula beside counted operations; the whole of it on a CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="needs the extra [train]")

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def test_the_formula_is_what_pytorch_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from trajset.trainers.student import micro_tokenizer
    from transformers import Qwen3ForCausalLM

    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from gpu_models import make_model

    made = make_model("small", tmp_path, micro_tokenizer(["a page"], 400))
    model = Qwen3ForCausalLM.from_pretrained(tmp_path, attn_implementation="eager")
    ids = torch.randint(0, 300, (2, 64))
    with FlopCounterMode(display=False) as counted:
        model(input_ids=ids).logits.sum().backward()
    assert made.flops(64) * ids.numel() == pytest.approx(counted.get_total_flops(), rel=0.02)


@pytest.mark.slow
def test_without_a_gpu_it_runs_with_tiny_models_and_says_so() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "gpu_training.py"), "--cpu-smoke"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "CPU SMOKE TEST" in done.stdout
    assert "3.0 searches a rollout" in done.stdout
    *_, head, first, second, third, last = done.stdout.splitlines()
    assert "MFU" in head
    assert [line.split()[:2] for line in (first, second, third)] == [
        ["SFT", "tiny"],
        ["SFT", "small"],
        ["OPD", "tiny"],
    ]
    assert last.startswith("on CPU, attention sdpa")
