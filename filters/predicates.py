"""A recipe's predicate: one condition on the row, parsed and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from ..builder.errors import Problem, RecipeError
from .predicate_types import Kind, Names, column_kinds, kind_of
from .sql_text import Value, bounded, engine_sql, parse, readable_sql

_FIELD = "predicate"


@dataclass(frozen=True, slots=True)
class Predicate:
    """A checked predicate. `text` is what the author wrote; it may hold `$parameters`."""

    text: str
    tree: exp.Expr

    @classmethod
    def parse(cls, text: str, parameters: Mapping[str, Kind]) -> Predicate:
        """Parse and check a predicate over the row.

        Raises:
            RecipeError: a syntax error (with its position), an unknown column or parameter, SQL outside the
                part that both engines take alike, or an expression that is not true or false.
        """
        with bounded(text, _FIELD):
            tree = parse(text, _FIELD)
            kind = kind_of(tree, Names(column_kinds(), parameters, _FIELD))
        if kind is not Kind.BOOLEAN:
            rule, fix = f"must be true or false for each row, not {kind}", "Compare it, as in f1 > 0.5."
            raise RecipeError(str(Problem(_FIELD, rule, text, fix)))
        return cls(text, tree)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads, sorted."""
        return columns_of(self.tree)

    @property
    def parameters(self) -> frozenset[str]:
        """The parameters it uses."""
        return parameters_of(self.tree)

    def sql(self, values: Mapping[str, Value]) -> str:
        """The text for the engines, with the parameters filled in."""
        with bounded(self.text, _FIELD):
            return engine_sql(self.tree, values)

    def readable(self, values: Mapping[str, Value]) -> str:
        """The text on one line with the parameters filled in: for people, not for the engines."""
        return readable_sql(self.tree, values)


def columns_of(tree: exp.Expr) -> tuple[str, ...]:
    """The columns that a tree reads, sorted."""
    return tuple(sorted({column.name.lower() for column in tree.find_all(exp.Column)}))


def parameters_of(tree: exp.Expr) -> frozenset[str]:
    """The parameters that a tree uses."""
    return frozenset(str(node.this) for node in tree.find_all(exp.Placeholder))
