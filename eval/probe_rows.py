"""The rows that a probe is about: one model, one benchmark, closed book and live."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..builder.errors import DataError, Problem
from ..builder.schema import Row
from .cells import Cell, Mode, cell_of
from .probe import ProbeRows

_SEARCHING = (Mode.LIVE, Mode.NOISY)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows. `model` is what rows call it; `noise` as in a `Cell`, empty for none; `benchmark` may be
    left open where there is one only."""

    model: str
    benchmark: str | None = None
    noise: str = ""


def probe_rows(closed: Iterable[Row], live: Iterable[Row], wanted: Wanted) -> ProbeRows:
    """Of the rows of any evaluations those that go together. Where all closed-book rows are of one model,
    it need not be called as wanted: a server may know it by another name.

    Raises:
        DataError: there are no closed-book rows, or what is wanted leaves several models, benchmarks or
            search engines to choose from.
    """
    found = _by_cell(closed, wanted, (Mode.CLOSED_BOOK,))
    named = {cell: rows for cell, rows in found.items() if cell.model.partition("@")[0] == wanted.model}
    cell = _one("--closed-book", named or found, "Give --benchmark; of several models, --model.")
    beside = {
        other: rows
        for other, rows in _by_cell(live, wanted, _SEARCHING).items()
        if (other.benchmark, other.model, other.noise) == (cell.benchmark, cell.model, wanted.noise)
    }
    fix = "Give a --live dataset or split with rows of one search engine."
    return ProbeRows(found[cell], beside[_one("--live", beside, fix)] if beside else ())


def _by_cell(rows: Iterable[Row], wanted: Wanted, modes: Sequence[Mode]) -> dict[Cell, list[Row]]:
    found: dict[Cell, list[Row]] = {}
    for row in rows:
        cell = cell_of(row)
        if cell.mode in modes and wanted.benchmark in (None, cell.benchmark):
            found.setdefault(cell, []).append(row)
    return found


def _one(option: str, found: dict[Cell, list[Row]], fix: str) -> Cell:
    """The only cell.

    Raises:
        DataError: there is none, or there are several.
    """
    if len(found) == 1:
        return next(iter(found))
    if not found:
        rule = "must hold closed-book rows (policy closed_book) of the benchmark"
        fix = "Make them with `trajset eval --mode closed_book`."
        raise DataError(str(Problem(option, rule, "none", fix)))
    names = [" ".join(filter(None, (cell.benchmark, cell.model, cell.retriever))) for cell in sorted(found)]
    rule = "must leave the rows of one measurement"
    raise DataError(str(Problem(option, rule, "; ".join(names), fix)))
