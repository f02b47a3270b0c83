"""What the driver of a Ray run sustains: rows a second from its workers into the journal.

Workers on this machine hand back a row of a dataset at once, made unique by its position: no model, no
search. What remains is what the driver does for each rollout: hand out the task, take the row, commit it.

    python benchmarks/scale.py DATASET [--rows 5000] [--workers 2] [--concurrency 128]

Needs the extra [ray]. CPU is of the driver alone, a row.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from machine import describe
from trajset.builder.config import ScaleConfig
from trajset.builder.dataset import LocalDataset
from trajset.builder.journal import FILE_NAME, Journal
from trajset.builder.scale import Pool
from trajset.builder.scale_worker import Kit, Place
from trajset.builder.schema import Row


class Copies:
    """A station, and what opens it: rows of a dataset, over and over."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows

    def open(self, place: Place) -> Copies:
        """Itself."""
        return self

    async def do(self, position: int) -> Row:
        """The row of a position."""
        row = self._rows[position % len(self._rows)]
        return replace(row, identity=replace(row.identity, id=f"{position:016x}"))

    async def aclose(self) -> None:
        """Nothing to free."""


async def rows_a_second(rows: list[Row], count: int, workers: int, concurrency: int) -> tuple[float, float]:
    """Rows a second, and milliseconds of the driver's CPU a row, once the workers are up."""
    scale = ScaleConfig(ray=True, ray_workers=workers, ray_cpus=0)
    pool = Pool(scale, concurrency, Kit(Copies(rows)), print)
    left = iter(range(count))

    async def one_place(journal: Journal) -> None:
        for position in left:
            journal.record(position, await pool.do(position))

    with (
        tempfile.TemporaryDirectory() as folder,
        Journal.begin(Path(folder) / FILE_NAME, {}, count) as journal,
    ):
        try:
            await asyncio.gather(*(pool.do(0) for _ in range(concurrency)))
            wall, cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(*(one_place(journal) for _ in range(concurrency)))
            took = time.perf_counter() - wall
            return count / took, (time.process_time() - cpu) * 1000 / count
        finally:
            await pool.aclose()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--concurrency", type=int, default=128)
    asked = parser.parse_args()
    rows = list(LocalDataset.open(asked.dataset).rows())[:500]
    rate, cpu_ms = asyncio.run(rows_a_second(rows, asked.rows, asked.workers, asked.concurrency))
    print(describe("ray"))
    print(f"{asked.rows:,} rows, {asked.workers} workers: {rate:,.0f} rows/s, {cpu_ms:.2f} ms of CPU a row")


if __name__ == "__main__":
    main()
