"""A table before it has a form: the terminal, Markdown and HTML all show the same ones."""

from __future__ import annotations

from dataclasses import dataclass

from . import forms


@dataclass(frozen=True, slots=True)
class Column:
    """A heading; numbers stand to the right, names in a fixed-width face. What is not `narrow` is left out
    where there are only 80 columns."""

    heading: str
    numeric: bool = True
    code: bool = False
    narrow: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell says; `detail` is its interval, or why it is not known."""

    text: str
    detail: str = ""

    @property
    def unknown(self) -> bool:
        """Whether there is no value, and `detail` the reason."""
        return self.text == forms.UNKNOWN


Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Rows under a common heading (None where the table is not divided)."""

    heading: str | None
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `divided_by` names what the groups' headings are values of."""

    name: str
    title: str
    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    notes: tuple[str, ...] = ()
    divided_by: str = ""
