"""The scheduler: order, what is done already, a task that breaks, Ctrl-C."""

import os
from pathlib import Path

import pytest
from lab_work import break_at_base, nothing, stop_parent_at_base, trace
from trajset.builder.errors import DataError
from trajset.eval.lab.places import Places
from trajset.eval.lab.plan import plan
from trajset.eval.lab.run import Watch, run_tasks
from trajset.eval.lab.sizes import SMOKE
from trajset.eval.lab.work import Hands, Perform

TASKS = plan(1)


class Lab:
    """A folder in which the tasks leave traces."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.begun: list[str] = []
        self.done: list[str] = []

    def run(self, perform: Perform, workers: int = 2) -> bool:
        watch = Watch(
            lambda task: self.begun.append(task.name), lambda task, end: self.done.append(task.name)
        )
        return run_tasks(TASKS, Hands(self.out, SMOKE, nothing, nothing), workers, watch, perform)

    @property
    def trace(self) -> list[str]:
        lines = (self.out / "trace.txt").read_text("utf-8").split("\n")[:-1]
        assert {line.split()[1] for line in lines} == {"1"}
        return [line.split()[0] for line in lines]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def needs(name: str) -> tuple[str, ...]:
    return next(task for task in TASKS if task.name == name).needs


def test_every_task_is_done_once_and_after_what_it_needs(lab: Lab) -> None:
    before = dict(os.environ)
    assert lab.run(trace)
    assert dict(os.environ) == before
    assert sorted(lab.trace) == sorted(task.name for task in TASKS)
    for place, name in enumerate(lab.done):
        assert set(needs(name)) <= set(lab.done[:place])
    again = Lab(lab.out)
    assert again.run(trace)
    assert again.begun == []


def test_a_task_that_breaks_ends_the_run_and_the_next_goes_on(lab: Lab) -> None:
    with pytest.raises(DataError, match="the base broke"):
        lab.run(break_at_base, workers=1)
    assert "base" not in lab.trace
    before = set(lab.trace)
    assert lab.run(trace)
    assert sorted(lab.trace) == sorted(task.name for task in TASKS)
    assert before < set(lab.trace)


def test_ctrl_c_reaches_the_worker_and_the_next_run_goes_on(
    lab: Lab, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also where another worker has nothing to do: `base` and `rows-0` are all that can be done then."""
    assert lab.run(stop_parent_at_base, workers=2) is False
    assert "Traceback" not in capfd.readouterr().err
    assert Places(lab.out).end("base") is None
    assert Places(lab.out).end("inputs") is not None
    assert lab.run(trace)
    assert sorted(lab.trace) == sorted(task.name for task in TASKS)
