"""A recipe's `qualify`: a condition with window functions over the rows that the predicate accepts.

It is SQL's QUALIFY after WHERE. Both engines run the same plan: first the operands of all windows as columns,
then the windows over these columns, then the condition, in which each window is a column.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from sqlglot import exp

from ..builder.errors import Problem, RecipeError
from .predicate_types import Kind, Names, column_kinds, kind_of
from .predicates import columns_of, parameters_of
from .sql_text import Value, bounded, engine_sql, parse, readable_sql
from .windows import Window, check_window, window_of

_FIELD = "qualify"


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """What to compute, in this order: `operands` (column to SQL), `windows` (by column), the condition's SQL.

    `columns` are those of the row that are read; `id`, which breaks ties, is always among them.
    """

    columns: tuple[str, ...]
    operands: dict[str, str]
    windows: dict[str, Window]
    condition: str


@dataclass(frozen=True, slots=True)
class Qualify:
    """A checked condition with window functions. `text` is what the author wrote."""

    text: str
    tree: exp.Expr

    @classmethod
    def parse(cls, text: str, parameters: Mapping[str, Kind]) -> Qualify:
        """Parse and check.

        Raises:
            RecipeError: as for `Predicate.parse`; or a window function that the engines do not take alike, or
                none at all.
        """
        plain = Names(column_kinds(), parameters, _FIELD)
        names = Names(plain.columns, plain.parameters, _FIELD, partial(check_window, names=plain))
        with bounded(text, _FIELD):
            tree = parse(text, _FIELD)
            kind = kind_of(tree, names)
        if kind is not Kind.BOOLEAN:
            rule, fix = (
                f"must be true or false for each row, not {kind}",
                "Compare it, as in RANK() ... <= 3.",
            )
            raise RecipeError(str(Problem(_FIELD, rule, text, fix)))
        if tree.find(exp.Window) is None:
            fix = "Put a condition on the row alone into the predicate."
            raise RecipeError(str(Problem(_FIELD, "must hold a window function", text, fix)))
        return cls(text, tree)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it names, sorted."""
        return columns_of(self.tree)

    @property
    def parameters(self) -> frozenset[str]:
        """The parameters it uses."""
        return parameters_of(self.tree)

    def readable(self, values: Mapping[str, Value]) -> str:
        """The text on one line with the parameters filled in: for people, not for the engines."""
        return readable_sql(self.tree, values)

    def plan(self, values: Mapping[str, Value]) -> WindowPlan:
        """What the engines compute, with the parameters filled in."""
        operands: dict[str, str] = {}
        windows: dict[Window, str] = {}

        def operand(node: exp.Expr) -> str:
            return operands.setdefault(engine_sql(node, values), f"_operand_{len(operands)}")

        def named(node: exp.Expr) -> exp.Expr:
            if not isinstance(node, exp.Window):
                return node
            window = window_of(node, operand)
            return exp.column(windows.setdefault(window, f"_window_{len(windows)}"))

        with bounded(self.text, _FIELD):
            condition = engine_sql(self.tree.transform(named), values)
        return WindowPlan(
            tuple(sorted({*self.columns, "id"})),
            {name: sql for sql, name in operands.items()},
            {name: window for window, name in windows.items()},
            condition,
        )
