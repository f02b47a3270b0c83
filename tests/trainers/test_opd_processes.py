"""Distillation in several processes: all generate equally often, however many turns each has to make."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="needs the extra [train]")

from live_rollouts import FORGED
from trajset.trainers.step_store import StepStore
from trajset.trainers.student import make_student

TESTS = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_processes_generate_in_step_and_the_first_keeps_all_rows(tmp_path):
    student = make_student(tmp_path / "student", [FORGED]).folder
    paths = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
            *(str(TESTS / "two_processes.py"), str(student), str(tmp_path / "run")),
        ],
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = {line["process"]: line for line in map(json.loads, _json_lines(done.stdout))}
    assert told[0]["calls"] == told[1]["calls"] == [2, 2, 2]
    assert told[0]["searches"] == told[1]["searches"] == 1.0
    rows = list(StepStore(tmp_path / "run" / "steps").rows())
    assert [row.question.question_id for row in rows] == ["q0", "q1", "q2", "q3"]
    assert [row.search_use.n_searches for row in rows] == [2, 2, 0, 0]


def _json_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith('{"process"')]
