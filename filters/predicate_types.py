"""What a recipe's predicate may say: a small typed part of SQL that DuckDB and Polars understand alike.

Everything outside it is refused before anything runs, because the engines differ there (case folding,
rounding, integer overflow, casts) or because it reads more than the row (subqueries, files, aggregates).
`tests/filters/test_parity.py` generates predicates from this part and demands equal verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from datasets import Features, Value
from sqlglot import exp

from ..builder.errors import Problem, RecipeError, unknown
from ..builder.schema import FEATURES

ALLOWED = (
    "=, <>, <, <=, >, >=, IS [NOT] DISTINCT FROM, BETWEEN, IN (values), LIKE with a fixed pattern, IS NULL, "
    "AND, OR, NOT, CASE WHEN, IF, COALESCE, NULLIF, ABS, LENGTH, + - * /"
)


class Kind(StrEnum):
    """What an expression is worth. NULL alone is `NOTHING`, which goes with every kind."""

    BOOLEAN = "true or false"
    NUMBER = "a number"
    TEXT = "text"
    NOTHING = "null"


_VALUE_KINDS = {"bool": Kind.BOOLEAN, "int64": Kind.NUMBER, "float64": Kind.NUMBER, "string": Kind.TEXT}


def column_kinds(features: Features = FEATURES) -> dict[str, Kind]:
    """The columns that a predicate may use: scalar ones of a kind that both engines treat alike."""
    kinds = {
        name: _VALUE_KINDS.get(feature.dtype)
        for name, feature in features.items()
        if isinstance(feature, Value)
    }
    return {name: kind for name, kind in kinds.items() if kind is not None}


@dataclass(frozen=True, slots=True)
class Names:
    """What SQL may refer to."""

    columns: Mapping[str, Kind]
    parameters: Mapping[str, Kind]
    field: str
    """Where the SQL stands, for messages: `predicate` or `qualify`."""
    window: Callable[[exp.Window], Kind] | None = None
    """Checks a window function; None where none may stand."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """`takes` is the kind of all operands (None: any, but the same), `gives` that of the result."""

    takes: Kind | None
    gives: Kind | None


_SAME = _Rule(None, None)
_COMPARISON = _Rule(None, Kind.BOOLEAN)
_LOGIC = _Rule(Kind.BOOLEAN, Kind.BOOLEAN)
_ARITHMETIC = _Rule(Kind.NUMBER, Kind.NUMBER)

_RULES: dict[type[exp.Expr], _Rule] = {
    exp.Paren: _SAME,
    exp.Coalesce: _SAME,
    exp.Nullif: _SAME,
    exp.And: _LOGIC,
    exp.Or: _LOGIC,
    exp.Not: _LOGIC,
    exp.EQ: _COMPARISON,
    exp.NEQ: _COMPARISON,
    exp.GT: _COMPARISON,
    exp.GTE: _COMPARISON,
    exp.LT: _COMPARISON,
    exp.LTE: _COMPARISON,
    exp.NullSafeEQ: _COMPARISON,
    exp.NullSafeNEQ: _COMPARISON,
    exp.Between: _COMPARISON,
    exp.In: _COMPARISON,
    exp.Like: _Rule(Kind.TEXT, Kind.BOOLEAN),
    exp.Length: _Rule(Kind.TEXT, Kind.NUMBER),
    exp.Abs: _ARITHMETIC,
    exp.Neg: _ARITHMETIC,
    exp.Add: _ARITHMETIC,
    exp.Sub: _ARITHMETIC,
    exp.Mul: _ARITHMETIC,
    exp.Div: _ARITHMETIC,
}

_OPERANDS = frozenset({"this", "expression", "expressions", "low", "high"})


def kind_of(node: exp.Expr, names: Names) -> Kind:
    """The kind of an expression.

    Raises:
        RecipeError: an unknown column or parameter, kinds that do not go together, or SQL outside `ALLOWED`.
    """
    if isinstance(node, exp.Column):
        return _column(node, names)
    if isinstance(node, exp.Placeholder):
        return _look_up("parameter", str(node.this), names.parameters)
    if isinstance(node, exp.Case | exp.If):
        return _case(node, names)
    if isinstance(node, exp.Is):
        return _is(node, names)
    if isinstance(node, exp.Window):
        return _window(node, names)
    return _leaf(node, names) or _operation(node, names)


def _window(node: exp.Window, names: Names) -> Kind:
    if names.window is None:
        rule = "must leave window functions to `qualify`, and not put one into another"
        raise refuse(node, names, rule, 'Write them as qualify = "..." beside the predicate.')
    return names.window(node)


def _leaf(node: exp.Expr, names: Names) -> Kind | None:
    if isinstance(node, exp.Literal) and node.is_string:
        return Kind.TEXT
    if isinstance(node, exp.Literal):
        if math.isinf(float(node.this)):
            raise refuse(
                node, names, "must keep its numbers within double precision", "Write a smaller number."
            )
        return Kind.NUMBER
    if isinstance(node, exp.Boolean):
        return Kind.BOOLEAN
    return Kind.NOTHING if isinstance(node, exp.Null) else None


def _column(node: exp.Column, names: Names) -> Kind:
    if node.table:
        raise refuse(node, names, "must name columns without a table", "Write the column's name alone.")
    name = node.name.lower()
    if name in FEATURES and name not in names.columns:
        fix = f"Usable columns: {', '.join(names.columns)}."
        raise refuse(node, names, "must use columns of numbers, text or true/false", fix)
    return _look_up("column", name, names.columns)


def _look_up(what: str, name: str, known: Mapping[str, Kind]) -> Kind:
    if name not in known:
        raise RecipeError(str(unknown(what, name, known)))
    return known[name]


def _case(node: exp.Case | exp.If, names: Names) -> Kind:
    if isinstance(node, exp.Case) and node.this is not None:
        raise refuse(
            node, names, "must write CASE with conditions", "Write CASE WHEN condition THEN value ... END."
        )
    branches = cast("list[exp.If]", node.args["ifs"]) if isinstance(node, exp.Case) else [node]
    for branch in branches:
        expect(Kind.BOOLEAN, branch.this, names)
    default = node.args.get("default") or node.args.get("false")
    values = [branch.args["true"] for branch in branches] + ([default] if default is not None else [])
    return _common(node, values, names)


def _is(node: exp.Is, names: Names) -> Kind:
    if isinstance(node.expression, exp.Boolean):
        expect(Kind.BOOLEAN, node.this, names)
    elif isinstance(node.expression, exp.Null):
        kind_of(node.this, names)
    else:
        raise refuse(node, names, "must use IS with NULL, TRUE or FALSE", "Use = to compare values.")
    return Kind.BOOLEAN


def _operation(node: exp.Expr, names: Names) -> Kind:
    rule = _RULES.get(type(node))
    extra = {name for name, value in node.args.items() if value} - _OPERANDS
    if rule is None or extra - ({"negate"} if isinstance(node, exp.Like) else set()):
        raise refuse(node, names, "must keep to what both engines take alike", f"Usable: {ALLOWED}.")
    if isinstance(node, exp.Like) and not isinstance(node.expression, exp.Literal | exp.Placeholder):
        raise refuse(node, names, "must use LIKE with a fixed pattern", "Write the pattern in quotes.")
    if isinstance(node, exp.In) and not node.expressions:
        raise refuse(
            node, names, "must use IN with at least one value", "Write the values, as in hops IN (2, 3)."
        )
    common = _common(node, _operands(node), names)
    if rule.takes is not None and common not in (rule.takes, Kind.NOTHING):
        raise _mismatch(node, names, f"needs {rule.takes}", common)
    return rule.gives or common


def _operands(node: exp.Expr) -> list[exp.Expr]:
    values = [node.args.get(name) for name in ("this", "expression", "low", "high")]
    many = cast("list[exp.Expr]", node.args.get("expressions") or [])
    return [value for value in values if isinstance(value, exp.Expr)] + many


def _common(node: exp.Expr, values: Iterable[exp.Expr], names: Names) -> Kind:
    """The one kind of all values, nulls aside."""
    kinds = dict.fromkeys(kind_of(value, names) for value in values)
    kinds.pop(Kind.NOTHING, None)
    if len(kinds) > 1:
        raise _mismatch(node, names, "needs values of one kind", " and ".join(kinds))
    return next(iter(kinds), Kind.NOTHING)


def expect(kind: Kind, node: exp.Expr, names: Names) -> None:
    """Refuse an expression that is not of that kind.

    Raises:
        RecipeError: it is of another kind, or see `kind_of`.
    """
    found = kind_of(node, names)
    if found not in (kind, Kind.NOTHING):
        raise _mismatch(node, names, f"must be {kind} here", found)


def _mismatch(node: exp.Expr, names: Names, rule: str, found: str) -> RecipeError:
    return refuse(node, names, f"{rule}, not {found}", "See `trajset schema` for the columns' types.")


def refuse(node: exp.Expr, names: Names, rule: str, fix: str) -> RecipeError:
    """The error for a piece of SQL that may not stand where it does."""
    return RecipeError(str(Problem(names.field, rule, node.sql("duckdb"), fix)))
