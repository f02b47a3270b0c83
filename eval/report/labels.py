"""What models, benchmarks and modes are called and drawn as: the same throughout a report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from ...builder.world.questions import DATASET as DEMO_WORLD
from ...filters.report.figure import HUES, MARKERS, Colour, Series
from ...filters.report.forms import clean
from ..cells import Cell, Mode
from ..results import Evaluation

MODES = {
    Mode.LIVE: Series("live", Colour.BLUE, "o", "-"),
    Mode.CLOSED_BOOK: Series("closed book", Colour.OCHRE, "s", "--"),
    Mode.GOLD_EVIDENCE: Series("gold evidence", Colour.GREEN, "D", "-."),
    Mode.NOISY: Series("noisy", Colour.PURPLE, "^", ":"),
}
"""How a mode looks wherever it is drawn."""

PUBLISHED = Series("published", Colour.MUTED, "X", ":")

_DASHES = ("-", "--", "-.", ":")
_REVISION = re.compile(r"@[0-9a-f]{12,64}\Z")
_SHORT = 9
_ENGINE = 28
"""Most characters of a search engine's name."""


class Simulated(StrEnum):
    """How much of an evaluation is simulated."""

    NONE = "none"
    SOME = "some"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Labels:
    """Models in their order; `engines` where one benchmark was searched with several search engines."""

    models: tuple[str, ...]
    engines: frozenset[str]
    simulated: Simulated

    def model(self, model: str) -> str:
        """The name of a model, a commit cut to 8 digits where that leaves it the only one of its name."""
        short = _short(model)
        return short if [_short(other) for other in self.models].count(short) < 2 else model

    def benchmark(self, benchmark: str) -> str:
        """A benchmark, called simulated where the world is; the headings say so where everything is."""
        return benchmark if self.simulated is Simulated.ALL else named_as_it_is(benchmark)

    def searcher(self, cell: Cell) -> tuple[str, ...]:
        """The model, and the search engine where there are several, as lines of a plot."""
        engine = self.engine(cell.benchmark, cell.retriever)
        return (self.model(cell.model), engine) if engine else (self.model(cell.model),)

    def mode(self, cell: Cell) -> str:
        """The mode, with the noise, and the search engine where there are several."""
        name = f"{MODES[cell.mode].name} {cell.noise}".rstrip()
        engine = self.engine(cell.benchmark, cell.retriever)
        return f"{name}, {engine}" if engine else name

    def engine(self, benchmark: str, retriever: str) -> str:
        """The search engine, empty where the benchmark was searched with one alone."""
        return _cut(retriever) if benchmark in self.engines else ""

    def series(self, model: str) -> Series:
        """The colour, marker and dashes of a model, never by colour alone."""
        number = self.models.index(model)
        place = (HUES[number % len(HUES)], MARKERS[number % len(MARKERS)], _DASHES[number % len(_DASHES)])
        return Series(clean(self.model(model)), *place)


def named_as_it_is(benchmark: str) -> str:
    """A benchmark, called simulated where the world is."""
    return f"{benchmark} (simulated)" if benchmark == DEMO_WORLD else benchmark


def _cut(engine: str) -> str:
    return engine if len(engine) <= _ENGINE else f"{engine[: _ENGINE - 1]}…"


def _short(model: str) -> str:
    found = _REVISION.search(model)
    return model[: found.start() + _SHORT] if found else model


def labels_of(evaluation: Evaluation) -> Labels:
    """The labels of all that an evaluation measured."""
    models = tuple(dict.fromkeys(model for _, model in _named(evaluation)))
    return Labels(models, frozenset(_several_engines(evaluation)), _scope(evaluation))


def is_simulated(benchmark: str, model: str) -> bool:
    """Whether the world or the model is a program of trajset."""
    return benchmark == DEMO_WORLD or model.startswith("simulated")


def _scope(evaluation: Evaluation) -> Simulated:
    """What the evaluation calls simulated without a name that shows it, is so as a whole."""
    found = [is_simulated(*names) for names in _named(evaluation)]
    found += [probe.simulated for probe in evaluation.probes]
    if not (evaluation.simulated or any(found)):
        return Simulated.NONE
    return Simulated.SOME if any(found) and not all(found) else Simulated.ALL


def _named(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    """Every benchmark and model, in the order of the report."""
    for cell in _cells(evaluation):
        yield cell.benchmark, cell.model
    for one in (*evaluation.noise, *evaluation.losses, *evaluation.probes):
        yield one.benchmark, one.model


def _cells(evaluation: Evaluation) -> Iterator[Cell]:
    yield from (summary.cell for summary in evaluation.summaries)
    for pair in evaluation.paired:
        yield from (pair.first, pair.second)
    yield from (one.cell for one in evaluation.failures)


def _several_engines(evaluation: Evaluation) -> Iterator[str]:
    engines: dict[str, set[str]] = {}
    for cell in _cells(evaluation):
        if cell.retriever:
            engines.setdefault(cell.benchmark, set()).add(cell.retriever)
    return (benchmark for benchmark, found in engines.items() if len(found) > 1)


def by_benchmark(cells: Iterable[Cell]) -> list[str]:
    """The benchmarks in the order in which they first come."""
    return list(dict.fromkeys(cell.benchmark for cell in cells))
