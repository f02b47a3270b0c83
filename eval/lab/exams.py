"""The exams: questions about a world that no trainer has seen, live, noisy, closed book and adaptive."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from datetime import UTC, datetime

from ...builder.agent_config import LocalConfig
from ...builder.dataset import LocalDataset
from ...builder.retrieval_config import EvalRetrieval
from ...builder.schema import Row
from ..cells import Mode
from ..eval_config import EvalConfig
from ..evaluate import evaluate
from ..features import FeatureSource
from ..matrix import PlannedCell, plan_cells
from ..probe import ProbeRows, probe_model
from ..probe_options import FeatureOptions, ProbeOptions
from ..results_json import PROBE, ProbeFile, versions_here, write_probe
from .inputs import Card
from .places import Places
from .plan import Task
from .sizes import NOISE, Sizes

MODES = ("live", "noisy", "closed_book")
_TURNS = 5


def cells_of(places: Places, sizes: Sizes, task: Task) -> tuple[PlannedCell, ...]:
    """The measurements of a student of a seed."""
    seed = task.seed or 0
    options = EvalConfig(
        out=places.exams(seed),
        model=(str(places.model(task.model, seed)),),
        benchmark=("demo-world",),
        index=(str(places.exam_index),),
        mode=MODES,
        world=places.exam_world,
        seed=seed,
        k=1,
        max_tokens=sizes.max_tokens,
        max_turns=_TURNS,
        concurrency=64,
        local=LocalConfig(device="cpu", batch_size=64),
        retrieval=EvalRetrieval(noise=(NOISE,)),
    )
    return plan_cells(options)


def examine(places: Places, sizes: Sizes, task: Task, card: Card) -> bool:
    """Let a student take its exams, and probe it; whether all of it is finished, or a signal stopped it.

    Raises:
        DataError, StorageError: what lies there is damaged, or the disk refuses.
    """
    cells = cells_of(places, sizes, task)
    ends = evaluate(cells, card=card)
    if any(end.state == "stopped" for end in ends) or len(ends) < len(cells):
        return False
    failed = next((end.error for end in ends if end.error is not None), None)
    if failed is not None:
        raise failed
    _probe(places, cells, task, sizes)
    return True


def _probe(places: Places, cells: Iterable[PlannedCell], task: Task, sizes: Sizes) -> None:
    """Whether the student knows what it knows, and what adaptive search would cost."""
    rows = {cell.mode: _rows(cell) for cell in cells}
    seed = task.seed or 0
    source = FeatureSource(
        str(places.model(task.model, seed)),
        grammar=rows[Mode.CLOSED_BOOK][0].conversation.grammar,
        options=FeatureOptions(device="cpu", batch_size=64),
    )
    asked = ProbeRows(rows[Mode.CLOSED_BOOK], rows[Mode.LIVE])
    found = probe_model(source, asked, ProbeOptions(seed=seed, draws=min(sizes.draws, 2000)))
    command = shlex.join(["trajset", "lab", "--out", places.out.name])
    file = ProbeFile(found, command, datetime.now(UTC), versions_here())
    write_probe(places.probe(task.model, seed) / PROBE, file)


def _rows(cell: PlannedCell) -> list[Row]:
    return list(LocalDataset.open(cell.options.out / cell.slug).rows())
