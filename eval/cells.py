"""Which rows are one measurement: the same model, benchmark, mode and retrieval.

All of it is read from the rows themselves, so that a dataset of `trajset collect` or `trajset import` is
reported on like one of `trajset eval`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from ..builder.schema import Row


class Mode(StrEnum):
    """What the model may rest on."""

    LIVE = "live"
    """It searches."""
    CLOSED_BOOK = "closed_book"
    """No tool: what memory alone gives."""
    GOLD_EVIDENCE = "gold_evidence"
    """The supporting passages are handed over with the question: reasoning alone."""
    NOISY = "noisy"
    """It searches, and a share of the searches is spoilt on purpose."""


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """A measurement. `noise` is as `--noise` takes it (`drop=0.1`), several parted by commas; empty: none.

    `retriever` is the search engine without the noise around it, empty in closed book.
    """

    benchmark: str
    model: str
    mode: Mode = Mode.LIVE
    noise: str = ""
    retriever: str = ""

    @property
    def title(self) -> str:
        """The mode, with the noise where there is some."""
        return f"{self.mode} {self.noise}" if self.noise else str(self.mode)


_NOISE = re.compile(r"noise\((?P<shares>[^()]*),seed=-?\d+\)/(?P<inner>.*)", re.DOTALL)
_MODES = {"closed_book": Mode.CLOSED_BOOK, "gold_evidence": Mode.GOLD_EVIDENCE}


@dataclass(frozen=True, slots=True)
class Made:
    """The columns of a row that tell its cell."""

    dataset: str
    teacher: str | None = None
    teacher_revision: str | None = None
    policy: str | None = None
    retriever: str | None = None

    @property
    def cell(self) -> Cell:
        """The measurement; the model is its name, with its revision after an @."""
        revision = f"@{self.teacher_revision}" if self.teacher_revision else ""
        return self.cell_named(f"{self.teacher or 'unknown'}{revision}")

    def cell_named(self, model: str) -> Cell:
        """The measurement, with the model under this name."""
        retriever, noise = self.retriever or "", ""
        if match := _NOISE.fullmatch(retriever):
            noise, retriever = match["shares"], match["inner"]
        mode = _MODES.get(self.policy or "", Mode.NOISY if noise else Mode.LIVE)
        if mode in (Mode.CLOSED_BOOK, Mode.GOLD_EVIDENCE):
            return Cell(self.dataset, model, mode)
        return Cell(self.dataset, model, mode, noise, retriever)


def cell_of(row: Row) -> Cell:
    """The measurement that a row belongs to; the model is its name, with its revision after an @."""
    made = row.provenance
    return Made(row.question.dataset, made.teacher, made.teacher_revision, made.policy, made.retriever).cell
