"""A report before it has a form: its words and sections, made once and shown three times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...filters.report.facts import Fact
from ...filters.report.plot import Plot
from ..results import Evaluation
from . import facts
from .beside import Beside
from .labels import Simulated, labels_of
from .section import Section
from .sections import sections


@dataclass(frozen=True, slots=True)
class Document:
    """What all forms of a report show. `simulated` where every figure is."""

    title: str
    warnings: tuple[str, ...]
    facts: tuple[Fact, ...]
    lead: tuple[Section, ...]
    measured: tuple[Section, ...]
    missing: tuple[Fact, ...]
    command: str | None
    simulated: bool

    @property
    def sections(self) -> tuple[Section, ...]:
        """All of them, what was written beside the numbers first."""
        return (*self.lead, *self.measured)

    @property
    def plots(self) -> tuple[Plot, ...]:
        """The plots of all sections."""
        return tuple(plot for section in self.sections for plot in section.plots)


def document(evaluation: Evaluation, lead: Sequence[Section] = (), beside: Beside = Beside.AUTO) -> Document:
    """The report of an evaluation, the given sections first."""
    labels = labels_of(evaluation)
    return Document(
        title=facts.title(evaluation),
        warnings=facts.warnings(evaluation, labels),
        facts=facts.facts(evaluation),
        lead=tuple(lead),
        measured=sections(evaluation, labels, beside),
        missing=facts.not_measured(evaluation),
        command=facts.command(evaluation),
        simulated=labels.simulated is Simulated.ALL,
    )
