"""What both templates are filled with, and the environment that fills them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape

from ..ablation_types import Ablation
from . import facts, forms, tables
from .columns import CLAIM, MADE_BY
from .plot import Plot
from .table import Table


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its plots and its table."""

    name: str
    title: str
    plots: tuple[Plot, ...]
    table: Table

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return sum(len(group.rows) for group in self.table.groups)

    @property
    def long(self) -> bool:
        """Whether the table is folded away, where a page can do that, and stands below the plots."""
        return self.rows > _LONG


_LONG = 24
"""Rows from which on a table is folded away."""


def environment(*packages: str) -> Environment:
    """Templates of further packages, then of this one: HTML escapes what it is given; a name that is not
    there is an error."""
    own = (__package__ or "").rpartition(".")[0]
    made = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in (*packages, own)]),
        autoescape=select_autoescape(("html.jinja",)),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters["clean"] = forms.clean
    return made


def context(ablation: Ablation, plots: Sequence[Plot]) -> dict[str, Any]:
    """The names that a template may use."""
    return {
        "ablation": ablation,
        "made_by": MADE_BY,
        "claim": CLAIM,
        "title": f"Filter ablation of {forms.cut(forms.clean(ablation.data), 80)}",
        "warnings": facts.warnings(ablation),
        "facts": facts.facts(ablation),
        "sections": sections(ablation, plots),
        "disagreements": facts.disagreements(ablation),
        "example_facts": facts.example_facts,
        "judges": facts.judges(ablation),
        "recipes": ablation.overall,
        "command": facts.command(ablation),
        "settings": facts.settings(ablation),
        "unknown": forms.UNKNOWN,
    }


def sections(ablation: Ablation, plots: Sequence[Plot]) -> tuple[Section, ...]:
    """The numbers, in the order in which a reader asks for them."""
    found = {plot.name: plot for plot in plots}

    def section(table: Table | None, *names: str) -> Section | None:
        own = tuple(found[name] for name in names if name in found)
        return None if table is None else Section(table.name, table.title, own, table)

    asked = (
        section(tables.outcomes(ablation), "accept_fdr", "accept_fpr"),
        section(tables.beside_published(ablation)),
        section(tables.kept_rows(ablation), "f1", "searches"),
        section(tables.overlaps(ablation), "overlap"),
        section(tables.outcomes_by_source(ablation), "sources"),
        section(tables.sweeps(ablation), "sweep"),
    )
    return tuple(one for one in asked if one is not None)
